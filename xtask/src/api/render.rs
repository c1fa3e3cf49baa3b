//! Declarations to Rust.

use super::declaration::{Declaration, Entry, Family, Kind};
use super::model::{Model, Side};
use super::types::Types;
use crate::repository::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A field of a structure.
struct Field {
    name: String,
    of_type: String,
    /// What goes before it.
    attribute: Option<String>,
    /// Whether a structure of such fields has a default.
    has_default: bool,
}

/// The source of one family.
pub(super) struct Source<'a> {
    pub(super) family: &'a Family,
    pub(super) model: &'a Model,
    pub(super) types: &'a Types,
    imports: BTreeMap<String, BTreeSet<String>>,
    text: String,
}

impl<'a> Source<'a> {
    pub(super) fn new(family: &'a Family, model: &'a Model, types: &'a Types) -> Self {
        Self {
            family,
            model,
            types,
            imports: BTreeMap::new(),
            text: String::new(),
        }
    }

    /// The whole file.
    pub(super) fn render(mut self) -> Result<String, Failure> {
        for (name, declared) in &self.family.operations {
            self.operation(name, declared)?;
        }
        for (name, declared) in &self.family.structures {
            self.structure(name, declared)?;
        }
        let mut file = format!(
            "//! {}: requests and answers.\n//!\n//! Written by `cargo xtask api` from `control/model/api/{}.toml`.\n\n",
            self.family.title, self.family.name
        );
        for (path, names) in &self.imports {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            writeln!(file, "use {path}::{{{}}};", names.join(", ")).expect("a String is written");
        }
        file.push_str(&self.text);
        Ok(file)
    }

    fn operation(&mut self, name: &str, declared: &Declaration) -> Result<(), Failure> {
        let wrong = |why: &str| Failure::Other(format!("{name}: {why}"));
        let operation = self.model.operation(name).ok_or_else(|| wrong("unknown"))?;
        let input = &operation.input.shape;
        let fields = self.fields(name, declared, &[input.clone()], Side::Request)?;
        self.import("eni_query", "FromQuery");
        let doc = format!("What `{name}` is asked.");
        self.item(&doc, "pub", name, &["FromQuery"], &fields, false);
        let answers = declared.entries(Side::Answer).is_some();
        let response = match (&declared.answer, answers) {
            (Some(_), true) => return Err(wrong("both `answer` and `gives`")),
            (Some(shared), false) => shared.clone(),
            (None, true) => format!("{name}Response"),
            (None, false) => "ReturnTrue".into(),
        };
        for (path, name) in self
            .types
            .imports(&response, &self.family.name)
            .or_else(|error| if answers { Ok(Vec::new()) } else { Err(error) })?
        {
            self.import(&path, &name);
        }
        if answers {
            let output = operation.output.as_ref();
            let output = output.map(|output| output.shape.clone());
            let shapes: Vec<String> = output.into_iter().collect();
            let fields = self.fields(name, declared, &shapes, Side::Answer)?;
            self.import("serde", "Serialize");
            let doc = format!("What `{name}` answers.");
            self.item(&doc, "pub", &response, &["Serialize"], &fields, false);
        }
        self.import("crate::operation", "Action");
        let has_dry_run = self.model.shape(input)?.members.contains_key("DryRun");
        let reads = ["Describe", "Get"]
            .iter()
            .any(|verb| name.starts_with(verb));
        let mutates = declared.mutates.unwrap_or(!reads);
        write!(
            self.text,
            "
impl Action for {name} {{
    const NAME: &'static str = \"{name}\";
    const MUTATES: bool = {mutates};
    const HAS_DRY_RUN: bool = {has_dry_run};
    type Response = {response};
}}
"
        )
        .expect("a String is written");
        Ok(())
    }

