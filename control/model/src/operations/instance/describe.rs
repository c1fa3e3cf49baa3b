//! `DescribeInstances`: instances as answers show them, by launch.

use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::ReservationId;

use crate::api::instance::{
    DescribeInstances, DescribeInstancesResponse, InstanceDescription, ReservationDescription,
};
use crate::describe::{Listing, Part, Rows, Scope, lists};
use crate::resource::Instance;
use crate::{Ec2Error, ItemSet, RegionSettings, World};

/// The instances that are asked for, by launch: ids are given in the order of launches, so that those of one follow each
/// other. A launch is described whole.
struct Launches {
    rows: Rows<Instance>,
    /// Of one launch, of which more may follow.
    last: Vec<Arc<Instance>>,
}

impl Listing<DescribeInstancesResponse> for Launches {
    fn next(
        &mut self,
        world: &World,
        region: &RegionSettings,
        rows: usize,
    ) -> Part<DescribeInstancesResponse> {
        let scope = Scope { world, region };
        let (mut members, last) = (Vec::new(), &mut self.last);
        let mut describe = |instances: &mut Vec<Arc<Instance>>| {
            if let Some(first) = instances.first() {
                let id = first.reservation_id;
                members.push(ReservationDescription::new(id, instances, scope));
            }
            instances.clear();
        };
        let walked = self.rows.walk(&world.instances, scope, rows, |instance| {
            let is_other = |last: &Arc<Instance>| last.reservation_id != instance.reservation_id;
            if last.last().is_some_and(is_other) {
                describe(last);
            }
            last.push(Arc::clone(instance));
        });
        if walked.is_over {
            describe(last);
        }
        Part {
            is_empty: members.is_empty(),
            answer: DescribeInstancesResponse {
                reservation_set: members.into(),
                next_token: walked.next_token,
            },
            is_last: walked.is_over,
        }
    }
}

impl DescribeInstances {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeInstancesResponse> + use<>, Ec2Error> {
        Ok(Launches {
            rows: Rows::asked_for(&world.instances, &self.instance_ids, &self.page)?,
            last: Vec::new(),
        })
    }
}

lists! {
    /// Describes instances, grouped by launch.
    DescribeInstances
}

impl ReservationDescription {
    /// `instances`, in the order of their launch.
    pub(crate) fn new(
        reservation_id: ReservationId,
        instances: &[Arc<Instance>],
        scope: Scope<'_>,
    ) -> Self {
        let mut instances: Vec<_> = instances.iter().collect();
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
