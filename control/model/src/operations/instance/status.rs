//! `DescribeInstanceStatus`.

use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::{InstanceId, InstanceState, quota};

use super::state_change::named;
use crate::api::instance::{
    DescribeInstanceStatus, DescribeInstanceStatusResponse, InstanceStatusDescription,
    InstanceStatusDetails, InstanceStatusSummary,
};
use crate::describe::{Described, Scope, find_among};
use crate::resource::Instance;
use crate::tags::Tags;
use crate::{ChangeSet, Context, IndexKey, ItemSet, Operation, Planned, Row, World};

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
        let (rows, next_token) =
            find_among(rows, has_ids, key, &self.page, &quota::PAGE_SIZES, scope)?;
        let response = DescribeInstanceStatusResponse {
            instance_status_set: rows.iter().map(|row| row.describe(scope)).collect(),
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Row for Health<'_> {
    type Id = InstanceId;
    fn id(&self) -> InstanceId {
        self.0.instance_id
    }
    fn tags(&self) -> &Tags {
        &self.0.tags
    }
    fn index_keys(&self, _add: &mut dyn FnMut(IndexKey)) {}
}

impl Described for Health<'_> {
    const FILTERS: &'static [&'static str] = &[
        "application-status.status",
        "attached-ebs-status.status",
        "availability-zone",
        "availability-zone-id",
        "event.code",
        "event.description",
        "event.instance-event-id",
        "event.not-after",
        "event.not-before",
        "event.not-before-deadline",
        "instance-state-code",
        "instance-state-name",
        "instance-status.reachability",
        "instance-status.status",
        "operator.managed",
        "operator.principal",
        "system-status.reachability",
        "system-status.status",
    ];
    const HAS_TAG_FILTERS: bool = false;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("instancesSet", "maxResults");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        match name {
            "availability-zone" => give(self.0.availability_zone.as_str().into()),
            "availability-zone-id" => give(
                scope
                    .region
                    .availability_zone_id(&self.0.availability_zone)
                    .into(),
            ),
            "instance-state-code" => give(self.0.state.code().to_string().into()),
            "instance-state-name" => give(self.0.state.as_str().into()),
            "operator.managed" => give("false".into()),
            "instance-status.reachability" | "system-status.reachability" => self
                .reachability()
                .into_iter()
                .for_each(|status| give(status.into())),
            "attached-ebs-status.status" | "instance-status.status" | "system-status.status" => {
                give(self.status().into());
            }
            // There are no events, and nothing reports of applications.
            _ => {}
        }
    }
}
