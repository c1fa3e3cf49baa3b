//! `DescribeNetworkInterfaces`.

use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::NetworkInterfaceId;
use serde::Serialize;

use super::description::NetworkInterfaceDescription;
use crate::describe::{Page, Scope, answer};
use crate::operations::lookup;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Describes network interfaces.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeNetworkInterfaces {
    /// Only these.
    #[query(name = "NetworkInterfaceId")]
    pub network_interface_ids: Vec<NetworkInterfaceId>,
    /// Without effect: no interface here is managed by a service.
    pub include_managed_resources: Option<bool>,
    /// Filters and paging.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeNetworkInterfacesResponse {
    network_interface_set: ItemSet<NetworkInterfaceDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for DescribeNetworkInterfaces {
    const NAME: &'static str = "DescribeNetworkInterfaces";
    const MUTATES: bool = false;
    type Response = DescribeNetworkInterfacesResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let (network_interface_set, next_token) = answer(
            &world.network_interfaces,
            &self.network_interface_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_network_interface,
            NetworkInterfaceDescription::new,
        )?;
        let response = DescribeNetworkInterfacesResponse {
            network_interface_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}
