//! `DescribeInstances`.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::InstanceId;
use serde::Serialize;

use super::reservation::ReservationDescription;
use crate::describe::{Page, Scope, find};
use crate::operations::lookup;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Describes instances, grouped by launch.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeInstances {
    /// Only these.
    #[query(name = "InstanceId")]
    pub instance_ids: Vec<InstanceId>,
    /// Without effect: no instance here is managed by a service.
    pub include_managed_resources: Option<bool>,
    /// Filters and paging.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstancesResponse {
    reservation_set: ItemSet<ReservationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for DescribeInstances {
    const NAME: &'static str = "DescribeInstances";
    const MUTATES: bool = false;
    type Response = DescribeInstancesResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let scope = Scope::new(world, context);
        let found = find(
            &world.instances,
            &self.instance_ids,
            &self.page,
            scope,
            lookup::no_instance,
        )?;
        let mut reservations: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for instance in found.rows {
            reservations
                .entry(instance.reservation_id)
                .or_default()
                .push(instance);
        }
        let response = DescribeInstancesResponse {
            reservation_set: reservations
                .into_iter()
                .map(|(id, instances)| ReservationDescription::new(id, &instances, scope))
                .collect(),
            next_token: found.next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}
