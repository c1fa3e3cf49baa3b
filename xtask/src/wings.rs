//! Wings are the folders that crates lie in, by what they are about; dependencies between them have one direction.
//!
//! `bin` → `host` → `dataplane` → `control`, and `efa` → `srd` and `control`. What goes another way is listed with its
//! reason, and an entry that nothing uses any more is a finding.

use std::collections::BTreeMap;

use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{DependencyKind, Package};

/// Which wings each wing may use, besides itself.
const WINGS: [(&str, &[&str]); 6] = [
    ("control", &[]),
    ("dataplane", &["control"]),
    ("host", &["dataplane", "control"]),
    ("srd", &[]),
    ("efa", &["srd", "control"]),
    ("bin", &["control", "dataplane", "host", "srd", "efa"]),
];

/// Edges against the direction: who, whom, why.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "eni-ena-express",
    "eni-wire",
    "frames are read through header views",
)];

/// What is wrong with the edges between `packages`, whose workspace lies in `root`.
pub(crate) fn findings(packages: &[&Package], root: &Utf8Path) -> Vec<String> {
    let wings: BTreeMap<&str, &str> = packages
        .iter()
        .filter_map(|package| Some((package.name.as_str(), wing_of(package, root)?)))
        .collect();
    let mut findings = Vec::new();
    let mut used = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = WINGS.iter().find(|(wing, _)| wings.get(name) == Some(wing))
        else {
            continue; // tools and tests see everything
        };
        // Tests may bring up what they need from anywhere.
        let edges = package.dependencies.iter();
        for dependency in edges.filter(|edge| edge.kind != DependencyKind::Development) {
            let Some(wing) = wings.get(dependency.name.as_str()) else {
                continue;
            };
            if wings.get(name) == Some(wing) || allowed.contains(wing) {
                continue;
            }
            let edge = (name, dependency.name.as_str());
            if EXCEPTIONS.iter().any(|(from, to, _)| (*from, *to) == edge) {
                used.push((edge.0.to_owned(), edge.1.to_owned()));
            } else {
                findings.push(format!(
                    "{name} ({}) may not depend on {} ({wing})",
                    wings[name], edge.1
                ));
            }
        }
    }
    for (from, to, reason) in EXCEPTIONS {
        if !used.contains(&(from.to_owned(), to.to_owned())) {
            findings.push(format!(
                "{from} no longer depends on {to}: remove the exception ({reason})"
            ));
        }
    }
    findings
}

/// The first folder on the way from the root to a package.
pub(crate) fn wing_of<'a>(package: &'a Package, root: &Utf8Path) -> Option<&'a str> {
    let below = package.manifest_path.strip_prefix(root).ok()?;
    below.components().next().map(|folder| folder.as_str())
}
