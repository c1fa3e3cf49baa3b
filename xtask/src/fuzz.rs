//! Runs the fuzzers of `fuzz/` with libFuzzer on the stable toolchain.
//!
//! `cargo fuzz` would need a download and, for its sanitizers, nightly; what it does for a safe-Rust target
//! is this: build with coverage counters and run. Debug assertions and overflow checks stay on.

use crate::repository::{self, Failure};
use std::path::PathBuf;
use std::process::Command;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The fuzzer: a binary of `fuzz/Cargo.toml`.
    target: String,
    /// How long to run.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// libFuzzer's random seed; 0 picks one and prints it.
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Runs this one input instead, as saved by a failed run.
    #[arg(long)]
    replay: Option<PathBuf>,
}

/// Naming the target keeps these flags away from build scripts and procedural macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Coverage counters and comparison tracing, as libFuzzer reads them.
const COVERAGE_FLAGS: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];

/// Inputs longer than a jumbo frame or a large form add time, not paths.
const MAX_INPUT_BYTES: usize = 16 * 1024;
/// A single input that takes longer is a finding.
const INPUT_TIMEOUT_SECONDS: u32 = 5;

/// Builds and runs one fuzzer. A crash leaves its input under `target/fuzz/TARGET/` and fails the task.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let root = repository::root();
    let build_dir = root.join("target/fuzz");
    let mut build = Command::new("cargo");
    build.args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--target",
        TARGET,
    ]);
    build
        .args(["--bin", &options.target, "--manifest-path"])
        .arg(root.join("fuzz/Cargo.toml"));
    build.arg("--target-dir").arg(&build_dir);
    build.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE_FLAGS.join("\u{1f}"));
    build
        .env("CARGO_PROFILE_RELEASE_PANIC", "unwind")
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    repository::run(&mut build)?;

    let mut fuzzer = Command::new(build_dir.join(TARGET).join("release").join(&options.target));
    fuzzer.arg(format!("-timeout={INPUT_TIMEOUT_SECONDS}"));
    if let Some(input) = &options.replay {
        return repository::run(fuzzer.arg(input));
    }
    let work = build_dir.join(&options.target);
    let corpus = work.join("corpus");
    std::fs::create_dir_all(&corpus).map_err(|source| Failure::Read {
        path: corpus.clone(),
        source,
    })?;
    fuzzer.arg(format!("-max_total_time={}", options.seconds));
    fuzzer.arg(format!("-seed={}", options.seed));
    fuzzer.arg(format!("-max_len={MAX_INPUT_BYTES}"));
    fuzzer.arg(format!("-artifact_prefix={}/", work.display()));
    fuzzer.args(["-print_final_stats=1", "-verbosity=0"]);
    fuzzer.arg(&corpus);
    let seeds = root.join("fuzz/seeds").join(&options.target);
    if seeds.is_dir() {
        fuzzer.arg(seeds);
    }
    println!(
        "fuzz {}: {} seconds, seed {}",
        options.target, options.seconds, options.seed
    );
    repository::run(&mut fuzzer)
}
