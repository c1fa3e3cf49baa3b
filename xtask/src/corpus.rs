//! The inputs that a fuzzer has found so far, kept under version control: `fuzz/corpora/TARGET.txt`, one input a line in
//! hexadecimal digits, in order, so that a run begins where the last one ended and a difference can be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::repository::{self, Failure};

/// Inputs that are kept at most, the shortest ones: what is left out is found again in a moment.
const MAX_KEPT_INPUTS: usize = 400;
/// A longer input is not kept.
const MAX_KEPT_BYTES: usize = 512;

fn file_of(target: &str) -> PathBuf {
    repository::root()
        .join("fuzz/corpora")
        .join(format!("{target}.txt"))
}

/// Adds the kept inputs of a target to the directory that its fuzzer works in.
pub(crate) fn unpack(target: &str, directory: &Path) -> Result<(), Failure> {
    let file = file_of(target);
    if !file.exists() {
        return Ok(());
    }
    let text = fs::read_to_string(&file).map_err(failed(&file))?;
    for (number, line) in text.lines().enumerate() {
        let input = hex::decode(line).map_err(|error| {
            Failure::Other(format!("{}:{}: {error}", file.display(), number + 1))
        })?;
        let path = directory.join(format!("kept-{number}"));
        fs::write(&path, input).map_err(failed(&path))?;
    }
    Ok(())
}

/// Keeps the fewest inputs of `corpus` that reach all that it reaches.
pub(crate) fn keep(target: &str, fuzzer: &Path, corpus: &Path) -> Result<(), Failure> {
    let merged = corpus.with_file_name("merged");
    if merged.exists() {
        fs::remove_dir_all(&merged).map_err(failed(&merged))?;
    }
    fs::create_dir_all(&merged).map_err(failed(&merged))?;
    let limit = format!("-max_len={MAX_KEPT_BYTES}");
    repository::run(
        Command::new(fuzzer)
            .args(["-merge=1", "-verbosity=0", &limit])
            .args([&merged, corpus]),
    )?;
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&merged).map_err(failed(&merged))? {
        let path = entry.map_err(failed(&merged))?.path();
        inputs.push(fs::read(&path).map_err(failed(&path))?);
    }
    inputs.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    inputs.truncate(MAX_KEPT_INPUTS);
    let lines: String = inputs
        .iter()
        .map(|input| hex::encode(input) + "\n")
        .collect();
    let file = file_of(target);
    let directory = file.parent().unwrap_or(&file);
    fs::create_dir_all(directory).map_err(failed(directory))?;
    fs::write(&file, lines).map_err(failed(&file))?;
    println!("{}: {} inputs", file.display(), inputs.len());
    Ok(())
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    move |source| Failure::Read {
        path: path.to_owned(),
        source,
    }
}
