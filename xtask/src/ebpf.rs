//! Builds the eBPF object that `eni-bpf-loader` embeds, and checks that the committed one is what the sources give.
//!
//! The object is committed because most machines cannot build it: it takes a `core` for `bpfel-unknown-none` and
//! bpf-linker. Two toolchains can: a Debian rustc with `libstd-rust-web-dev-bpf`, or a stable with `rust-src`. Their
//! objects differ, so the one used is written beside the object and `check` compares only under the same.

use crate::repository::{self, Failure};
use object::build::elf::{Builder, SectionData};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const OBJECT: &str = "dataplane/openeni.bpf.o";
const TOOLCHAIN: &str = "dataplane/openeni.bpf.toolchain";
const TARGET: &str = "bpfel-unknown-none";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Set in the environment of a build whose rustc we wrap.
const WRAPPER_MARK: &str = "OPENENI_XTASK_WRAPS_RUSTC";

const INSTALL_HINT: &str = "it takes either\n  \
    apt-get install -y --no-install-recommends rustc-web libstd-rust-web-dev-bpf\nor\n  \
    rustup component add rust-src\nand\n  \
    cargo install bpf-linker --version 0.10.3 --locked";

/// Tasks of `cargo xtask ebpf`.
#[derive(clap::Subcommand)]
pub(crate) enum Task {
    /// Builds the object and puts it in its place, to be committed.
    Build,
    /// Builds the object and compares it with the committed one, byte for byte.
    Check,
}

/// Where `core` for BPF comes from.
enum Core {
    /// Debian's rustc has it prebuilt.
    Debian,
    /// `-Zbuild-std` builds it from `rust-src`.
    Source,
}

/// Builds, and compares or replaces.
pub(crate) fn run(task: &Task) -> Result<(), Failure> {
    let Some(core) = find_core().filter(|_| has_linker()) else {
        return without_toolchain(task);
    };
    let toolchain = describe(&core)?;
    if let Task::Check = task {
        let recorded = read(Path::new(TOOLCHAIN))?;
        if recorded != toolchain.as_bytes() {
            let recorded = String::from_utf8_lossy(&recorded);
            return refuse_or_warn(format!(
                "cannot compare the eBPF object: it was built by\n{recorded}but here is\n{toolchain}"
            ));
        }
    }
    let built = strip(&build(&core)?)?;
    match task {
        Task::Build => {
            write(Path::new(OBJECT), &built)?;
            write(Path::new(TOOLCHAIN), toolchain.as_bytes())
        }
        Task::Check if read(Path::new(OBJECT))? == built => Ok(()),
        Task::Check => Err(Failure::Other(format!(
            "{OBJECT} is not what the sources give: run `cargo xtask ebpf build` and commit it"
        ))),
    }
}

/// On a developer's machine the check cannot be asked for more than the machine has; in CI it must not pass unmade.
fn without_toolchain(task: &Task) -> Result<(), Failure> {
    let reason = format!("no toolchain for {TARGET}: {INSTALL_HINT}");
    match task {
        Task::Build => Err(Failure::Other(reason)),
        Task::Check => refuse_or_warn(reason),
    }
}

fn refuse_or_warn(reason: String) -> Result<(), Failure> {
    if std::env::var_os("CI").is_some_and(|value| value == "true") {
        return Err(Failure::Other(reason));
    }
    eprintln!("the eBPF object was NOT checked: {reason}");
    Ok(())
}

fn find_core() -> Option<Core> {
    let has_core = |sysroot: &Path| sysroot.join("lib/rustlib").join(TARGET).is_dir();
    if sysroot(DEBIAN_RUSTC).is_some_and(|sysroot| has_core(&sysroot)) {
        return Some(Core::Debian);
    }
    let source = sysroot("rustc")?.join("lib/rustlib/src/rust/library/core");
    source.is_dir().then_some(Core::Source)
}

fn has_linker() -> bool {
    let version = Command::new("bpf-linker")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

fn sysroot(rustc: &str) -> Option<PathBuf> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}

