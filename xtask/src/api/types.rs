//! Which of our types stands for which shape of a service's model.

use super::declaration::Family;
use super::model::{Model, Reference, Service, Side};
use crate::repository::{self, Failure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const TABLE: &str = "control/model/api/types.toml";
/// What needs no import.
const BUILT_IN: [&str; 8] = ["Option", "bool", "i32", "i64", "u16", "u32", "u64", "usize"];

/// The committed table, and what the families declare.
pub(super) struct Types {
    /// Where a type that is written by hand lies, by its name.
    paths: BTreeMap<String, String>,
    /// Types that stand for scalar shapes of another name; those of IAM after `IAM.`.
    shapes: BTreeMap<String, String>,
    /// Types that stand for members that the model calls strings, by the member's name.
    members: BTreeMap<String, String>,
    /// Types of which a value can be copied bit by bit.
    copied: BTreeSet<String>,
    /// The structure that stands for a shape on one side, where it is the only one.
    structures: BTreeMap<(Service, String, Side), Vec<String>>,
    /// The family that declares a structure.
    families: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    paths: BTreeMap<String, Vec<String>>,
    copied: Vec<String>,
    shapes: BTreeMap<String, String>,
    members: BTreeMap<String, String>,
}

impl Types {
    pub(super) fn read(families: &[Family]) -> Result<Self, Failure> {
        let text = repository::text(Path::new(TABLE))?.unwrap_or_default();
        let table: Table =
            toml::from_str(&text).map_err(|error| Failure::Other(format!("{TABLE}: {error}")))?;
        let mut types = Self {
            paths: BTreeMap::new(),
            shapes: table.shapes,
            members: table.members,
            copied: table.copied.into_iter().collect(),
            structures: BTreeMap::new(),
            families: BTreeMap::new(),
        };
        for (path, names) in table.paths {
            let placed = names.into_iter().map(|name| (name, path.clone()));
            types.paths.extend(placed);
        }
        for family in families {
            for (name, declared) in &family.structures {
                types.families.insert(name.clone(), family.name.clone());
                for shape in &declared.of {
                    for side in [Side::Request, Side::Answer] {
                        if declared.entries(side).is_some() {
                            let key = (family.service, shape.clone(), side);
                            types.structures.entry(key).or_default().push(name.clone());
                        }
                    }
                }
            }
        }
        Ok(types)
    }

    /// Our type of a member that holds `shape`.
    pub(super) fn of_member(
        &self,
        name: &str,
        member: &Reference,
        side: Side,
        service: Service,
        model: &Model,
    ) -> Result<String, Failure> {
        let (shape_name, _) = model.held(member)?;
        let shape = model.shape(shape_name)?;
        let listed = match service {
            Service::Ec2 => shape_name.to_owned(),
            other => format!("{}.{shape_name}", other.name()),
        };
        if let Some(known) = self.shapes.get(&format!("{listed}/{side:?}")) {
            return Ok(known.clone());
        }
        if shape.kind == "structure" {
            let key = (service, shape_name.to_owned(), side);
            return match self.structures.get(&key).map(Vec::as_slice) {
                Some([only]) => Ok(only.clone()),
                _ if self.paths.contains_key(shape_name) => Ok(shape_name.into()),
                Some(several) => Err(Failure::Other(format!(
                    "{name}: {shape_name} is any of {several:?}; say which"
                ))),
                None => Err(Failure::Other(format!(
                    "{name}: no structure stands for {shape_name}"
                ))),
            };
        }
        if let Some(known) = self.shapes.get(&listed) {
            return Ok(known.clone());
        }
        if shape_name != "String" && self.paths.contains_key(shape_name) {
            return Ok(shape_name.into());
        }
        if shape_name == "String" {
            let singular = name.strip_suffix('s').unwrap_or(name);
            for name in [name, singular] {
                if let Some(known) = self.members.get(name) {
                    return Ok(known.clone());
                }
                if self.paths.contains_key(name) {
                    return Ok(name.into());
                }
            }
        }
        Ok(match shape.kind.as_str() {
            "boolean" => "bool",
            "integer" => "u32",
            "long" => "u64",
            _ if side == Side::Answer && shape.values.is_some() => "&str",
            _ => "String",
        }
        .into())
    }

    /// Whether a value of `of_type`, such as `Option<u32>`, can be copied.
    pub(super) fn is_copied(&self, of_type: &str) -> bool {
        let mut names = names_in(of_type);
        names.all(|name| self.copied.contains(name) || BUILT_IN.contains(&name))
    }

    /// What a file of the family `family` has to import for `of_type`.
    pub(super) fn imports(
        &self,
        of_type: &str,
        family: &str,
    ) -> Result<Vec<(String, String)>, Failure> {
        let mut imports = Vec::new();
        for name in names_in(of_type) {
            if BUILT_IN.contains(&name) || ["str", "u8", "static"].contains(&name) {
                continue;
            }
            let path = match (self.families.get(name), self.paths.get(name)) {
                (Some(owner), _) if owner == family => continue,
                (Some(owner), _) => format!("super::{owner}"),
                (None, Some(path)) => path.clone(),
                (None, None) => {
                    let why = format!("{family}: {TABLE} does not say where {name} lies");
                    return Err(Failure::Other(why));
                }
            };
            imports.push((path, name.to_owned()));
        }
        Ok(imports)
    }
}

fn names_in(of_type: &str) -> impl Iterator<Item = &str> {
    of_type
        .split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|name| !name.is_empty())
}
