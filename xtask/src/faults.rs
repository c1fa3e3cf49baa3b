//! Plants the deliberate faults of `tests/faults.toml` one by one, and asks whether the test named beside each catches it.
//!
//! A copy of the sources under `target/faults/` is what gets broken, never the checkout. Before anything is planted all
//! the named tests must pass there, unless they have just passed in the checkout (`--tested`), so that a test that fails
//! anyway does not count as one that catches; and a fault that does not compile has caught nothing.

use crate::repository::{self, Failure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const LIST: &str = "tests/faults.toml";
/// `NextestExitCode::TEST_RUN_FAILED`: the tests were built and run, and one of them failed.
const TESTS_FAILED: i32 = 100;
/// What property tests draw their cases by (proptest's `PROPTEST_RNG_SEED`): a fault that is caught is caught each time. Runs
/// of the tests themselves draw others.
const CASES: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

/// Options of `cargo xtask faults`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the faults whose names contain one of these; all without.
    names: Vec<String>,
    /// The tests have passed in this checkout: they are not run before anything is planted.
    #[arg(long)]
    tested: bool,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    fault: Vec<Fault>,
}

/// One deliberate fault.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    /// What it does, in words with hyphens; unique.
    name: String,
    /// The file to break.
    file: PathBuf,
    /// Text that occurs there once.
    before: String,
    /// What takes its place.
    after: String,
    /// The package of the test that catches it.
    package: String,
    /// That test's name, in full.
    test: String,
    /// Whether the file is part of the eBPF object, which is then built anew.
    #[serde(default)]
    ebpf: bool,
}

/// The copy of the sources that faults are planted in.
struct Copy {
    root: PathBuf,
    build: PathBuf,
}

/// Plants each fault and fails with those that nothing caught.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let faults = read()?;
    let wanted = |fault: &&Fault| {
        options.names.is_empty() || options.names.iter().any(|name| fault.name.contains(name))
    };
    let chosen: Vec<&Fault> = faults.iter().filter(wanted).collect();
    if chosen.is_empty() {
        return Err(Failure::Other(format!("no such fault in {LIST}")));
    }
    let copy = Copy::make()?;
    if !options.tested {
        copy.expect_sound(&chosen)?;
    }
    let mut findings = Vec::new();
    for (number, fault) in chosen.iter().enumerate() {
        let begun = Instant::now();
        let verdict = copy.try_fault(fault)?;
        println!(
            "{}/{} {} ({}) {:.0} s: {}",
            number + 1,
            chosen.len(),
            fault.name,
            fault.file.display(),
            begun.elapsed().as_secs_f64(),
            verdict.as_deref().unwrap_or("caught")
        );
        findings.extend(verdict.map(|why| format!("{}: {why}", fault.name)));
    }
    repository::conclude("faults", findings)
}

/// Whether the list can be read: a change of a source may have taken a text away.
pub(crate) fn check() -> Result<(), Failure> {
    read().map(drop)
}

/// The list, its names unique and each text found once in its file.
fn read() -> Result<Vec<Fault>, Failure> {
    let text = repository::text(Path::new(LIST))?.unwrap_or_default();
    let list: List =
        toml::from_str(&text).map_err(|source| Failure::Other(format!("{LIST}: {source}")))?;
    let mut names = BTreeSet::new();
    let mut findings = Vec::new();
    for fault in &list.fault {
        let text = repository::text(&fault.file)?.unwrap_or_default();
        let count = text.matches(&fault.before).count();
        if count != 1 {
            findings.push(format!(
                "{}: the text to break occurs {count} times in {}",
                fault.name,
                fault.file.display()
            ));
        }
        if !names.insert(&fault.name) {
            findings.push(format!("{}: the name is taken", fault.name));
        }
    }
    repository::conclude("faults", findings)?;
    Ok(list.fault)
}

impl Copy {
    /// Brings the copy to the checkout's state. Files that are equal keep their times, so that little is built anew.
    fn make() -> Result<Self, Failure> {
        let target = repository::root().join("target/faults");
        let copy = Self {
            root: target.join("tree"),
            build: target.join("build"),
        };
        let files: BTreeSet<PathBuf> = repository::files()?.into_iter().collect();
        for file in copy.stale(&files)? {
            std::fs::remove_file(copy.root.join(&file)).map_err(failed(&file))?;
        }
        for file in &files {
            let bytes = std::fs::read(repository::root().join(file)).map_err(failed(file))?;
            copy.write(file, &bytes)?;
        }
        Ok(copy)
    }

