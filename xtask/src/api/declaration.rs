//! What the files under `control/model/api` declare: which operations and members are served, and by which types.

use super::model::{Models, Service, Side};
use crate::repository::{self, Failure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One file: the operations of a family and the structures that they take and answer, by name.
pub(super) struct Family {
    pub(super) name: String,
    /// Whose operations they are.
    pub(super) service: Service,
    /// As the documentation calls it.
    pub(super) title: String,
    /// What the documentation says besides.
    pub(super) note: Option<String>,
    pub(super) operations: BTreeMap<String, Declaration>,
    pub(super) structures: BTreeMap<String, Declaration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    #[serde(default)]
    service: Service,
    title: String,
    note: Option<String>,
}

/// A table of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declaration {
    /// The shapes of the model that a structure stands for.
    #[serde(default)]
    pub(super) of: Vec<String>,
    /// The parameters that are read.
    pub(super) takes: Option<Vec<String>>,
    /// Parameters that ask for what this region does not have, in the order in which they are refused.
    #[serde(default)]
    pub(super) refuses: Vec<Refusal>,
    /// The members that are answered, in this order.
    pub(super) gives: Option<Vec<String>>,
    /// The structure that an operation answers, where it shares it with others.
    pub(super) answer: Option<String>,
    /// Whether an operation may change the world, where its name does not say so.
    pub(super) mutates: Option<bool>,
    /// The structure that filters look at, where it lies deeper in the answer than in its list.
    pub(super) filtered: Option<String>,
    /// Filters of a listing whose values are elsewhere in the answer than the name says, and those that EC2 takes without
    /// documenting them; each with where its values are, spelt as a filter, or after `=` its only value.
    #[serde(default)]
    pub(super) filters: BTreeMap<String, String>,
    /// Filters for what nothing here has.
    #[serde(default)]
    pub(super) finds_nothing: BTreeSet<String>,
    /// Filters whose values the rows give, rather than the answer; `*` for all.
    #[serde(default)]
    pub(super) rows_give: BTreeSet<String>,
    /// Parameters that an empty text is a value of.
    #[serde(default)]
    pub(super) keeps_empty: Vec<String>,
}

/// Parameters that are refused where they ask for something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    /// What they ask for, as the error calls it.
    pub(super) feature: String,
    pub(super) members: Vec<String>,
}

/// One entry of `takes` or `gives`.
pub(super) struct Entry<'a> {
    pub(super) kind: Kind,
    /// The model's name of the member; where several shapes call it differently, each with `|` between.
    pub(super) member: &'a str,
    /// Our name of it, where it is another.
    pub(super) field: Option<&'a str>,
    /// `?` or `!`: whether it may be absent, where that does not follow from the model.
    pub(super) optional: Option<bool>,
    /// Our type, where it does not follow from the model.
    pub(super) of_type: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `CidrBlock: Ipv4Cidr`.
    Member,
    /// `..page: Page`: the parameters of another structure, at the same level.
    Spread,
    /// `+return: bool`: what EC2 answers and its model does not have.
    Unlisted,
}

impl Family {
    pub(super) fn read(path: &Path, models: &Models) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Other(format!("{}: {why}", path.display()));
        let text = repository::text(path)?.ok_or_else(|| wrong("not text".into()))?;
        let mut tables: BTreeMap<String, toml::Value> =
            toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let heading = tables.remove("family");
        let heading = heading.ok_or_else(|| wrong("there is no table [family]".into()))?;
        let Heading {
            service,
            title,
            note,
        } = Heading::deserialize(heading).map_err(|error| wrong(format!("family: {error}")))?;
        let model = models.of(service);
        let (mut operations, mut structures) = (BTreeMap::new(), BTreeMap::new());
        for (name, table) in tables {
            let read = Declaration::deserialize(table);
            let declared = read.map_err(|error| wrong(format!("{name}: {error}")))?;
            if model.operation(&name).is_some() && declared.of.is_empty() {
                operations.insert(name, declared);
            } else if declared.of.is_empty() {
                let service = service.name();
                return Err(wrong(format!("{service}'s model has no operation {name}")));
            } else {
                structures.insert(name, declared);
            }
        }
        let name = path.file_stem().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            service,
            title,
            note,
            operations,
            structures,
        })
    }
}

impl Declaration {
    pub(super) fn entries(&self, side: Side) -> Option<impl Iterator<Item = Entry<'_>>> {
        let (listed, refused) = match side {
            Side::Request => (&self.takes, self.refuses.as_slice()),
            Side::Answer => (&self.gives, &[][..]),
        };
        let refused = refused.iter().flat_map(|refusal| &refusal.members);
        let all = listed.as_ref()?.iter().chain(refused);
        Some(all.map(|text| Entry::parse(text)))
    }
}

impl<'a> Entry<'a> {
    /// `Member`, `Member?`, `Member as field: Type`, `..field: Type`, `+member: Type`.
    pub(super) fn parse(text: &'a str) -> Self {
        let (name, of_type) = match text.split_once(": ") {
            Some((name, of_type)) => (name, Some(of_type)),
            None => (text, None),
        };
        let (name, optional) = match (name.strip_suffix('?'), name.strip_suffix('!')) {
            (Some(name), _) => (name, Some(true)),
            (_, Some(name)) => (name, Some(false)),
            _ => (name, None),
        };
        let (kind, name) = match (name.strip_prefix(".."), name.strip_prefix('+')) {
            (Some(name), _) => (Kind::Spread, name),
            (_, Some(name)) => (Kind::Unlisted, name),
            _ => (Kind::Member, name),
        };
        let (member, field) = match name.split_once(" as ") {
            Some((member, field)) => (member, Some(field)),
            None => (name, None),
        };
        Self {
            kind,
            member,
            field,
            optional,
            of_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_name_presence_and_type() {
        let read = |text| {
            let Entry {
                member,
                field,
                optional,
                of_type,
                ..
            } = Entry::parse(text);
            (member, field, optional, of_type)
        };
        assert_eq!(read("VpcId"), ("VpcId", None, None, None));
        assert_eq!(
            read("Groups as group_ids!: SecurityGroupId"),
            (
                "Groups",
                Some("group_ids"),
                Some(false),
                Some("SecurityGroupId")
            )
        );
        assert_eq!(
            read("+return?: bool"),
            ("return", None, Some(true), Some("bool"))
        );
        assert!(Entry::parse("..page: Page").kind == Kind::Spread);
    }
}
