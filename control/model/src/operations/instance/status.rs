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
    /// The verdict on the machine, which is reachable when the agent has reported that the instance runs.
    fn of_system(&self) -> InstanceStatusSummary {
        let (status, reachability) = match self.0.state {
            InstanceState::Running => ("ok", "passed"),
            InstanceState::Pending => ("initializing", "initializing"),
            _ => return NOT_APPLICABLE,
        };
        summary(status, reachability, None)
    }

    /// The verdict on the instance: one without processes answers nobody (EC2 User Guide, "Status checks for Amazon EC2
    /// instances").
    fn of_instance(&self) -> InstanceStatusSummary {
        match self.0.impaired_since {
            Some(since) if self.0.state == InstanceState::Running => {
                summary("impaired", "failed", Some(since.to_string()))
            }
            _ => self.of_system(),
        }
    }
}

/// Of an instance that is neither `pending` nor `running`.
const NOT_APPLICABLE: InstanceStatusSummary = InstanceStatusSummary {
    status: "not-applicable",
    details: None,
};

fn summary(
    status: &'static str,
    reachability: &'static str,
    impaired_since: Option<String>,
) -> InstanceStatusSummary {
    let details = InstanceStatusDetails {
        name: "reachability",
        status: reachability,
        impaired_since,
    };
    InstanceStatusSummary {
        status,
        details: Some([details].into_iter().collect()),
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
            system_status: self.of_system(),
            instance_status: self.of_instance(),
            attached_ebs_status: self.of_system(),
            events_set: ItemSet::default(),
        }
    }
}