    /// Files of the copy that the checkout has not.
    fn stale(&self, files: &BTreeSet<PathBuf>) -> Result<Vec<PathBuf>, Failure> {
        let mut stale = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(self.root.join(&folder)) else {
                continue;
            };
            for entry in entries {
                let entry = entry.map_err(failed(&folder))?;
                let path = folder.join(entry.file_name());
                if path == Path::new("target") {
                    continue;
                }
                if entry.file_type().map_err(failed(&path))?.is_dir() {
                    folders.push(path);
                } else if !files.contains(&path) {
                    stale.push(path);
                }
            }
        }
        Ok(stale)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.root.join(file);
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed(file))?;
        }
        std::fs::write(&path, bytes).map_err(failed(file))?;
        // Scripts are run from here.
        let original = std::fs::metadata(repository::root().join(file)).map_err(failed(file))?;
        std::fs::set_permissions(&path, original.permissions()).map_err(failed(file))
    }

    /// Every named test passes while nothing is planted.
    fn expect_sound(&self, faults: &[&Fault]) -> Result<(), Failure> {
        let mut tests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for fault in faults {
            let named = tests.entry(&fault.package).or_default();
            named.insert(&fault.test);
        }
        let mut findings = Vec::new();
        for (package, tests) in tests {
            for test in tests {
                if self.test(package, test, Stdio::inherit)? != Some(0) {
                    findings.push(format!("{package} {test}: fails, or is no test"));
                }
            }
        }
        repository::conclude("faults", findings)
    }

    /// Plants one fault, runs its test and takes the fault out again; `None` if it was caught, else why not.
    fn try_fault(&self, fault: &Fault) -> Result<Option<String>, Failure> {
        let text = repository::text(&fault.file)?.unwrap_or_default();
        let broken = text.replace(&fault.before, &fault.after);
        self.write(&fault.file, broken.as_bytes())?;
        let tried = self
            .rebuild_object(fault)
            .and_then(|()| self.test(&fault.package, &fault.test, Stdio::null));
        self.write(&fault.file, text.as_bytes())?;
        if fault.ebpf {
            for file in ["dataplane/openeni.bpf.o", "dataplane/openeni.bpf.toolchain"] {
                let path = repository::root().join(file);
                let bytes = std::fs::read(&path).map_err(failed(&path))?;
                self.write(Path::new(file), &bytes)?;
            }
        }
        Ok(match tried? {
            Some(TESTS_FAILED) => None,
            Some(0) => Some(format!(
                "{} {} passes all the same",
                fault.package, fault.test
            )),
            code => Some(format!(
                "does not build, or its test does not run ({code:?})"
            )),
        })
    }

    fn rebuild_object(&self, fault: &Fault) -> Result<(), Failure> {
        if !fault.ebpf {
            return Ok(());
        }
        repository::run(self.cargo().args(["xtask", "ebpf", "build"]))
    }

    /// The exit code of one test, and its words where `output` says.
    fn test(
        &self,
        package: &str,
        test: &str,
        output: fn() -> Stdio,
    ) -> Result<Option<i32>, Failure> {
        let mut command = self.cargo();
        command
            .args(["nextest", "run", "--locked", "--package", package])
            .args(["--no-tests", "fail", "--hide-progress-bar", "--cargo-quiet"])
            .args(["--filterset", &format!("test(={test})")])
            .stdout(output())
            .stderr(output());
        let status = command.status().map_err(|source| Failure::Start {
            program: "cargo nextest".to_owned(),
            source,
        })?;
        Ok(status.code())
    }

    fn cargo(&self) -> Command {
        let arch = std::env::consts::ARCH.to_uppercase();
        let runner = format!("CARGO_TARGET_{arch}_UNKNOWN_LINUX_GNU_RUNNER");
        let mut command = Command::new("cargo");
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.build)
            .env(CASES.0, CASES.1)
            // As `make test` does: some of the tests make namespaces.
            .env(runner, self.root.join("scripts/as-root"));
        command
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |source| Failure::Read { path, source }
}
