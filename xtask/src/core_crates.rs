//! The core is pure: `#![no_std]`, `#![forbid(unsafe_code)]`, known dependencies, and a build for a
//! target that has no `std` at all.

use crate::repository::{self, Failure};
use cargo_metadata::{Package, TargetKind};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates from outside that the core may be built on; a new one is a decision, so it is written down.
const ALLOWED: &str = "xtask/core-dependencies.txt";

/// What the sources and manifests of the core crates get wrong.
pub(crate) fn findings(core: &[&Package]) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for package in core {
        let sources = package
            .targets
            .iter()
            .filter(|target| target.kind.contains(&TargetKind::Lib));
        for target in sources {
            let path = target.src_path.as_std_path();
            let source = std::fs::read_to_string(path).map_err(|source| Failure::Read {
                path: path.to_owned(),
                source,
            })?;
            let faults = attribute_faults(path, &source)?;
            findings.extend(
                faults
                    .into_iter()
                    .map(|fault| format!("{}: {fault}", package.name)),
            );
        }
    }
    findings.extend(dependency_findings(core)?);
    Ok(findings)
}

fn attribute_faults(path: &Path, source: &str) -> Result<Vec<&'static str>, Failure> {
    let file = syn::parse_file(source).map_err(|source| Failure::Syntax {
        path: path.to_owned(),
        source,
    })?;
    let mut faults = Vec::new();
    let no_std = |attribute: &syn::Attribute| attribute.path().is_ident("no_std");
    if !file.attrs.iter().any(no_std) {
        faults.push("lib.rs lacks #![no_std]");
    }
    let forbids_unsafe = |attribute: &syn::Attribute| {
        attribute.path().is_ident("forbid")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|lint| lint.is_ident("unsafe_code"))
    };
    if !file.attrs.iter().any(forbids_unsafe) {
        faults.push("lib.rs lacks #![forbid(unsafe_code)]");
    }
    let is_conditional = |attribute: &syn::Attribute| attribute.path().is_ident("cfg");
    let links_std = |item: &syn::Item| match item {
        syn::Item::ExternCrate(item) => {
            item.ident == "std" && !item.attrs.iter().any(is_conditional)
        }
        _ => false,
    };
    if file.items.iter().any(links_std) {
        faults.push("lib.rs links std outside #[cfg(test)]");
    }
    Ok(faults)
}

fn dependency_findings(core: &[&Package]) -> Result<Vec<String>, Failure> {
    let list = repository::text(Path::new(ALLOWED))?.unwrap_or_default();
    let allowed: BTreeSet<&str> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let used = outside_closure(core)?;
    let mut findings = Vec::new();
    for name in &used {
        if !allowed.contains(name.as_str()) {
            findings.push(format!(
                "{name} is in the core's closure, but not in {ALLOWED}"
            ));
        }
    }
    for name in allowed {
        if !used.contains(name) {
            findings.push(format!(
                "{ALLOWED}: the core does not use {name}, remove it"
            ));
        }
    }
    Ok(findings)
}

/// By which cargo may be told to resolve features of the whole workspace (its reference, `resolver.feature-unification`):
/// the core is asked about by itself.
const FEATURE_UNIFICATION: &str = "CARGO_RESOLVER_FEATURE_UNIFICATION";

/// Crates from outside that end in a program through a core crate.
///
/// `cargo tree` resolves features for these crates alone, as a build of them does; procedural macros and
/// build scripts run in the compiler and are left out.
fn outside_closure(core: &[&Package]) -> Result<BTreeSet<String>, Failure> {
    let mut command = Command::new("cargo");
    command.args([
        "tree",
        "--edges=normal,no-proc-macro",
        "--prefix=none",
        "--format={p}",
    ]);
    for package in core {
        command.args(["--package", package.name.as_str()]);
    }
    command.env_remove(FEATURE_UNIFICATION);
    let tree = repository::output(command.current_dir(repository::root()))?;
    let ours: BTreeSet<&str> = core.iter().map(|package| package.name.as_str()).collect();
    let names = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    Ok(names
        .filter(|name| !ours.contains(name))
        .map(str::to_owned)
        .collect())
}

