//! What clients ask about along with instances and the region does not have: volumes and key pairs.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use serde::Serialize;

use crate::describe::Page;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, ItemSet, Operation, World};

/// Describes volumes: none, as instances share the host's file system.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVolumes {
    /// Only these.
    #[query(name = "VolumeId")]
    pub volume_ids: Vec<String>,
    /// Without effect: there are no volumes.
    pub include_managed_resources: Option<bool>,
    /// Without effect: there are no volumes.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVolumesResponse {
    volume_set: ItemSet<()>,
}

impl Operation for DescribeVolumes {
    const NAME: &'static str = "DescribeVolumes";
    const MUTATES: bool = false;
    type Response = DescribeVolumesResponse;

    fn plan(
        self,
        _world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        match self.volume_ids.first() {
            Some(id) => {
                let message = format!("The volume '{id}' does not exist.");
                Err(Ec2Error::new(ErrorCode::InvalidVolumeNotFound, message))
            }
            None => Ok((ChangeSet::none(), DescribeVolumesResponse::default())),
        }
    }
}

/// Describes key pairs: none, as nothing logs in to instances with keys.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeKeyPairs {
    /// Only these.
    #[query(name = "KeyName")]
    pub key_names: Vec<String>,
    /// Only these.
    #[query(name = "KeyPairId")]
    pub key_pair_ids: Vec<String>,
    /// Without effect: there are no key pairs.
    pub include_public_key: Option<bool>,
    /// Without effect: there are no key pairs.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeKeyPairsResponse {
    key_set: ItemSet<()>,
}

impl Operation for DescribeKeyPairs {
    const NAME: &'static str = "DescribeKeyPairs";
    const MUTATES: bool = false;
    type Response = DescribeKeyPairsResponse;

    fn plan(
        self,
        _world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        match self.key_names.first().or(self.key_pair_ids.first()) {
            Some(name) => {
                let message = format!("The key pair '{name}' does not exist");
                Err(Ec2Error::new(ErrorCode::InvalidKeyPairNotFound, message))
            }
            None => Ok((ChangeSet::none(), DescribeKeyPairsResponse::default())),
        }
    }
}
