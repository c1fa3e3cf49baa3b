//! Prefix lists: those that AWS manages for its gateway endpoints. Rules and routes here take none.

mod describe;
mod managed;
#[cfg(test)]
mod tests;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use crate::describe::{Described, Scope};
use crate::tags::Tags;
use crate::{Ec2Error, ErrorCode, IndexKey, RegionSettings, Row};

/// A prefix list of AWS's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefixList {
    /// As in us-east-1.
    pub(crate) id: &'static str,
    /// `s3` of `com.amazonaws.us-east-1.s3`.
    service: &'static str,
    /// Of AWS's `ip-ranges.json`, for us-east-1.
    entries: &'static [&'static str],
}

/// By id.
const AWS_MANAGED: [PrefixList; 2] = [
    PrefixList {
        id: "pl-02cd2c6b",
        service: "dynamodb",
        entries: &["52.94.0.0/22", "52.119.224.0/20"],
    },
    PrefixList {
        id: "pl-63a5400a",
        service: "s3",
        entries: &[
            "3.5.0.0/19",
            "16.182.0.0/16",
            "52.216.0.0/15",
            "54.231.0.0/16",
        ],
    },
];

impl PrefixList {
    /// `com.amazonaws.us-east-1.s3`.
    fn name(self, region: &RegionSettings) -> String {
        format!("com.amazonaws.{}.{}", region.region, self.service)
    }
}

/// Why a rule cannot name the prefix list `id`: there is none, or rules here take none.
pub(crate) fn refused_in_rules(id: &str) -> Ec2Error {
    if AWS_MANAGED.iter().any(|list| list.id == id) {
        let message = "Prefix lists in rules are not supported in this region.";
        return Ec2Error::new(ErrorCode::UnsupportedOperation, message);
    }
    no_prefix_list(id)
}

fn no_prefix_list(id: &str) -> Ec2Error {
    let message = format!("The prefix list ID '{id}' does not exist");
    Ec2Error::new(ErrorCode::InvalidPrefixListIdNotFound, message)
}

impl Row for PrefixList {
    type Id = &'static str;
    fn id(&self) -> &'static str {
        self.id
    }
    fn tags(&self) -> &Tags {
        Tags::NONE
    }
    fn index_keys(&self, _add: &mut dyn FnMut(IndexKey)) {}
}

impl Described for PrefixList {
    const FILTERS: &'static [&'static str] = &["owner-id", "prefix-list-id", "prefix-list-name"];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("PrefixListIds", "MaxResults");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        match name {
            "owner-id" => give("AWS".into()),
            "prefix-list-id" => give(self.id.into()),
            _ => give(self.name(scope.region).into()),
        }
    }
}