    fn structure(&mut self, name: &str, declared: &Declaration) -> Result<(), Failure> {
        let mut derives = Vec::new();
        let mut fields = Vec::new();
        for (side, derive, from) in [
            (Side::Request, "FromQuery", "eni_query"),
            (Side::Answer, "Serialize", "serde"),
        ] {
            if declared.entries(side).is_some() {
                self.import(from, derive);
                derives.push(derive);
                fields = self.fields(name, declared, &declared.of, side)?;
            }
        }
        let is_copied = fields
            .iter()
            .all(|field| self.types.is_copied(&field.of_type));
        let doc = format!("`{}` of EC2's model.", declared.of.join("`, `"));
        let mut operations = self.family.operations.values();
        let is_answer = operations.any(|operation| operation.answer.as_deref() == Some(name));
        let visibility = if is_answer { "pub" } else { "pub(crate)" };
        self.item(&doc, visibility, name, &derives, &fields, is_copied);
        Ok(())
    }

    /// One structure.
    fn item(
        &mut self,
        doc: &str,
        visibility: &str,
        name: &str,
        derives: &[&str],
        fields: &[Field],
        is_copied: bool,
    ) {
        let mut all = vec!["Clone"];
        all.extend(is_copied.then_some("Copy"));
        all.push("Debug");
        all.extend(
            fields
                .iter()
                .all(|field| field.has_default)
                .then_some("Default"),
        );
        all.extend(["PartialEq", "Eq"]);
        all.extend(derives);
        write!(self.text, "\n/// {doc}\n#[derive({})]\n", all.join(", "))
            .expect("a String is written");
        let renames = fields.iter().any(|field| field.name.contains('_'));
        if derives.contains(&"Serialize") && renames {
            self.text.push_str("#[serde(rename_all = \"camelCase\")]\n");
        }
        if fields.is_empty() {
            writeln!(self.text, "{visibility} struct {name} {{}}").expect("a String is written");
            return;
        }
        writeln!(self.text, "{visibility} struct {name} {{").expect("a String is written");
        for field in fields {
            if let Some(attribute) = &field.attribute {
                writeln!(self.text, "    {attribute}").expect("a String is written");
            }
            writeln!(
                self.text,
                "    pub(crate) {}: {},",
                field.name, field.of_type
            )
            .expect("a String is written");
        }
        self.text.push_str("}\n");
    }

    fn fields(
        &mut self,
        name: &str,
        declared: &Declaration,
        shapes: &[String],
        side: Side,
    ) -> Result<Vec<Field>, Failure> {
        let mut fields = Vec::new();
        for entry in declared.entries(side).into_iter().flatten() {
            let field = match entry.kind {
                Kind::Spread => spread(&entry),
                Kind::Unlisted => unlisted(&entry),
                Kind::Member => {
                    let keeps_empty = declared.keeps_empty.iter().any(|kept| kept == entry.member);
                    self.field(name, &entry, shapes, side, keeps_empty)?
                }
            };
            for (path, name) in self.types.imports(&field.of_type, &self.family.name)? {
                self.import(&path, &name);
            }
            fields.push(field);
        }
        Ok(fields)
    }

    /// The field of a member, which must be alike in all of `shapes`.
    fn field(
        &self,
        name: &str,
        entry: &Entry<'_>,
        shapes: &[String],
        side: Side,
        keeps_empty: bool,
    ) -> Result<Field, Failure> {
        let mut wires = BTreeSet::new();
        let mut found = None;
        for shape_name in shapes {
            let shape = self.model.shape(shape_name)?;
            let mut members = entry.member.split('|');
            let known = members.find_map(|name| Some((name, shape.members.get(name)?)));
            let (own, member) = known.ok_or_else(|| {
                Failure::Other(format!(
                    "{name}: {shape_name} has no member {}",
                    entry.member
                ))
            })?;
            wires.insert(member.wire_name(own, side));
            found = Some((member, shape.required.iter().any(|name| name == own)));
        }
        let ((member, is_required), Some(wire), 1) = (
            found.ok_or_else(|| Failure::Other(format!("{name}: it stands for no shape")))?,
            wires.first(),
            wires.len(),
        ) else {
            let why = format!("{name}: {} has several spellings: {wires:?}", entry.member);
            return Err(Failure::Other(why));
        };
        let (_, is_list) = self.model.held(member)?;
        let base = match entry.of_type {
            Some(given) => given.to_owned(),
            None => self
                .types
                .of_member(entry.member, member, side, self.model)?,
        };
        let base = base.replace("&str", "&'static str");
        let is_optional = entry
            .optional
            .unwrap_or(side == Side::Request && !is_required && !is_list);
        let listed = match (is_list, side) {
            (true, Side::Request) => format!("Vec<{base}>"),
            (true, Side::Answer) => format!("ItemSet<{base}>"),
            (false, _) => base,
        };
        let of_type = if is_optional {
            format!("Option<{listed}>")
        } else {
            listed
        };
        let own = match (entry.field, side) {
            (Some(field), _) => field.to_owned(),
            (None, Side::Request) => snake_case(entry.member),
            (None, Side::Answer) => snake_case(wire),
        };
        let attribute = match side {
            Side::Request => query_attribute(&own, wire, keeps_empty),
            Side::Answer => serde_attribute(&own, wire, is_optional),
        };
        Ok(Field {
            name: raw(own),
            has_default: is_optional || is_list,
            of_type,
            attribute,
        })
    }

