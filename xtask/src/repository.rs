//! What every task needs from the repository: its root, its files, its processes, and one way to fail.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a task failed, in the words a person reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}\n{} findings of `cargo xtask {task}`", findings.join("\n"), findings.len())]
    Findings {
        task: &'static str,
        findings: Vec<String>,
    },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is not Rust: {source}", path.display())]
    Syntax { path: PathBuf, source: syn::Error },
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("`{command}` failed ({status})")]
    Command {
        command: String,
        status: std::process::ExitStatus,
    },
    #[error(transparent)]
    Metadata(#[from] cargo_metadata::Error),
    #[error("{0}")]
    Other(String),
}

/// Ends a task: no findings is success.
pub(crate) fn conclude(task: &'static str, findings: Vec<String>) -> Result<(), Failure> {
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Failure::Findings { task, findings })
    }
}

/// The workspace's root directory.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask lies in the workspace's root")
        .to_owned()
}

/// Files that are, or are about to be, under version control; relative to the root, sorted, existing.
pub(crate) fn files() -> Result<Vec<PathBuf>, Failure> {
    let mut command = Command::new("git");
    command.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listing = output(command.current_dir(root()))?;
    let mut files: Vec<PathBuf> = listing
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file())
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// Rust source files among [`files`].
pub(crate) fn rust_files() -> Result<Vec<PathBuf>, Failure> {
    let is_rust = |path: &PathBuf| path.extension() == Some(OsStr::new("rs"));
    Ok(files()?.into_iter().filter(is_rust).collect())
}

/// The text of a file named relative to the root; `None` if it is not UTF-8.
pub(crate) fn text(path: &Path) -> Result<Option<String>, Failure> {
    let bytes = std::fs::read(root().join(path)).map_err(|source| Failure::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(String::from_utf8(bytes).ok())
}

/// Runs a command with its output shown.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|source| cannot_start(command, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(command_failed(command, status))
    }
}

/// Runs a command for its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| cannot_start(command, source))?;
    if !output.status.success() {
        return Err(command_failed(command, output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn cannot_start(command: &Command, source: io::Error) -> Failure {
    Failure::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}

fn command_failed(command: &Command, status: std::process::ExitStatus) -> Failure {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    Failure::Command {
        command: words.join(" "),
        status,
    }
}
