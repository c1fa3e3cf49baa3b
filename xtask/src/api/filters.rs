//! The filters of EC2's listings: its documentation names them, and where their values are follows from the answer.

use super::declaration::{Declaration, Family};
use super::fields::{Field, Sources};
use super::model::{Service, Side};
use crate::repository::{self, Failure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// Action and filter, from the model's documentation (`scripts/aws-model.py`).
const TABLE: &str = "control/model/filters.tsv";

pub(super) struct Filters<'a> {
    /// The documented filters of an action.
    documented: BTreeMap<String, BTreeSet<String>>,
    families: &'a [Family],
    sources: Sources<'a>,
}

impl<'a> Filters<'a> {
    pub(super) fn read(families: &'a [Family], sources: Sources<'a>) -> Result<Self, Failure> {
        let text = repository::text(Path::new(TABLE))?.unwrap_or_default();
        let mut documented = BTreeMap::<_, BTreeSet<_>>::new();
        for (action, name) in text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once('\t'))
        {
            let names = documented.entry(action.to_owned()).or_default();
            names.insert(name.to_owned());
        }
        Ok(Self {
            documented,
            families,
            sources,
        })
    }

    /// The structure that `operation` lists, and what gives the values of its filters.
    pub(super) fn render(
        &self,
        operation: &str,
        declared: &Declaration,
    ) -> Result<Option<(String, String)>, Failure> {
        let Some(documented) = self.documented.get(operation) else {
            return Ok(None);
        };
        let Some(structure) = self.listed(operation, declared)? else {
            return Ok(None);
        };
        let mut names = documented.clone();
        names.extend(declared.filters.keys().cloned());
        let mut text = format!(
            "\nimpl Filtered for {structure} {{\n    const FILTERS: &'static [&'static str] = &[\n"
        );
        for name in &names {
            writeln!(text, "        \"{name}\",").expect("a String is written");
        }
        text.push_str("    ];\n");
        if !declared.rows_give.contains("*") {
            self.values(operation, declared, &structure, &names, &mut text)?;
        }
        text.push_str("}\n");
        Ok(Some((structure, text)))
    }

    /// Writes what gives the values.
    fn values(
        &self,
        operation: &str,
        declared: &Declaration,
        structure: &str,
        names: &BTreeSet<String>,
        text: &mut String,
    ) -> Result<(), Failure> {
        let mut arms = BTreeMap::<String, Vec<&str>>::new();
        let mut lost = Vec::new();
        for name in names {
            if declared.finds_nothing.contains(name) || declared.rows_give.contains(name) {
                continue;
            }
            let path = declared.filters.get(name).unwrap_or(name);
            let walk = match path.strip_prefix('=') {
                Some(text) => Some(format!("give(\"{text}\".into());")),
                None => self.walk(structure, path, "self")?,
            };
            match walk {
                Some(walk) => arms.entry(walk).or_default().push(name),
                None => lost.push(name),
            }
        }
        if !lost.is_empty() {
            return Err(Failure::Other(format!(
                "{operation}: the answer has no place for the filters {lost:?}"
            )));
        }
        text.push_str("\n    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {\n        match name {\n");
        for (walk, names) in arms {
            let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            let names = names.join(" | ");
            match walk.strip_suffix(';') {
                Some(one) => writeln!(text, "{names} => {one},"),
                None => writeln!(text, "{names} => {{ {walk} }}"),
            }
            .expect("a String is written");
        }
        text.push_str("            _ => {}\n        }\n    }\n");
        Ok(())
    }

    /// The statements that give what is at `path`, such as `association.subnet-id`, of the structure in `place`.
    fn walk(&self, structure: &str, path: &str, place: &str) -> Result<Option<String>, Failure> {
        let Some(fields) = self.fields_of(structure)? else {
            return Ok(None);
        };
        for field in &fields {
            for spelling in spellings(field) {
                let Some(rest) = path.strip_prefix(&spelling) else {
                    continue;
                };
                let Some(rest) = rest.strip_prefix('.') else {
                    if rest.is_empty() {
                        let give = |place: &str| format!("give({place}.to_string());");
                        return Ok(Some(step(field, place, give)));
                    }
                    continue;
                };
                let is_single = !field.is_list && !field.is_optional;
                let own = format!("{place}.{}", field.name);
                let inner = self.walk(&field.base, rest, if is_single { &own } else { "one" })?;
                if let Some(found) = inner {
                    return Ok(Some(step(field, place, |_| found.clone())));
                }
            }
        }
        Ok(None)
    }

    /// The fields of a structure that is declared.
    fn fields_of(&self, structure: &str) -> Result<Option<Vec<Field>>, Failure> {
        let mut families = self.families.iter();
        let declared = families.find_map(|family| family.structures.get(structure));
        let Some(declared) = declared.filter(|declared| declared.gives.is_some()) else {
            return Ok(None);
        };
        let fields = self.sources.fields(
            structure,
            declared,
            &declared.of,
            Side::Answer,
            Service::Ec2,
        )?;
        Ok(Some(fields))
    }

    /// The structure of the answer's list.
    fn listed(&self, operation: &str, declared: &Declaration) -> Result<Option<String>, Failure> {
        if declared.filtered.is_some() {
            return Ok(declared.filtered.clone());
        }
        let model = self.sources.models.of(Service::Ec2);
        let output = model.operation(operation);
        let output = output.and_then(|operation| operation.output.as_ref());
        let shapes: Vec<String> = output
            .map(|output| output.shape.clone())
            .into_iter()
            .collect();
        let fields =
            self.sources
                .fields(operation, declared, &shapes, Side::Answer, Service::Ec2)?;
        let mut lists = fields.into_iter().filter(|field| field.is_list);
        let list = lists.find(|field| field.base != "String");
        Ok(list.map(|field| field.base))
    }
}

/// What gives the values of one field: `give` for each.
fn step(field: &Field, place: &str, give: impl Fn(&str) -> String) -> String {
    let own = format!("{place}.{}", field.name);
    match (field.is_optional, field.is_list) {
        (false, false) => give(&own),
        (true, false) => format!("if let Some(one) = &{own} {{ {} }}", give("one")),
        (false, true) => format!("for one in &{own}.items {{ {} }}", give("one")),
        (true, true) => format!(
            "for one in {own}.iter().flat_map(|set| &set.items) {{ {} }}",
            give("one")
        ),
    }
}

/// How a filter may spell a member: as it is on the wire or in the model, without `Set`, and a list in the singular.
fn spellings(field: &Field) -> BTreeSet<String> {
    let mut spellings = BTreeSet::new();
    for name in field.spellings.iter().map(|name| kebab_case(name)) {
        let name = name.strip_suffix("-set").unwrap_or(&name).to_owned();
        if field.is_list {
            spellings.extend(name.strip_suffix('s').map(str::to_owned));
        }
        spellings.insert(name);
    }
    spellings
}

fn kebab_case(name: &str) -> String {
    super::fields::snake_case(name).replace('_', "-")
}
