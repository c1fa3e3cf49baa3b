//! `DescribeInstances`: instances as answers show them, by launch.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::ReservationId;

use crate::api::instance::{
    DescribeInstances, DescribeInstancesResponse, InstanceDescription, ReservationDescription,
};
use crate::describe::{Scope, find};
use crate::resource::Instance;
use crate::{ChangeSet, Context, ItemSet, Operation, Planned, World};

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
        ChangeSet::none().answered(DescribeInstancesResponse {
            reservation_set: reservations
                .into_iter()
                .map(|(id, instances)| ReservationDescription::new(id, &instances, scope))
                .collect(),
            next_token: found.next_token,
        })
    }
}

impl ReservationDescription {
    /// `instances`, in the order of their launch.
    pub(crate) fn new(
        reservation_id: ReservationId,
        instances: &[Arc<Instance>],
        scope: Scope<'_>,
    ) -> Self {
        let mut instances: alloc::vec::Vec<_> = instances.iter().collect();
        instances.sort_by_key(|instance| instance.ami_launch_index);
        Self {
            reservation_id,
            owner_id: scope.region.account_id.clone(),
            group_set: ItemSet::default(),
            instances_set: instances
                .into_iter()
                .map(|instance| InstanceDescription::new(instance, scope))
                .collect(),
        }
    }
}