    fn import(&mut self, path: &str, name: &str) {
        let names = self.imports.entry(path.into()).or_default();
        names.insert(name.into());
    }
}

fn spread(entry: &Entry<'_>) -> Field {
    Field {
        name: entry.member.into(),
        of_type: entry.of_type.unwrap_or_default().into(),
        attribute: Some("#[query(flatten)]".into()),
        has_default: true,
    }
}

fn unlisted(entry: &Entry<'_>) -> Field {
    let name = snake_case(entry.member);
    let of_type = entry
        .of_type
        .unwrap_or_default()
        .replace("&str", "&'static str");
    let is_optional = entry.optional == Some(true);
    Field {
        attribute: serde_attribute(&name, entry.member, is_optional),
        name: raw(name),
        of_type: if is_optional {
            format!("Option<{of_type}>")
        } else {
            of_type
        },
        has_default: is_optional,
    }
}

fn query_attribute(field: &str, wire: &str, keeps_empty: bool) -> Option<String> {
    let name = (pascal_case(field) != wire).then(|| format!("name = \"{wire}\""));
    let kept = keeps_empty.then(|| "keep_empty".to_owned());
    let arguments: Vec<String> = name.into_iter().chain(kept).collect();
    (!arguments.is_empty()).then(|| format!("#[query({})]", arguments.join(", ")))
}

fn serde_attribute(field: &str, wire: &str, is_optional: bool) -> Option<String> {
    let (first, rest) = wire.split_at(1);
    let name = (first != first.to_ascii_lowercase()
        || pascal_case(field) != first.to_ascii_uppercase() + rest)
        .then(|| format!("rename = \"{wire}\""));
    let skipped = is_optional.then(|| "skip_serializing_if = \"Option::is_none\"".to_owned());
    let arguments: Vec<String> = name.into_iter().chain(skipped).collect();
    (!arguments.is_empty()).then(|| format!("#[serde({})]", arguments.join(", ")))
}

/// A name that is a word of the language, marked as none.
fn raw(name: String) -> String {
    if ["return", "type"].contains(&name.as_str()) {
        format!("r#{name}")
    } else {
        name
    }
}

/// `EnableResourceNameDnsAAAARecord` to `enable_resource_name_dns_aaaa_record`.
pub(super) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase()
                    || letters.get(at + 1).is_some_and(|next| next.is_lowercase())
            });
        if begins {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn pascal_case(name: &str) -> String {
    let capitalized = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    name.split('_')
        .filter(|word| !word.is_empty())
        .map(capitalized)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelt_in_rusts_way() {
        for (ec2, rust) in [
            ("VpcId", "vpc_id"),
            ("Ipv6CidrBlock", "ipv6_cidr_block"),
            ("EnableDns64", "enable_dns64"),
            (
                "EnableResourceNameDnsAAAARecordOnLaunch",
                "enable_resource_name_dns_aaaa_record_on_launch",
            ),
            (
                "EnableResourceNameDnsARecord",
                "enable_resource_name_dns_a_record",
            ),
            ("autoEnableIO", "auto_enable_io"),
        ] {
            assert_eq!(snake_case(ec2), rust);
        }
        assert_eq!(pascal_case("ipv6_cidr_block"), "Ipv6CidrBlock");
    }
}
