//! The services' models as botocore carries them: operations, and the shapes that they take and answer.

use crate::repository::{self, Failure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints the models of the botocore that the end-to-end tests use.
const PRINT_MODELS: &str = "import botocore.session, json
loader = botocore.session.get_session().get_component('data_loader')
versions = {'ec2': '2016-11-15', 'iam': '2010-05-08'}
load = lambda name: loader.load_service_model(name, 'service-2', versions[name])
print(json.dumps({name: load(name) for name in versions}))";

/// A service of AWS that is declared here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Service {
    #[default]
    Ec2,
    Iam,
}

impl Service {
    /// As texts call it, and as its variant is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Iam => "IAM",
        }
    }

    /// How serde renames the fields of its answers.
    pub(super) const fn case(self) -> &'static str {
        match self {
            Self::Ec2 => "camelCase",
            Self::Iam => "PascalCase",
        }
    }
}

/// The model of each service.
#[derive(Deserialize)]
pub(super) struct Models {
    ec2: Model,
    iam: Model,
}

impl Models {
    /// Reads the file, or else asks the Python of the end-to-end tests for its botocore's.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|source| Failure::Read {
                path: path.to_owned(),
                source,
            })?,
            None => repository::output(Command::new(python()).args(["-c", PRINT_MODELS]))?,
        };
        serde_json::from_str(&text)
            .map_err(|error| Failure::Other(format!("the models cannot be read: {error}")))
    }

    pub(super) fn of(&self, service: Service) -> &Model {
        match service {
            Service::Ec2 => &self.ec2,
            Service::Iam => &self.iam,
        }
    }
}

/// What a structure is for: the two sides are spelt differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Request,
    Answer,
}

#[derive(Deserialize)]
pub(super) struct Model {
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
pub(super) struct Operation {
    pub(super) input: Option<Reference>,
    pub(super) output: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) shape: String,
    #[serde(rename = "locationName")]
    location_name: Option<String>,
    #[serde(rename = "queryName")]
    query_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) members: BTreeMap<String, Reference>,
    #[serde(default)]
    pub(super) required: Vec<String>,
    /// That of a list.
    member: Option<Reference>,
    #[serde(rename = "enum")]
    pub(super) values: Option<Vec<String>>,
}

impl Model {
    pub(super) fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    pub(super) fn shape(&self, name: &str) -> Result<&Shape, Failure> {
        self.shapes
            .get(name)
            .ok_or_else(|| Failure::Other(format!("the model has no shape {name}")))
    }

    /// The shape of what `member` holds, through lists, and whether it is a list.
    pub(super) fn held<'a>(&'a self, member: &'a Reference) -> Result<(&'a str, bool), Failure> {
        let mut name = member.shape.as_str();
        let mut is_list = false;
        while let Some(member) = &self.shape(name)?.member {
            is_list = true;
            name = &member.shape;
        }
        Ok((name, is_list))
    }
}

impl Reference {
    /// How the Query protocol spells the member `name`; EC2 has a flavour of its own.
    pub(super) fn wire_name(&self, name: &str, side: Side, service: Service) -> String {
        let spelt = self.location_name.as_deref().unwrap_or(name);
        match (side, &self.query_name) {
            (Side::Answer, _) => spelt.into(),
            (Side::Request, _) if service != Service::Ec2 => spelt.into(),
            (Side::Request, Some(name)) => name.clone(),
            (Side::Request, None) => {
                let (first, rest) = spelt.split_at(1);
                first.to_ascii_uppercase() + rest
            }
        }
    }
}

fn python() -> PathBuf {
    let own = repository::root().join(".venv/bin/python");
    if own.exists() { own } else { "python3".into() }
}
