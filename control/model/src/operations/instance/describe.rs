//! `DescribeInstances`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::api::instance::{DescribeInstances, DescribeInstancesResponse, ReservationDescription};
use crate::describe::{Scope, find};
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Describes instances, grouped by launch.
impl Operation for DescribeInstances {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let scope = Scope::new(world, context);
        let found = find(&world.instances, &self.instance_ids, &self.page, scope)?;
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
