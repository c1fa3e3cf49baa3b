//! Dependencies point downward: `bin` → `shell` → `core`, and between wings as [`wings`](crate::wings) says.
//!
//! Each crate declares its layer in `[package.metadata.openeni]`. Purity of the core is in
//! [`core_crates`](crate::core_crates), the place of unsafe code in [`unsafe_code`](crate::unsafe_code).

use crate::repository::{self, Failure};
use crate::{core_crates, unsafe_code, wings};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Options of `cargo xtask layers`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fails when no toolchain is at hand that can build the core for a target without `std`.
    #[arg(long)]
    require_build: bool,
}

/// The layer a crate declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Pure: no I/O, clock, randomness, async or unsafe.
    Core,
    /// Procedural macros of the core; they run in the compiler, not in the program.
    Build,
    /// Thin I/O.
    Shell,
    /// The command line.
    Bin,
    /// The program that the kernel runs.
    Bpf,
    /// Support for tests.
    Test,
    /// Repository tools.
    Tool,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Core => "core",
            Self::Build => "build",
            Self::Shell => "shell",
            Self::Bin => "bin",
            Self::Bpf => "bpf",
            Self::Test => "test",
            Self::Tool => "tool",
        })
    }
}

impl Layer {
    pub(crate) fn declared_by(package: &Package) -> Option<Self> {
        Some(
            match package.metadata.get("openeni")?.get("layer")?.as_str()? {
                "core" => Self::Core,
                "build" => Self::Build,
                "shell" => Self::Shell,
                "bin" => Self::Bin,
                "bpf" => Self::Bpf,
                "test" => Self::Test,
                "tool" => Self::Tool,
                _ => return None,
            },
        )
    }

    fn may_use(self, used: Self, kind: DependencyKind) -> bool {
        let is_test = kind == DependencyKind::Development;
        match self {
            // Core tests run anywhere, so they do not see the testkit either.
            Self::Core => matches!(used, Self::Core | Self::Build),
            Self::Build => is_test && used == Self::Core,
            Self::Bpf => used == Self::Core,
            Self::Shell => {
                matches!(used, Self::Core | Self::Shell) || (is_test && used == Self::Test)
            }
            Self::Bin => {
                matches!(used, Self::Core | Self::Shell) || (is_test && used == Self::Test)
            }
            Self::Test | Self::Tool => !matches!(used, Self::Test | Self::Tool | Self::Build),
        }
    }
}

/// Invariants of ARCHITECTURE.md stated as absences: the first never reaches the second, however far.
const ABSENCES: [(&str, &[&str]); 7] = [
    ("eni-model", &["eni-pipeline", "eni-abi", "eni-wire"]),
    ("eni-pipeline", &["eni-model", "eni-query"]),
    ("eni-query", &["eni-model"]),
    (
        "eni-netlink",
        &["eni-model", "eni-lower", "eni-pipeline", "eni-plan"],
    ),
    ("eni-bpf-loader", &["eni-model", "eni-lower"]),
    ("eni-store", &["eni-model"]),
    (
        "eni-ec2-api",
        &["eni-agent", "eni-netlink", "eni-bpf-loader", "eni-instance"],
    ),
];

/// The kernel's program is a workspace of its own, because its target has one.
const BPF_MANIFEST: &str = "dataplane/bpf/Cargo.toml";

/// Runs the check.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let metadata = MetadataCommand::new()
        .current_dir(repository::root())
        .exec()?;
    let mut packages: Vec<&Package> = metadata.workspace_packages();
    let bpf = bpf_metadata()?;
    if let Some(bpf) = &bpf {
        packages.extend(bpf.workspace_packages());
    }
    let mut findings = edge_findings(&packages);
    findings.extend(absence_findings(&packages));
    findings.extend(wings::findings(&packages, &metadata.workspace_root));
    println!(
        "layers: {} crates of ours, every edge between them looked at",
        packages.len()
    );

    let core: Vec<&Package> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| Layer::declared_by(package) == Some(Layer::Core))
        .collect();
    findings.extend(core_crates::findings(&core)?);
    findings.extend(unsafe_code::findings()?);
    if findings.is_empty() {
        core_crates::prove_by_building(&core, options.require_build)?;
    }
    repository::conclude("layers", findings)
}

fn bpf_metadata() -> Result<Option<Metadata>, Failure> {
    let manifest = repository::root().join(BPF_MANIFEST);
    if !manifest.exists() {
        return Ok(None);
    }
    Ok(Some(
        MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .exec()?,
    ))
}

fn edge_findings(packages: &[&Package]) -> Vec<String> {
    let layers: BTreeMap<&str, Layer> = packages
        .iter()
        .filter_map(|package| Some((package.name.as_str(), Layer::declared_by(package)?)))
        .collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some(&layer) = layers.get(name) else {
            findings.push(format!(
                "{name}: declares no known [package.metadata.openeni] layer"
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            match layers.get(dependency.name.as_str()) {
                Some(&used) if layer.may_use(used, dependency.kind) => {}
                Some(used) => findings.push(format!(
                    "{name} ({layer}) may not depend on {} ({used}, {} dependency)",
                    dependency.name, dependency.kind
                )),
                None => findings.push(format!(
                    "{name} depends on {}, a path outside the workspace",
                    dependency.name
                )),
            }
        }
    }
    findings
}

fn absence_findings(packages: &[&Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for (from, absent) in ABSENCES {
        let reached = reachable(packages, from);
        for name in absent {
            if reached.contains(name) {
                findings.push(format!(
                    "{from} reaches {name}, which ARCHITECTURE.md rules out"
                ));
            }
        }
    }
    findings
}

/// Our crates that `from` depends on, directly or not, outside tests.
fn reachable<'a>(packages: &[&'a Package], from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(name) = waiting.pop() {
        let Some(package) = packages
            .iter()
            .find(|package| package.name.as_str() == name)
        else {
            continue;
        };
        for dependency in &package.dependencies {
            let in_program = dependency.kind != DependencyKind::Development;
            if dependency.path.is_some() && in_program && reached.insert(dependency.name.as_str()) {
                waiting.push(&dependency.name);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_point_downward() {
        use DependencyKind::{Development, Normal};
        let cases = [
            (Layer::Core, Layer::Core, Normal, true),
            (Layer::Core, Layer::Build, Normal, true),
            (Layer::Core, Layer::Shell, Normal, false),
            (Layer::Core, Layer::Shell, Development, false),
            (Layer::Core, Layer::Test, Development, false),
            (Layer::Shell, Layer::Core, Normal, true),
            (Layer::Shell, Layer::Shell, Normal, true),
            (Layer::Shell, Layer::Bin, Normal, false),
            (Layer::Shell, Layer::Test, Development, true),
            (Layer::Shell, Layer::Test, Normal, false),
            (Layer::Bin, Layer::Shell, Normal, true),
            (Layer::Bin, Layer::Tool, Development, false),
            (Layer::Bpf, Layer::Core, Normal, true),
            (Layer::Bpf, Layer::Shell, Normal, false),
            (Layer::Build, Layer::Core, Normal, false),
        ];
        for (from, to, kind, want) in cases {
            assert_eq!(from.may_use(to, kind), want, "{from} -> {to} ({kind})");
        }
    }
}