/// Names everything that decides the object's bytes besides the sources: compiler, linker, and the LLVM the linker opens
/// (that of the rustc on the path).
fn describe(core: &Core) -> Result<String, Failure> {
    let rustc = match core {
        Core::Debian => DEBIAN_RUSTC,
        Core::Source => "rustc",
    };
    let compiler = repository::output(Command::new(rustc).arg("--version"))?;
    let linker = repository::output(Command::new("bpf-linker").arg("--version"))?;
    let llvm = repository::output(Command::new("rustc").arg("--version"))?;
    Ok(format!(
        "compiler: {compiler}linker: {linker}LLVM of: {llvm}"
    ))
}

/// Builds the program and gives the linked object's bytes.
fn build(core: &Core) -> Result<Vec<u8>, Failure> {
    let root = repository::root();
    let target_dir = root.join("target/ebpf");
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let flags = [
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        "-Ctarget-cpu=v3".to_owned(),
        "--cfg=bpf_target_arch=\"x86_64\"".to_owned(),
        format!("--remap-path-prefix={}=/openeni", root.display()),
        format!("--remap-path-prefix={}=/cargo", cargo_home.display()),
    ];
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root.join("dataplane/bpf"));
    cargo
        .args([
            "build",
            "--locked",
            "--release",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(&target_dir);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    // Nothing of the caller's build environment may reach the object.
    let ourselves = std::env::current_exe().map_err(|error| Failure::Other(error.to_string()))?;
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC_WRAPPER", ourselves)
        .env(WRAPPER_MARK, "1")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_INCREMENTAL");
    match core {
        Core::Debian => cargo.env("RUSTC", DEBIAN_RUSTC),
        Core::Source => cargo.arg("-Zbuild-std=core"),
    };
    // bpf-linker looks for libLLVM in `lib` beside the directories of PATH.
    let rustc_bin = sysroot("rustc")
        .map(|sysroot| sysroot.join("bin"))
        .unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(rustc_bin).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).map_err(|error| Failure::Other(error.to_string()))?;
    repository::run(cargo.env("PATH", path))?;
    read(&target_dir.join(TARGET).join("release/eni-bpf"))
}

/// Acts as cargo's `RUSTC_WRAPPER` if [`build`] has called cargo with us in that role.
///
/// Cargo tells crates apart by a hash of where they lie, and mangled names carry it: they, and the order of functions
/// with them, would differ from clone to clone. For the BPF target it is replaced by the crate's name, which is unique
/// among the few crates built there.
pub(crate) fn wrap_rustc() -> Option<ExitCode> {
    std::env::var_os(WRAPPER_MARK)?;
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let value_of = |option: &str| {
        let position = arguments.iter().position(|argument| argument == option)?;
        arguments.get(position + 1).cloned()
    };
    if let (Some(TARGET), Some(name)) = (value_of("--target").as_deref(), value_of("--crate-name"))
    {
        for argument in &mut arguments {
            if argument.starts_with("metadata=") {
                *argument = format!("metadata={name}");
            }
        }
    }
    let (rustc, arguments) = arguments.split_first()?;
    let status = Command::new(rustc).args(arguments).status();
    let succeeded = status.is_ok_and(|status| status.success());
    Some(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Removes the DWARF that BTF was made from: nine tenths of the object, and nothing the kernel reads.
fn strip(object: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |error: object::build::Error| {
        Failure::Other(format!("cannot strip the eBPF object: {error}"))
    };
    let mut builder = Builder::read(object).map_err(failed)?;
    for section in &mut builder.sections {
        let name = section.name.to_string();
        let dwarf = name.trim_start_matches(".rel").starts_with(".debug_");
        section.delete = dwarf;
    }
    builder.delete_orphans();
    // LLVM keeps section names among the symbols' names; the writer wants a table for each.
    let names = builder.sections.add();
    names.name = b".shstrtab".as_slice().into();
    names.sh_type = object::elf::SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    builder.write(&mut stripped).map_err(failed)?;
    Ok(stripped)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let path = repository::root().join(path);
    std::fs::read(&path).map_err(|source| Failure::Read { path, source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(repository::root().join(path), bytes)
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}
