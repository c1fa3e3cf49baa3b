//! Declarations to Rust.

use super::declaration::{Declaration, Entry, Family, Refusal};
use super::fields::{Field, Sources};
use super::filters::Filters;
use super::model::{Model, Service, Side};
use crate::repository::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::slice;

/// The source of one family.
pub(super) struct Source<'a> {
    family: &'a Family,
    sources: Sources<'a>,
    filters: &'a Filters<'a>,
    imports: BTreeMap<String, BTreeSet<String>>,
    text: String,
}

impl<'a> Source<'a> {
    pub(super) fn new(family: &'a Family, sources: Sources<'a>, filters: &'a Filters<'a>) -> Self {
        Self {
            family,
            sources,
            filters,
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

    fn model(&self) -> &'a Model {
        self.sources.models.of(self.family.service)
    }

    fn operation(&mut self, name: &str, declared: &Declaration) -> Result<(), Failure> {
        let wrong = |why: &str| Failure::Other(format!("{name}: {why}"));
        let operation = self.model().operation(name);
        let operation = operation.ok_or_else(|| wrong("unknown"))?;
        let input = operation.input.as_ref();
        let input = &input.ok_or_else(|| wrong("it takes nothing"))?.shape;
        let fields = self.fields(name, declared, slice::from_ref(input), Side::Request)?;
        self.import("eni_query", "FromQuery");
        let doc = format!("What `{name}` is asked.");
        self.item(&doc, "pub", name, &["FromQuery"], &fields, false);
        self.refusals(name, declared, &fields);
        let response = match (&declared.answer, &declared.gives) {
            (Some(_), Some(_)) => return Err(wrong("both `answer` and `gives`")),
            (None, Some(_)) => {
                let output = operation.output.as_ref();
                let output = output.ok_or_else(|| wrong("it answers nothing"))?;
                self.response(name, declared, &output.shape)?
            }
            (Some(shared), None) => self.of_family(shared.clone())?,
            (None, None) => match self.family.service {
                Service::Ec2 => self.of_family("ReturnTrue".into())?,
                Service::Iam => "()".into(),
            },
        };
        self.import("crate::operation", "Action");
        let has_dry_run = self.model().shape(input)?.members.contains_key("DryRun");
        let reads = ["Describe", "Get", "List"]
            .iter()
            .any(|verb| name.starts_with(verb));
        let mutates = declared.mutates.unwrap_or(!reads);
        let service = match self.family.service {
            Service::Ec2 => "",
            Service::Iam => {
                self.import("crate::operation", "ApiService");
                "    const SERVICE: ApiService = ApiService::Iam;\n"
            }
        };
        write!(
            self.text,
            "
impl Action for {name} {{
{service}    const NAME: &'static str = \"{name}\";
    const MUTATES: bool = {mutates};
    const HAS_DRY_RUN: bool = {has_dry_run};
    type Response = {response};
}}
"
        )
        .expect("a String is written");
        if let Some((structure, text)) = self.filters.render(name, declared)? {
            self.import("crate::describe", "Filtered");
            self.import("alloc::string", "String");
            if text.contains(".to_string()") {
                self.import("alloc::string", "ToString");
            }
            self.of_family(structure)?;
            self.text.push_str(&text);
        }
        Ok(())
    }

    /// The structure of an answer that no other operation shares.
    fn response(
        &mut self,
        name: &str,
        declared: &Declaration,
        shape: &String,
    ) -> Result<String, Failure> {
        let fields = self.fields(name, declared, slice::from_ref(shape), Side::Answer)?;
        self.import("serde", "Serialize");
        let doc = format!("What `{name}` answers.");
        let response = format!("{name}Response");
        self.item(&doc, "pub", &response, &["Serialize"], &fields, false);
        Ok(response)
    }

    /// Imports a structure, unless it is of this family.
    fn of_family(&mut self, structure: String) -> Result<String, Failure> {
        let imports = self.sources.types.imports(&structure, &self.family.name)?;
        for (path, name) in imports {
            self.import(&path, &name);
        }
        Ok(structure)
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
            .all(|field| self.sources.types.is_copied(&field.of_type));
        let doc = format!(
            "`{}` of {}'s model.",
            declared.of.join("`, `"),
            self.family.service.name()
        );
        let mut operations = self.family.operations.values();
        let is_answer = operations.any(|operation| operation.answer.as_deref() == Some(name));
        let visibility = if is_answer { "pub" } else { "pub(crate)" };
        self.item(&doc, visibility, name, &derives, &fields, is_copied);
        self.refusals(name, declared, &fields);
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
                .all(|field| field.has_default())
                .then_some("Default"),
        );
        all.extend(["PartialEq", "Eq"]);
        all.extend(derives);
        write!(self.text, "\n/// {doc}\n#[derive({})]\n", all.join(", "))
            .expect("a String is written");
        let renames = fields
            .iter()
            .any(|field| field.name.contains('_') || self.family.service != Service::Ec2);
        if derives.contains(&"Serialize") && renames {
            let case = self.family.service.case();
            writeln!(self.text, "#[serde(rename_all = \"{case}\")]").expect("a String is written");
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

    /// What refuses a request for what this region does not have, in its structures too.
    fn refusals(&mut self, name: &str, declared: &Declaration, fields: &[Field]) {
        let family = self.family;
        let refuses = |field: &&Field| {
            let structure = family.structures.get(&field.base);
            structure.is_some_and(|declared| !declared.refuses.is_empty())
        };
        if declared.refuses.is_empty() {
            return;
        }
        self.import("crate", "Ec2Error");
        self.import("crate::operations::unsupported", "refuse");
        write!(
            self.text,
            "
impl {name} {{
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {{
"
        )
        .expect("a String is written");
        for Refusal { feature, members } in &declared.refuses {
            let field_of = |member: &String| {
                let member = Entry::parse(member).member;
                fields.iter().find(|field| field.spellings[1] == member)
            };
            let asked: Vec<String> = members
                .iter()
                .filter_map(field_of)
                .map(Field::asks)
                .collect();
            writeln!(self.text, "refuse(\"{feature}\", {})?;", asked.join(" || "))
                .expect("a String is written");
        }
        for Field { name, base, .. } in fields.iter().filter(refuses) {
            writeln!(
                self.text,
                "self.{name}.iter().try_for_each({base}::refuse_unsupported)?;"
            )
            .expect("a String is written");
        }
        self.text.push_str("        Ok(())\n    }\n}\n");
    }

    /// The fields of a structure, what they need imported.
    fn fields(
        &mut self,
        name: &str,
        declared: &Declaration,
        shapes: &[String],
        side: Side,
    ) -> Result<Vec<Field>, Failure> {
        let service = self.family.service;
        let fields = self.sources.fields(name, declared, shapes, side, service)?;
        for field in &fields {
            let imports = self
                .sources
                .types
                .imports(&field.of_type, &self.family.name)?;
            for (path, name) in imports {
                self.import(&path, &name);
            }
        }
        Ok(fields)
    }

    fn import(&mut self, path: &str, name: &str) {
        let names = self.imports.entry(path.into()).or_default();
        names.insert(name.into());
    }
}
