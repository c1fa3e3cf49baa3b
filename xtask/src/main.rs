//! Repository checks and builds, for people and for CI: `cargo xtask --help`.

mod api;
mod core_crates;
mod corpus;
mod ebpf;
mod faults;
mod fuzz;
mod lanes;
mod layers;
mod model;
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
    /// Writes the requests and answers of the operations served.
    Api(api::Options),
    /// Builds or checks the committed eBPF object.
    #[command(subcommand)]
    Ebpf(ebpf::Task),
    /// Runs the fuzzers in `fuzz/`, one or all.
    Fuzz(fuzz::Options),
    /// Tries every order of accesses to shared memory.
    Model,
    /// Prints which packages a lane of tests runs, as arguments for cargo.
    Lane(lanes::Options),
    /// Plants the faults of tests/faults.toml one by one: each must be caught by its test.
    Faults(faults::Options),
}

fn main() -> ExitCode {
    if let Some(code) = ebpf::wrap_rustc() {
        return code;
    }
    let outcome = match Arguments::parse().task {
        Task::Layers(options) => layers::run(&options),
        Task::Tidy => tidy::run().and_then(|()| faults::check()),
        Task::Api(options) => api::run(&options),
        Task::Ebpf(task) => ebpf::run(&task),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Model => model::run(),
        Task::Lane(options) => lanes::run(&options),
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
