//! Repository checks and builds, for people and for CI: `cargo xtask --help`.

mod core_crates;
mod ebpf;
mod faults;
mod fuzz;
mod layers;
mod repository;
mod tidy;
mod unsafe_code;
mod wings;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Checks and builds of this repository.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Checks that dependencies point downward and that the core is pure.
    Layers(layers::Options),
    /// Checks file lengths, leftover marks and machine-specific text.
    Tidy,
    /// Builds or checks the committed eBPF object.
    #[command(subcommand)]
    Ebpf(ebpf::Task),
    /// Runs one of the fuzzers in `fuzz/`.
    Fuzz(fuzz::Options),
    /// Plants the faults of tests/faults.toml one by one: each must be caught by its test.
    Faults(faults::Options),
}

fn main() -> ExitCode {
    if let Some(code) = ebpf::wrap_rustc() {
        return code;
    }
    let outcome = match Arguments::parse().task {
        Task::Layers(options) => layers::run(&options),
        Task::Tidy => tidy::run(),
        Task::Ebpf(task) => ebpf::run(&task),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Faults(options) => faults::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
