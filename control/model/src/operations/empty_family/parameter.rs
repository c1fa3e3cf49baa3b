//! A parameter of a listing: how it is read, and what it looks for.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_query::{FromQuery, QueryError, QueryNode};
use eni_types::{AllocationId, ImageId, InstanceId, SubnetId, VpcId};

use crate::describe::Filter;
use crate::operations::image;
use crate::{Ec2Error, ErrorCode, World};

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    required: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    Number,
    /// Text, or a time.
    Text,
    Filters,
    /// A member of a family without members, and the code for one that does not exist.
    Id(&'static str),
    /// Several of those.
    Ids(&'static str),
    /// Something of another family, which may be there.
    Reference(Referred),
    /// Several of those.
    References(Referred),
    /// Anything else: it has nothing to act on.
    Any,
}

/// A family that has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Referred {
    Allocation,
    Image,
    Instance,
    Subnet,
    Vpc,
}

impl Parameter {
    /// Reads `NAME=KIND`, `NAME=KIND:MORE`, or the same with an exclamation mark for one that is required.
    pub(super) fn read(text: &'static str) -> Option<Self> {
        let (name, kind) = text.split_once('=')?;
        let required = kind.starts_with('!');
        let (kind, more) = kind
            .trim_start_matches('!')
            .split_once(':')
            .unwrap_or((kind.trim_start_matches('!'), ""));
        let kind = match kind {
            "flag" => Kind::Flag,
            "number" => Kind::Number,
            "text" | "time" => Kind::Text,
            "filters" => Kind::Filters,
            "id" => Kind::Id(more),
            "ids" => Kind::Ids(more),
            "ref" => Kind::Reference(Referred::read(more)?),
            "refs" => Kind::References(Referred::read(more)?),
            "any" => Kind::Any,
            _ => return None,
        };
        Some(Self {
            name,
            required,
            kind,
        })
    }

    pub(super) fn is_filters(&self) -> bool {
        self.kind == Kind::Filters
    }

    /// Refuses what is not of the parameter's kind, and that it is absent where it is required.
    pub(super) fn check(&self, node: &QueryNode) -> Result<(), QueryError> {
        if self.required && node.child(self.name).is_none() {
            return Err(QueryError::missing(self.name));
        }
        match self.kind {
            Kind::Flag => self.given::<Option<bool>>(node).map(drop),
            Kind::Number => self.given::<Option<i64>>(node).map(drop),
            Kind::Text | Kind::Id(_) | Kind::Reference(_) => {
                self.given::<Option<String>>(node).map(drop)
            }
            Kind::Filters => self.given::<Vec<Filter>>(node).map(drop),
            Kind::Ids(_) | Kind::References(_) => self.given::<Vec<String>>(node).map(drop),
            Kind::Any => Ok(()),
        }
    }

    /// Refuses to find what is not there.
    pub(super) fn look_up(&self, node: &QueryNode, world: &World) -> Result<(), Ec2Error> {
        match self.kind {
            Kind::Id(code) => self
                .given::<Option<String>>(node)?
                .map_or(Ok(()), |id| Err(self.missing(code, &id))),
            Kind::Ids(code) => self
                .given::<Vec<String>>(node)?
                .first()
                .map_or(Ok(()), |id| Err(self.missing(code, id))),
            Kind::Reference(family) => family.look_up(node, self.name, false, world),
            Kind::References(family) => family.look_up(node, self.name, true, world),
            _ => Ok(()),
        }
    }

    fn given<T: FromQuery>(&self, node: &QueryNode) -> Result<T, QueryError> {
        QueryNode::read_child(Some(node), "", self.name)
    }

    /// EC2's error for a member that does not exist. Its texts are `The vpnGateway ID 'vgw-…' does not exist`, but for a
    /// few families.
    fn missing(&self, code: &'static str, id: &str) -> Ec2Error {
        let message = match self.name {
            _ if code == "InvalidVolumeModification.NotFound" => {
                format!("Modification for volume '{id}' does not exist.")
            }
            "GroupName" => format!("The Placement Group '{id}' is unknown."),
            "LaunchTemplateId" | "LaunchTemplateName" => {
                "At least one of the launch templates specified in the request does not exist."
                    .into()
            }
            "SnapshotId" => format!("The snapshot '{id}' does not exist."),
            "VolumeId" => format!("The volume '{id}' does not exist."),
            "VpcEndpointId" => format!("The Vpc Endpoint Id '{id}' does not exist"),
            name => {
                let noun = ["IdSet", "Ids", "Id", "Name"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .unwrap_or(name);
                let (first, rest) = noun.split_at(noun.len().min(1));
                format!(
                    "The {}{rest} ID '{id}' does not exist",
                    first.to_ascii_lowercase()
                )
            }
        };
        Ec2Error::new(ErrorCode::of_id(code), message)
    }
}

impl Referred {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "allocation" => Self::Allocation,
            "image" => Self::Image,
            "instance" => Self::Instance,
            "subnet" => Self::Subnet,
            "vpc" => Self::Vpc,
            _ => return None,
        })
    }

    fn look_up(
        self,
        node: &QueryNode,
        name: &str,
        several: bool,
        world: &World,
    ) -> Result<(), Ec2Error> {
        match self {
            Self::Allocation => each(node, name, several, |id: AllocationId| {
                world.addresses.known(id).map(drop)
            }),
            Self::Image => each(node, name, several, |id: ImageId| {
                image::known(id).map(drop)
            }),
            Self::Instance => each(node, name, several, |id: InstanceId| {
                world.instances.known(id).map(drop)
            }),
            Self::Subnet => each(node, name, several, |id: SubnetId| {
                world.subnets.known(id).map(drop)
            }),
            Self::Vpc => each(node, name, several, |id: VpcId| {
                world.vpcs.known(id).map(drop)
            }),
        }
    }
}

/// Looks up every id that the parameter names.
fn each<I: FromQuery>(
    node: &QueryNode,
    name: &str,
    several: bool,
    look_up: impl FnMut(I) -> Result<(), Ec2Error>,
) -> Result<(), Ec2Error> {
    let ids: Vec<I> = if several {
        QueryNode::read_child(Some(node), "", name)?
    } else {
        QueryNode::read_child::<Option<I>>(Some(node), "", name)?
            .into_iter()
            .collect()
    };
    ids.into_iter().try_for_each(look_up)
}
