//! Instances launched by one call.

use alloc::string::String;
use alloc::sync::Arc;

use eni_types::ReservationId;
use serde::Serialize;

use super::description::InstanceDescription;
use crate::ItemSet;
use crate::describe::Scope;
use crate::resource::Instance;

/// A reservation with some or all of its instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationDescription {
    pub(super) reservation_id: ReservationId,
    owner_id: String,
    /// Groups of EC2-Classic, which is no more.
    group_set: ItemSet<()>,
    instances_set: ItemSet<InstanceDescription>,
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
