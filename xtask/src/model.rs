//! Runs the tests that try every order of accesses to shared memory, with loom.

use std::process::Command;

use crate::repository::{self, Failure};

/// Crates with such tests: a file `tests/model.rs`, and the memory's model in place of their `sys.rs`.
const CRATES: [&str; 1] = ["eni-efa-channel"];

/// Builds under `--cfg loom`, apart from other builds, and runs the tests optimised: there are many orders.
pub(crate) fn run() -> Result<(), Failure> {
    for name in CRATES {
        repository::run(
            Command::new("cargo")
                .current_dir(repository::root())
                .args([
                    "test",
                    "--locked",
                    "--release",
                    "--target-dir",
                    "target/model",
                ])
                .args(["--package", name, "--test", "model"])
                .env("RUSTFLAGS", "--cfg loom"),
        )?;
    }
    Ok(())
}
