//! The fields of requests and answers.

use super::declaration::{Declaration, Entry, Kind};
use super::model::{Models, Service, Side};
use super::types::Types;
use crate::repository::Failure;
use std::collections::BTreeSet;

/// A field of a structure.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) of_type: String,
    /// The type of one value, without lists and options.
    pub(super) base: String,
    pub(super) is_list: bool,
    pub(super) is_optional: bool,
    /// What the service calls it: on the wire, and in the model.
    pub(super) spellings: [String; 2],
    /// What goes before it.
    pub(super) attribute: Option<String>,
}

/// What fields follow from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) models: &'a Models,
    pub(super) types: &'a Types,
}

impl Field {
    /// Whether a structure of such fields has a default.
    pub(super) fn has_default(&self) -> bool {
        self.is_list || self.is_optional || self.attribute.as_deref() == Some(FLATTENED)
    }

    /// Whether the parameter asks for something: a flag that is set, a list that has members, a count above zero, a text.
    pub(super) fn asks(&self) -> String {
        let name = &self.name;
        match self.base.as_str() {
            _ if self.is_list => format!("!self.{name}.is_empty()"),
            "bool" => format!("self.{name} == Some(true)"),
            "AttributeBooleanValue" => format!("self.{name}.is_some_and(|given| given.value)"),
            "u32" => format!("self.{name}.unwrap_or(0) > 0"),
            _ => format!("self.{name}.is_some()"),
        }
    }
}

/// What is before a field that reads its parameters from the same level.
const FLATTENED: &str = "#[query(flatten)]";

impl Sources<'_> {
    /// The fields of the structure `name`, which stands for `shapes`.
    pub(super) fn fields(
        self,
        name: &str,
        declared: &Declaration,
        shapes: &[String],
        side: Side,
        service: Service,
    ) -> Result<Vec<Field>, Failure> {
        let mut fields = Vec::new();
        for entry in declared.entries(side).into_iter().flatten() {
            fields.push(match entry.kind {
                Kind::Spread => spread(&entry),
                Kind::Unlisted => unlisted(&entry, service),
                Kind::Member => {
                    let keeps_empty = declared.keeps_empty.iter().any(|kept| kept == entry.member);
                    self.field(name, &entry, shapes, (side, service), keeps_empty)?
                }
            });
        }
        Ok(fields)
    }

    /// The field of a member, which must be alike in all of `shapes`.
    fn field(
        self,
        name: &str,
        entry: &Entry<'_>,
        shapes: &[String],
        (side, service): (Side, Service),
        keeps_empty: bool,
    ) -> Result<Field, Failure> {
        let model = self.models.of(service);
        let mut wires = BTreeSet::new();
        let mut found = None;
        for shape_name in shapes {
            let shape = model.shape(shape_name)?;
            let mut members = entry.member.split('|');
            let known = members.find_map(|name| Some((name, shape.members.get(name)?)));
            let (own, member) = known.ok_or_else(|| {
                Failure::Other(format!(
                    "{name}: {shape_name} has no member {}",
                    entry.member
                ))
            })?;
            wires.insert(member.wire_name(own, side, service));
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
        let (_, is_list) = model.held(member)?;
        let base = match entry.of_type {
            Some(given) => given.to_owned(),
            None => self
                .types
                .of_member(entry.member, member, side, service, model)?,
        };
        let base = base.replace("&str", "&'static str");
        let is_optional = entry
            .optional
            .unwrap_or(side == Side::Request && !is_required && !is_list);
        let listed = match (is_list, service, side) {
            (true, Service::Ec2, Side::Request) => format!("Vec<{base}>"),
            (true, Service::Ec2, Side::Answer) => format!("ItemSet<{base}>"),
            (true, Service::Iam, _) => format!("Members<{base}>"),
            (false, ..) => base.clone(),
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
            Side::Answer => serde_attribute(&own, wire, is_optional, service),
        };
        Ok(Field {
            name: raw(own),
            of_type,
            base,
            is_list,
            is_optional,
            spellings: [wire.clone(), entry.member.into()],
            attribute,
        })
    }
}

fn spread(entry: &Entry<'_>) -> Field {
    let of_type = entry.of_type.unwrap_or_default();
    Field {
        name: entry.member.into(),
        of_type: of_type.into(),
        base: of_type.into(),
        is_list: false,
        is_optional: false,
        spellings: Default::default(),
        attribute: Some(FLATTENED.into()),
    }
}

fn unlisted(entry: &Entry<'_>, service: Service) -> Field {
    let name = snake_case(entry.member);
    let of_type = entry
        .of_type
        .unwrap_or_default()
        .replace("&str", "&'static str");
    let is_optional = entry.optional == Some(true);
    Field {
        attribute: serde_attribute(&name, entry.member, is_optional, service),
        name: raw(name),
        of_type: if is_optional {
            format!("Option<{of_type}>")
        } else {
            of_type.clone()
        },
        base: of_type,
        is_list: false,
        is_optional,
        spellings: [entry.member.into(), entry.member.into()],
    }
}

fn query_attribute(field: &str, wire: &str, keeps_empty: bool) -> Option<String> {
    let name = (pascal_case(field) != wire).then(|| format!("name = \"{wire}\""));
    let kept = keeps_empty.then(|| "keep_empty".to_owned());
    let arguments: Vec<String> = name.into_iter().chain(kept).collect();
    (!arguments.is_empty()).then(|| format!("#[query({})]", arguments.join(", ")))
}

fn serde_attribute(field: &str, wire: &str, is_optional: bool, service: Service) -> Option<String> {
    let (first, rest) = wire.split_at(1);
    let usual = match service {
        Service::Ec2 => first.to_ascii_lowercase() + rest,
        Service::Iam => wire.to_owned(),
    };
    let is_usual = usual == wire && pascal_case(field) == first.to_ascii_uppercase() + rest;
    let name = (!is_usual).then(|| format!("rename = \"{wire}\""));
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
