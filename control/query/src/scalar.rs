//! How single values, lists and absent values are read.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use eni_types::{Ipv4Cidr, Ipv6Cidr, MalformedId, NetworkInterfaceType, SecurityGroupId, TypedId};

use crate::error::spelled;
use crate::{FromQuery, QueryError, QueryNode};

fn text<'a>(node: Option<&'a QueryNode>, path: &str) -> Result<&'a str, QueryError> {
    let node = node.ok_or_else(|| QueryError::missing(path))?;
    match (node.value(), node.names().next()) {
        (Some(value), None) => Ok(value),
        (_, Some(name)) => Err(QueryError::unknown(path, name)),
        (None, None) => Err(QueryError::missing(path)),
    }
}

fn parsed<T: FromStr>(
    node: Option<&QueryNode>,
    path: &str,
    expected: &'static str,
) -> Result<T, QueryError> {
    let value = text(node, path)?;
    value
        .parse()
        .map_err(|_| QueryError::invalid(path, value, expected))
}

impl FromQuery for String {
    const EMPTY_IS_ABSENT: bool = true;

    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        text(node, path).map(ToOwned::to_owned)
    }
}

impl FromQuery for bool {
    const EMPTY_IS_ABSENT: bool = true;

    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        let value = text(node, path)?;
        match value {
            "true" | "True" | "TRUE" | "1" => Ok(true),
            "false" | "False" | "FALSE" | "0" => Ok(false),
            _ => Err(QueryError::invalid(path, value, "A boolean is expected.")),
        }
    }
}

macro_rules! read_parsed {
    ($($type:ty: $expected:literal;)*) => {
        $(impl FromQuery for $type {
            const EMPTY_IS_ABSENT: bool = true;

            fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
                parsed(node, path, $expected)
            }
        })*
    };
}

read_parsed! {
    u8: "A small number is expected.";
    u16: "A small number is expected.";
    u32: "A number is expected.";
    i32: "A number is expected.";
    i64: "A number is expected.";
    Ipv4Addr: "An IPv4 address is expected.";
    Ipv6Addr: "An IPv6 address is expected.";
    Ipv4Cidr: "This is not a valid CIDR block.";
    Ipv6Cidr: "This is not a valid CIDR block.";
    NetworkInterfaceType: "The interface type is not valid.";
}

/// Reads an id.
///
/// # Errors
/// [`QueryError::MalformedId`], or [`QueryError::NoSuchId`] for a text that only looks like an id of this kind, and for
/// every text that is none where EC2 has no code for a malformed one.
pub fn read_id<T: TypedId>(value: &str) -> Result<T, QueryError> {
    let errors = T::ERRORS;
    value
        .parse()
        .map_err(|reason| match (errors.malformed, reason) {
            (Some(code), MalformedId::Prefix { expected }) => QueryError::MalformedId {
                code,
                value: value.to_owned(),
                prefix: Some(expected),
            },
            (Some(code), MalformedId::Digits) => QueryError::MalformedId {
                code,
                value: value.to_owned(),
                prefix: None,
            },
            (None, _) | (Some(_), MalformedId::NeverGiven) => QueryError::NoSuchId {
                code: errors.not_found,
                noun: errors.noun,
                value: value.to_owned(),
            },
        })
}

/// EC2's error for an empty member of a list of ids, where the kind has a code for malformed ones. Its text calls the
/// list of security groups `groupId`, also where the parameter is `SecurityGroupId`.
fn empty_member<T: TypedId>(path: &str) -> QueryError {
    match (T::ERRORS.malformed, T::PREFIX) {
        (None, _) => QueryError::NoSuchId {
            code: T::ERRORS.not_found,
            noun: T::ERRORS.noun,
            value: String::new(),
        },
        (Some(_), SecurityGroupId::PREFIX) => QueryError::invalid("groupId", "", NOT_EMPTY),
        (Some(_), _) => QueryError::invalid(path, "", NOT_EMPTY),
    }
}

const NOT_EMPTY: &str = "The value cannot be empty";

macro_rules! read_ids {
    ($($type:ty),*) => {
        $(impl FromQuery for $type {
            fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
                let value = text(node, path)?;
                if value.is_empty() && path.ends_with(|last: char| last.is_ascii_digit()) {
                    return Err(empty_member::<$type>(path));
                }
                read_id(value)
            }
        })*
    };
}

eni_types::each_id!(read_ids);

macro_rules! read_iam_texts {
    ($($name:ident),*) => {
        $(impl FromQuery for eni_types::iam::$name {
            fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
                let value = text(node, path)?;
                let read = value.parse();
                read.map_err(|reason: eni_types::iam::MalformedIamText| QueryError::Worded {
                    message: reason.message(&spelled(path), value),
                })
            }
        })*
    };
}

eni_types::each_iam_text!(read_iam_texts);

impl<T: FromQuery> FromQuery for Option<T> {
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        let is_given = |node: &&QueryNode| !(T::EMPTY_IS_ABSENT && node.is_empty());
        Self::keeping_empty(node.filter(is_given), path)
    }

    fn keeping_empty(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        node.map(|node| T::from_query(Some(node), path)).transpose()
    }

    fn knows(name: &str) -> bool {
        T::knows(name)
    }
}

impl<T: FromQuery> FromQuery for Box<T> {
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        T::from_query(node, path).map(Self::new)
    }
}

impl<T: FromQuery> FromQuery for Vec<T> {
    /// Members are numbered children, read in the order of their numbers; EC2 does not ask that they start at 1 or be
    /// without gaps.
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        let Some(node) = node else {
            return Ok(Self::new());
        };
        if let Some(value) = node.value().filter(|value| !value.is_empty()) {
            return Err(QueryError::invalid(path, value, "A list is expected."));
        }
        let mut members = node
            .names()
            .map(|name| {
                // `parse` alone would take a sign.
                let digits = name.bytes().all(|byte| byte.is_ascii_digit());
                let number = name.parse::<u32>().ok().filter(|_| digits);
                number
                    .map(|number| (number, name))
                    .ok_or_else(|| QueryError::unknown(path, name))
            })
            .collect::<Result<Vec<_>, _>>()?;
        members.sort_unstable();
        members
            .into_iter()
            .map(|(_, name)| T::from_query(node.child(name), &format!("{path}.{name}")))
            .collect()
    }
}
