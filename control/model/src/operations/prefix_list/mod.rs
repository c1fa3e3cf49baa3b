//! Prefix lists: those that AWS manages for its gateway endpoints. Rules and routes here take none.

mod describe;
mod managed;
#[cfg(test)]
mod tests;

use crate::api::prefix_list::ManagedPrefixList;
use alloc::format;
use alloc::string::String;

use crate::describe::{Described, Scope};
use crate::{Ec2Error, ErrorCode, RegionSettings};

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
        return ErrorCode::UnsupportedOperation.with(message);
    }
    no_prefix_list(id)
}

fn no_prefix_list(id: &str) -> Ec2Error {
    let message = format!("The prefix list ID '{id}' does not exist");
    ErrorCode::InvalidPrefixListIdNotFound.with(message)
}

impl Described for PrefixList {
    type Answer = ManagedPrefixList;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("PrefixListIds", "MaxResults");

    fn describe(&self, scope: Scope<'_>) -> ManagedPrefixList {
        let region = scope.region;
        ManagedPrefixList {
            prefix_list_id: self.id,
            address_family: "IPv4",
            state: "create-complete",
            prefix_list_arn: format!("arn:aws:ec2:{}:aws:prefix-list/{}", region.region, self.id),
            prefix_list_name: self.name(region),
            owner_id: "AWS",
        }
    }
}
