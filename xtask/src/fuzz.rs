//! Runs the fuzzers of `fuzz/` with libFuzzer on the stable toolchain.
//!
//! `cargo fuzz` would need a download and, for its sanitizers, nightly; what it does for a safe-Rust target
//! is this: build with coverage counters and run. Debug assertions and overflow checks stay on.

use crate::corpus;
use crate::repository::{self, Failure};
use std::path::PathBuf;
use std::process::Command;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The fuzzer: a file of `fuzz/fuzz_targets`. Without one, all of them.
    target: Option<String>,
    /// How long to run; all fuzzers share it in equal parts.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// libFuzzer's random seed; 0 picks one and prints it.
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Runs this one input instead, as saved by a failed run.
    #[arg(long, requires = "target")]
    replay: Option<PathBuf>,
    /// Then keeps what was found: writes `fuzz/corpora/TARGET.txt` anew.
    #[arg(long)]
    keep: bool,
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

/// Builds and runs the fuzzers. A crash leaves its input under `target/fuzz/TARGET/` and fails the task.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let targets = match &options.target {
        Some(target) => vec![target.clone()],
        None => all_targets()?,
    };
    build(&targets)?;
    if let (Some(target), Some(input)) = (&options.target, &options.replay) {
        return repository::run(fuzzer(target).arg(input));
    }
    // At most a dozen files.
    let seconds = options.seconds / u32::try_from(targets.len()).unwrap_or(1).max(1);
    for target in &targets {
        fuzz(target, seconds.max(1), options)?;
    }
    Ok(())
}

/// The fuzzers there are, in order.
fn all_targets() -> Result<Vec<String>, Failure> {
    let sources = repository::root().join("fuzz/fuzz_targets");
    let read = |source| Failure::Read {
        path: sources.clone(),
        source,
    };
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(&sources).map_err(read)? {
        let path = entry.map_err(read)?.path();
        targets.extend(
            path.file_stem()
                .and_then(|stem| stem.to_str())
                .map(str::to_owned),
        );
    }
    targets.sort();
    Ok(targets)
}

fn build_directory() -> PathBuf {
    repository::root().join("target/fuzz")
}

/// The program of a fuzzer that is built.
fn program(target: &str) -> PathBuf {
    build_directory().join(TARGET).join("release").join(target)
}

fn fuzzer(target: &str) -> Command {
    let mut fuzzer = Command::new(program(target));
    fuzzer.arg(format!("-timeout={INPUT_TIMEOUT_SECONDS}"));
    fuzzer
}

fn build(targets: &[String]) -> Result<(), Failure> {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--locked", "--release"]);
    build.args(["--target", TARGET, "--manifest-path"]);
    build.arg(repository::root().join("fuzz/Cargo.toml"));
    for target in targets {
        build.args(["--bin", target]);
    }
    build.arg("--target-dir").arg(build_directory());
    build.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE_FLAGS.join("\u{1f}"));
    build
        .env("CARGO_PROFILE_RELEASE_PANIC", "unwind")
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    repository::run(&mut build)
}

/// Runs one fuzzer, from what is kept of its earlier runs.
fn fuzz(target: &str, seconds: u32, options: &Options) -> Result<(), Failure> {
    let work = build_directory().join(target);
    let corpus = work.join("corpus");
    std::fs::create_dir_all(&corpus).map_err(|source| Failure::Read {
        path: corpus.clone(),
        source,
    })?;
    corpus::unpack(target, &corpus)?;
    let mut fuzzer = fuzzer(target);
    fuzzer.arg(format!("-max_total_time={seconds}"));
    fuzzer.arg(format!("-seed={}", options.seed));
    fuzzer.arg(format!("-max_len={MAX_INPUT_BYTES}"));
    fuzzer.arg(format!("-artifact_prefix={}/", work.display()));
    fuzzer.args(["-print_final_stats=1", "-verbosity=0"]);
    fuzzer.arg(&corpus);
    let seeds = repository::root().join("fuzz/seeds").join(target);
    if seeds.is_dir() {
        fuzzer.arg(seeds);
    }
    println!("fuzz {target}: {seconds} seconds, seed {}", options.seed);
    repository::run(&mut fuzzer)?;
    if options.keep {
        corpus::keep(target, &program(target), &corpus)?;
    }
    Ok(())
}
