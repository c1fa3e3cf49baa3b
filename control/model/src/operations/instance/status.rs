//! `DescribeInstanceStatus`.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::{InstanceState, quota};

use super::state_change::named;
use crate::api::instance::{
    DescribeInstanceStatus, DescribeInstanceStatusResponse, InstanceStatusDescription,
    InstanceStatusDetails, InstanceStatusSummary,
};
use crate::describe::{Described, Scope, answer_among};
use crate::resource::Instance;
use crate::{ChangeSet, Context, ItemSet, Operation, Planned, World};

/// An instance as this call sees and filters it.
struct Health<'a>(&'a Arc<Instance>);

impl Health<'_> {
    /// The checks' verdict: an instance is reachable when the agent has reported that it runs.
    fn status(&self) -> &'static str {
        match self.0.state {
            InstanceState::Running => "ok",
            InstanceState::Pending => "initializing",
            _ => "not-applicable",
        }
    }

    fn reachability(&self) -> Option<&'static str> {
        match self.0.state {
            InstanceState::Running => Some("passed"),
            InstanceState::Pending => Some("initializing"),
            _ => None,
        }
    }

    fn summary(&self) -> InstanceStatusSummary {
        InstanceStatusSummary {
            status: self.status(),
            details: self.reachability().map(|status| {
                let name = "reachability";
                [InstanceStatusDetails { name, status }]
                    .into_iter()
                    .collect()
            }),
        }
    }
}

/// Describes the health of instances.
impl Operation for DescribeInstanceStatus {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let has_ids = !self.instance_ids.is_empty();
        let mut instances: Vec<_> = if has_ids {
            named(&self.instance_ids, world)?
        } else {
            world.instances.iter().collect()
        };
        instances.sort_by_key(|instance| instance.instance_id);
        if self.include_all_instances != Some(true) {
            instances.retain(|instance| instance.state == InstanceState::Running);
        }
        let scope = Scope::new(world, context);
        let key = |row: &Health<'_>| row.0.instance_id.to_string();
        let rows = instances.into_iter().map(Health);
        let (instance_status_set, next_token) =
            answer_among(rows, has_ids, key, &self.page, &quota::PAGE_SIZES, scope)?;
        ChangeSet::none().answered(DescribeInstanceStatusResponse {
            instance_status_set,
            next_token,
        })
    }
}

impl Described for Health<'_> {
    type Answer = InstanceStatusDescription;
    const HAS_TAG_FILTERS: bool = false;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("instancesSet", "maxResults");

    fn describe(&self, scope: Scope<'_>) -> InstanceStatusDescription {
        let zone = &self.0.availability_zone;
        InstanceStatusDescription {
            instance_id: self.0.instance_id,
            availability_zone: zone.clone(),
            availability_zone_id: scope.region.availability_zone_id(zone),
            instance_state: self.0.state.into(),
            system_status: self.summary(),
            instance_status: self.summary(),
            attached_ebs_status: self.summary(),
            events_set: ItemSet::default(),
        }
    }
}
