//! `DescribeInstanceStatus`.

use alloc::string::{String, ToString};
use alloc::sync::Arc;

use eni_types::InstanceState;

use crate::api::instance::{
    DescribeInstanceStatus, DescribeInstanceStatusResponse, InstanceStatusDescription,
    InstanceStatusDetails, InstanceStatusSummary,
};
use crate::describe::{Cursor, Described, Listing, Made, MadeListing, Scope, Views, lists};
use crate::resource::Instance;
use crate::{Ec2Error, ItemSet, World};

/// An instance as this call sees and filters it.
struct Health(Arc<Instance>);

impl Health {
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

impl DescribeInstanceStatus {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeInstanceStatusResponse> + use<>, Ec2Error> {
        let view: fn(&Arc<Instance>) -> _ = match self.include_all_instances {
            Some(true) => |instance| Some(Health(Arc::clone(instance))),
            _ => |instance| {
                let is_running = instance.state == InstanceState::Running;
                is_running.then(|| Health(Arc::clone(instance)))
            },
        };
        let healths = Views {
            cursor: Cursor::over(&world.instances, &self.instance_ids)?,
            table: |world| &world.instances,
            view,
        };
        let has_ids = !self.instance_ids.is_empty();
        MadeListing::asked_for(
            healths,
            has_ids,
            &self.page,
            |instance_status_set, next_token| DescribeInstanceStatusResponse {
                instance_status_set,
                next_token,
            },
        )
    }
}

lists! {
    /// Describes the health of instances.
    DescribeInstanceStatus
}

impl Made for Health {
    fn key(&self) -> String {
        self.0.instance_id.to_string()
    }
}

impl Described for Health {
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
