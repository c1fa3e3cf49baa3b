//! Lanes of tests, by what they need: which packages each runs, derived from wings and layers.
//!
//! A package lies in exactly one lane, so that the lanes together are the workspace.

use std::fmt;

use cargo_metadata::MetadataCommand;

use crate::layers::Layer;
use crate::repository::{self, Failure};
use crate::wings;

/// What a set of tests is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lane {
    /// What needs neither root nor devices: the pure core, and the API's wing.
    Core,
    /// Packets, devices and instances on this machine.
    Host,
    /// SRD and Elastic Fabric Adapters.
    Efa,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Core => "core",
            Self::Host => "host",
            Self::Efa => "efa",
        })
    }
}

/// Options of `cargo xtask lane`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The lane.
    lane: Lane,
}

/// The lane of a package in `wing` (or another top folder) of `layer`.
fn lane_of(wing: &str, name: &str, layer: Option<Layer>) -> Lane {
    match (wing, layer) {
        ("efa" | "srd", _) => Lane::Efa,
        ("tests", _) if name.contains("fabric") || name.contains("sim") => Lane::Efa,
        ("control" | "xtask", _) | (_, Some(Layer::Core | Layer::Build)) => Lane::Core,
        _ => Lane::Host,
    }
}

/// Prints the arguments by which cargo chooses the lane's packages.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let metadata = MetadataCommand::new()
        .current_dir(repository::root())
        .no_deps()
        .exec()?;
    let packages = metadata.workspace_packages();
    let arguments = packages.iter().filter_map(|package| {
        let wing = wings::wing_of(package, &metadata.workspace_root)?;
        let lane = lane_of(wing, &package.name, Layer::declared_by(package));
        (lane == options.lane).then(|| format!("--package {}", package.name))
    });
    println!("{}", arguments.collect::<Vec<_>>().join(" "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pure_code_needs_no_devices_whatever_wing_it_lies_in() {
        let cases = [
            ("control", "eni-region", Layer::Shell, Lane::Core),
            ("dataplane", "eni-pipeline", Layer::Core, Lane::Core),
            ("dataplane", "eni-bpf-loader", Layer::Shell, Lane::Host),
            ("host", "eni-plan", Layer::Core, Lane::Core),
            ("bin", "openeni", Layer::Bin, Lane::Host),
            ("efa", "eni-efa-device", Layer::Core, Lane::Efa),
            ("srd", "eni-srd", Layer::Core, Lane::Efa),
            ("tests", "eni-bench", Layer::Tool, Lane::Host),
            ("tests", "eni-fabric-bench", Layer::Tool, Lane::Efa),
            ("xtask", "xtask", Layer::Tool, Lane::Core),
        ];
        for (wing, name, layer, lane) in cases {
            assert_eq!(lane_of(wing, name, Some(layer)), lane, "{name}");
        }
    }
}
