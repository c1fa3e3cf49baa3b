//! Text that should not be in the repository, and files that grow too long.
//!
//! Function length is clippy's (`too_many_lines`); this task keeps the list of its exemptions.

use crate::repository::{self, Failure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files over the limit and functions exempt from clippy's, each with a count that may only fall.
const RATCHET: &str = "xtask/tidy-ratchet.txt";
/// The house's rule for a file is 500 lines; this is where a review turns into a failure.
const MAX_FILE_LINES: usize = 600;
/// Kinds of files whose length counts.
const CODE: [&str; 3] = ["rs", "py", "sh"];
/// Where `cargo xtask api` writes: its declarations are what is read.
const WRITTEN: &str = "control/model/src/api";

/// Runs the check.
pub(crate) fn run() -> Result<(), Failure> {
    let ratchet = read_ratchet()?;
    let mut measured = BTreeMap::new();
    let mut findings = Vec::new();
    let files = repository::files()?;
    for path in &files {
        let Some(text) = repository::text(path)? else {
            continue;
        };
        let is_lock = path
            .extension()
            .is_some_and(|extension| extension == "lock");
        if !is_lock {
            findings.extend(text_findings(path, &text));
        }
        measure(path, &text, &mut measured);
    }
    findings.extend(ratchet_findings(&ratchet, &measured));
    println!("tidy: {} files, {} exemptions", files.len(), ratchet.len());
    repository::conclude("tidy", findings)
}

/// What the ratchet counts: lines of a long file, or exemptions from the function length in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    Lines,
    LongFunctions,
}

type Measured = BTreeMap<(Measure, PathBuf), usize>;

fn measure(path: &Path, text: &str, measured: &mut Measured) {
    let is_code = path
        .extension()
        .is_some_and(|e| CODE.iter().any(|code| e == *code));
    if !is_code || path.starts_with(WRITTEN) {
        return;
    }
    let lines = text.lines().count();
    if lines > MAX_FILE_LINES {
        measured.insert((Measure::Lines, path.to_owned()), lines);
    }
    // Written apart so that this file does not count itself.
    let exemption = concat!("clippy::too_many", "_lines");
    let exemptions = text.matches(exemption).count();
    if exemptions > 0 {
        measured.insert((Measure::LongFunctions, path.to_owned()), exemptions);
    }
}

fn read_ratchet() -> Result<Measured, Failure> {
    let list = repository::text(Path::new(RATCHET))?.unwrap_or_default();
    let mut ratchet = Measured::new();
    for line in list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let entry = parse_entry(line)
            .ok_or_else(|| Failure::Other(format!("{RATCHET}: cannot read the line {line:?}")))?;
        ratchet.insert(entry.0, entry.1);
    }
    Ok(ratchet)
}

fn parse_entry(line: &str) -> Option<((Measure, PathBuf), usize)> {
    let mut words = line.split_whitespace();
    let measure = match words.next()? {
        "lines" => Measure::Lines,
        "long-functions" => Measure::LongFunctions,
        _ => return None,
    };
    let count = words.next()?.parse().ok()?;
    Some(((measure, PathBuf::from(words.next()?)), count))
}

fn ratchet_findings(ratchet: &Measured, measured: &Measured) -> Vec<String> {
    let mut findings = Vec::new();
    for ((measure, path), &count) in measured {
        let allowed = ratchet.get(&(*measure, path.clone())).copied().unwrap_or(0);
        let path = path.display();
        match measure {
            Measure::Lines if count > allowed.max(MAX_FILE_LINES) => {
                let limit = allowed.max(MAX_FILE_LINES);
                findings.push(format!("{path}: {count} lines, at most {limit}: split it"));
            }
            Measure::LongFunctions if count > allowed => findings.push(format!(
                "{path}: {count} exemptions from the function length, at most {allowed}"
            )),
            Measure::Lines | Measure::LongFunctions => {}
        }
    }
    for ((measure, path), &allowed) in ratchet {
        let count = measured
            .get(&(*measure, path.clone()))
            .copied()
            .unwrap_or(0);
        if count < allowed {
            let path = path.display();
            findings.push(format!(
                "{RATCHET}: {path} is down to {count}, lower its {allowed}"
            ));
        }
    }
    findings
}

/// Words that mark unfinished work; spelt in halves so that this file passes its own check.
const MARKS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("dbg", "!("),
];
/// Starts of paths of the machines that this was written on.
const MACHINE_PATHS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/tmp/br", "ief"),
];
/// Hosts that packages come from: which mirror serves them is the machine's business.
const PACKAGE_HOSTS: [&str; 7] = [
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("crates", ".io"),
    concat!("deb.debian", ".org"),
    concat!("static.rust", "-lang.org"),
    concat!("rustup", ".rs"),
    concat!("ghcr", ".io"),
];
const CONFLICT: &str = concat!("<<<<", "<<< ");

fn text_findings(path: &Path, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = format!("{}:{}", path.display(), index + 1);
        for mark in MARKS.into_iter().filter(|mark| has_word(line, mark)) {
            findings.push(format!("{at}: unfinished work ({mark})"));
        }
        for start in MACHINE_PATHS
            .into_iter()
            .filter(|start| has_path(line, start))
        {
            findings.push(format!("{at}: a path of one machine ({start})"));
        }
        for host in PACKAGE_HOSTS.into_iter().filter(|host| line.contains(host)) {
            findings.push(format!("{at}: a package host ({host})"));
        }
        if line.starts_with(CONFLICT) {
            findings.push(format!("{at}: an unresolved merge"));
        }
    }
    findings
}

/// Whether `line` has `word` not inside a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_letter);
        let after = line[at + word.len()..]
            .chars()
            .next()
            .is_some_and(is_letter);
        !before && !after
    })
}

/// Whether `line` has an absolute path that begins with `start`, not one inside another path.
fn has_path(line: &str, start: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')' | '*');
    line.match_indices(start)
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(continues))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_words_and_paths_are_absolute() {
        assert!(has_word(concat!("// TO", "DO: later"), MARKS[0]));
        assert!(!has_word(concat!("MASTO", "DON"), MARKS[0]));
        assert!(has_path(concat!("cd \"/wo", "rk/main\""), MACHINE_PATHS[0]));
        assert!(!has_path(concat!("target/wo", "rk/main"), MACHINE_PATHS[0]));
    }

    #[test]
    fn the_ratchet_turns_one_way() {
        let entry = |count| Measured::from([((Measure::Lines, PathBuf::from("a.rs")), count)]);
        let cases = [
            // exempt up to, measured, findings
            (entry(700), entry(700), 0),
            (entry(700), entry(701), 1),
            (entry(700), entry(650), 1),
            (entry(700), Measured::new(), 1),
            (Measured::new(), entry(601), 1),
        ];
        for (ratchet, measured, want) in cases {
            let findings = ratchet_findings(&ratchet, &measured);
            assert_eq!(findings.len(), want, "{findings:?}");
        }
    }

    #[test]
    fn ratchet_entries_name_measure_count_and_path() {
        let want = ((Measure::LongFunctions, PathBuf::from("src/a.rs")), 2);
        assert_eq!(parse_entry("long-functions 2 src/a.rs"), Some(want));
        assert_eq!(parse_entry("lines many src/a.rs"), None);
    }
}
