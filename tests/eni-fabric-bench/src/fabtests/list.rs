//! Which commands `runfabtests.sh` runs, and which of them a provider may fail, as libfabric's own files say it.

use regex::Regex;
use std::io;

/// How a command is run and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// By itself.
    Unit,
    /// By itself; it must find no provider.
    Negative,
    /// As server and as client.
    Pair,
}

/// One command of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) kind: Kind,
    pub(super) command: String,
}

impl Test {
    /// The program's name.
    pub(super) fn program(&self) -> &str {
        self.command.split_whitespace().next().unwrap_or_default()
    }

    /// Asks for a check of the data, where that is not done yet.
    pub(super) fn check_data(&mut self) {
        if !self.command.split_whitespace().any(|word| word == "-v") {
            self.command.push_str(" -v");
        }
    }
}

/// The arrays of the script that its test set `quick` is made of.
const QUICK: [(&str, Kind); 4] = [
    ("unit_tests", Kind::Unit),
    ("neg_unit_tests", Kind::Negative),
    ("functional_tests", Kind::Pair),
    ("short_tests", Kind::Pair),
];

/// The quick list.
///
/// # Errors
/// The script has not the arrays.
pub(super) fn quick(script: &str) -> io::Result<Vec<Test>> {
    let mut tests = Vec::new();
    for (name, kind) in QUICK {
        let commands = array(script, name)
            .ok_or_else(|| io::Error::other(format!("runfabtests.sh has no {name}")))?;
        tests.extend(commands.map(|command| Test {
            kind,
            command: command.to_owned(),
        }));
    }
    Ok(tests)
}

/// The quoted words of an array of bash.
fn array<'a>(script: &'a str, name: &str) -> Option<impl Iterator<Item = &'a str>> {
    let opening = format!("{name}=(");
    // At the beginning of a line: one name ends with another.
    let start = if script.starts_with(&opening) {
        opening.len()
    } else {
        script.find(&format!("\n{opening}"))? + 1 + opening.len()
    };
    let body = &script[start..];
    let body = &body[..body.find("\n)")?];
    Some(body.split('"').skip(1).step_by(2))
}

/// What a provider may fail.
#[derive(Debug, Default)]
pub(super) struct Excluded(Vec<Regex>);

impl Excluded {
    /// One pattern a line; blank lines and lines with `#` say nothing, as in `runfabtests.sh`.
    pub(super) fn parse(text: &str) -> io::Result<Self> {
        let lines = text.lines().map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty() && !line.contains('#'));
        let parsed = patterns.map(|pattern| Regex::new(pattern).map_err(io::Error::other));
        Ok(Self(parsed.collect::<io::Result<_>>()?))
    }

    pub(super) fn names(&self, command: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_match(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "x=1\nneg_unit_tests=(\n\t\"fi_rdm nobody\"\n)\nfunctional_tests=(\n\t\"fi_bw -e rdm -v\"\n\
        \t\"fi_msg\"\n)\n\nshort_tests=(\n)\nunit_tests=(\n\t\"fi_eq_test\"\n)\n";

    #[test]
    fn the_quick_list_is_what_the_script_says_and_no_array_is_taken_for_another() {
        let tests = quick(SCRIPT).unwrap();
        let said: Vec<_> = tests
            .iter()
            .map(|test| (test.kind, test.command.as_str(), test.program()))
            .collect();
        assert_eq!(
            said,
            [
                (Kind::Unit, "fi_eq_test", "fi_eq_test"),
                (Kind::Negative, "fi_rdm nobody", "fi_rdm"),
                (Kind::Pair, "fi_bw -e rdm -v", "fi_bw"),
                (Kind::Pair, "fi_msg", "fi_msg"),
            ]
        );
        assert!(quick("unit_tests=(\n)\n").is_err());
    }

    #[test]
    fn the_check_of_the_data_is_asked_for_once() {
        let mut tests = quick(SCRIPT).unwrap();
        for test in &mut tests {
            test.check_data();
        }
        assert_eq!(tests[2].command, "fi_bw -e rdm -v");
        assert_eq!(tests[3].command, "fi_msg -v");
    }

    #[test]
    fn patterns_are_found_anywhere_and_comments_exclude_nothing() {
        let excluded = Excluded::parse("# msg\n\n  multi_mr\nfi_rdm$\n#poll\n").unwrap();
        for (command, wanted) in [
            ("fi_multi_mr -e rdm -V", true),
            ("fi_rdm", true),
            ("fi_rdm -U", false),
            ("fi_msg", false),
            ("fi_poll -t queue", false),
        ] {
            assert_eq!(excluded.names(command), wanted, "{command}");
        }
    }
}