/// A target without `std`, but with the pointers and atomics of the machines this runs on.
const BARE_TARGET: &str = "x86_64-unknown-none";
/// Compilers to try: cargo's own, and Debian's, whose library sources apt can install.
const COMPILERS: [&str; 2] = ["rustc", "/usr/bin/rustc"];

/// A compiler that can build for [`BARE_TARGET`].
struct Toolchain {
    rustc: &'static str,
    /// `core` and `alloc` are compiled from the compiler's own sources, for want of a prebuilt pair.
    build_std: bool,
}

fn toolchain() -> Result<Option<Toolchain>, Failure> {
    for rustc in COMPILERS {
        if Path::new(rustc).is_absolute() && !Path::new(rustc).exists() {
            continue;
        }
        let library = sysroot(rustc)?.join("lib/rustlib");
        if library.join(BARE_TARGET).join("lib").is_dir() {
            return Ok(Some(Toolchain {
                rustc,
                build_std: false,
            }));
        }
        if library.join("src/rust/library").is_dir() {
            return Ok(Some(Toolchain {
                rustc,
                build_std: true,
            }));
        }
    }
    Ok(None)
}

fn sysroot(rustc: &str) -> Result<PathBuf, Failure> {
    let text = repository::output(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(text.trim()))
}

/// Compiles the core crates for a target that has no `std`, and says what that proves.
///
/// On such a target nothing in the closure can name files, sockets, threads, clocks or the
/// environment: the crate that offers them does not exist there.
pub(crate) fn prove_by_building(core: &[&Package], required: bool) -> Result<(), Failure> {
    let Some(toolchain) = toolchain()? else {
        let missing = format!(
            "no compiler that can build for {BARE_TARGET} is installed (rustup's target or rust-src, or Debian's \
             rustc-web with rust-web-src)"
        );
        if required {
            return Err(Failure::Other(missing));
        }
        println!("layers: checked attributes and dependency names only; {missing}");
        return Ok(());
    };
    let root = repository::root();
    let mut command = Command::new("cargo");
    command.args(["check", "--quiet", "--locked", "--target", BARE_TARGET]);
    // Apart from the ordinary output: the other compiler would invalidate it each time.
    command.arg("--target-dir").arg(root.join("target/layers"));
    command
        .env_remove("RUSTC_WRAPPER")
        .env_remove(FEATURE_UNIFICATION)
        .env("RUSTC", toolchain.rustc)
        .current_dir(&root);
    if toolchain.build_std {
        command
            .arg("-Zbuild-std=core,alloc")
            .env("RUSTC_BOOTSTRAP", "1");
    }
    for package in core {
        command.args(["--package", package.name.as_str()]);
    }
    repository::run(&mut command)?;
    println!(
        "layers: {} core crates and their dependencies type-check for {BARE_TARGET}, which has no std",
        core.len(),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_crate_says_no_std_and_forbids_unsafe() {
        let pure = "#![no_std]\n#![forbid(unsafe_code)]\n";
        let cases: [(String, usize); 5] = [
            (pure.to_owned(), 0),
            (format!("{pure}#[cfg(test)]\nextern crate std;"), 0),
            (format!("{pure}extern crate std;"), 1),
            (
                "#![cfg_attr(not(test), no_std)]\n#![forbid(unsafe_code)]".to_owned(),
                1,
            ),
            ("#![deny(unsafe_code)]".to_owned(), 2),
        ];
        for (source, want) in cases {
            assert_eq!(
                attribute_faults(Path::new("lib.rs"), &source)
                    .unwrap()
                    .len(),
                want,
                "{source}"
            );
        }
    }
}
