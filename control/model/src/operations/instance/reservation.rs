//! Instances launched by one call.

use alloc::sync::Arc;

use eni_types::ReservationId;

use crate::ItemSet;
use crate::api::instance::{InstanceDescription, ReservationDescription};
use crate::describe::Scope;
use crate::resource::Instance;

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
