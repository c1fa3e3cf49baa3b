//! What EC2 says of an instance type beyond what anything here is decided by: disks, accelerators, processors' features.
//!
//! Each description stands once in a text (`instance-type-parts.txt`, by `scripts/instance-types.py`) and is read when it
//! is asked for; a type has the places of its own. Members are spelled as in EC2's XML.

use alloc::vec::Vec;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// The places of each type's descriptions: `a1.large`, a tab, and `0,1574,1738`. Sorted by name.
pub(super) const PLACES: &str = include_str!("../../instance-type-details.tsv");
/// The descriptions, one a line.
const PARTS: &str = include_str!("../../instance-type-parts.txt");
/// Structures in structures in a description; the deepest has six.
const MAX_DEPTH: usize = 16;

/// A value of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A text, a number or a flag.
    Text(&'static str),
    /// Values in order.
    List(Vec<Part>),
    /// Members, by name.
    Structure(Vec<(&'static str, Part)>),
}

/// The members of a type that are only described.
///
/// `line` is the one of [`PLACES`]. What is malformed is left out, which the test of the tables excludes.
pub(super) fn members(line: &'static str) -> Vec<(&'static str, Part)> {
    let places = line.split_once('\t').map_or("", |(_, places)| places);
    places
        .split(',')
        .filter_map(|place| match Part::at(place, MAX_DEPTH)? {
            Part::Structure(members) => Some(members),
            _ => None,
        })
        .flatten()
        .collect()
}

impl Part {
    /// The description that starts at a place of [`PARTS`].
    fn at(place: &str, depth: usize) -> Option<Self> {
        let text = PARTS.get(place.parse().ok()?..)?;
        let (part, rest) = Self::read(text, depth)?;
        rest.starts_with('\n').then_some(part)
    }

    /// Reads `{member=value,…}`, `[value,…]`, `@PLACE` or a text, and gives what follows.
    fn read(text: &'static str, depth: usize) -> Option<(Self, &'static str)> {
        let depth = depth.checked_sub(1)?;
        if let Some(inside) = text.strip_prefix('{') {
            let (members, rest) = read_members(inside, '}', |text| {
                let (name, value) = text.split_once('=')?;
                let (value, rest) = Self::read(value, depth)?;
                Some(((name, value), rest))
            })?;
            return Some((Self::Structure(members), rest));
        }
        if let Some(inside) = text.strip_prefix('[') {
            let (members, rest) = read_members(inside, ']', |text| Self::read(text, depth))?;
            return Some((Self::List(members), rest));
        }
        let end = text.find([',', '}', ']', '\n'])?;
        let (value, rest) = text.split_at(end);
        match value.strip_prefix('@') {
            Some(place) => Some((Self::at(place, depth)?, rest)),
            None => Some((Self::Text(value), rest)),
        }
    }

    /// Gives the texts that the filter's `path` leads to: `ebs-optimized-info.baseline-iops` to `ebsOptimizedInfo` and
    /// `baselineIops`. A list stands for its members.
    pub fn texts(&self, path: &str, give: &mut dyn FnMut(&'static str)) {
        match self {
            Self::Text(text) if path.is_empty() => give(text),
            Self::Text(_) => {}
            Self::List(members) => members.iter().for_each(|member| member.texts(path, give)),
            Self::Structure(members) => texts_of(members, path, give),
        }
    }
}

/// As [`Part::texts`], for the members of a structure.
pub fn texts_of(members: &[(&'static str, Part)], path: &str, give: &mut dyn FnMut(&'static str)) {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    for (name, member) in members {
        if is_spelled(first, name) {
            member.texts(rest, give);
        }
    }
}

/// Whether a filter means the member: `supported-boot-mode` is `supportedBootModes`, `size-in-gb` is `sizeInGB`.
fn is_spelled(filter: &str, member: &str) -> bool {
    let letters = filter.bytes().filter(|byte| *byte != b'-');
    let same = |name: &str| {
        letters
            .clone()
            .eq(name.bytes().map(|byte| byte.to_ascii_lowercase()))
    };
    same(member)
        || ["s", "es"]
            .iter()
            .any(|plural| member.strip_suffix(plural).is_some_and(same))
}

/// Reads members with commas between them up to `end`.
fn read_members<T>(
    mut text: &'static str,
    end: char,
    read: impl Fn(&'static str) -> Option<(T, &'static str)>,
) -> Option<(Vec<T>, &'static str)> {
    let mut members = Vec::new();
    loop {
        if let Some(rest) = text.strip_prefix(end) {
            return Some((members, rest));
        }
        let (member, rest) = read(text)?;
        members.push(member);
        text = rest.strip_prefix(',').unwrap_or(rest);
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(members) => {
                let mut list = serializer.serialize_struct("List", 1)?;
                list.serialize_field("item", members)?;
                list.end()
            }
            Self::Structure(members) => {
                let mut structure = serializer.serialize_struct("Structure", members.len())?;
                for (name, member) in members {
                    structure.serialize_field(name, member)?;
                }
                structure.end()
            }
        }
    }
}
