//! `DescribeInstanceCreditSpecifications`.

use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::InstanceId;
use serde::Serialize;

use crate::describe::{Page, Scope, find};
use crate::instance_types::InstanceType;
use crate::operations::lookup;
use crate::resource::Instance;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Describes which burstable instances may burst without limit.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceCreditSpecifications {
    /// Only these; otherwise those that are `unlimited`.
    #[query(name = "InstanceId")]
    pub instance_ids: Vec<InstanceId>,
    /// Filters and paging.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceCreditSpecificationsResponse {
    instance_credit_specification_set: ItemSet<CreditSpecificationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreditSpecificationDescription {
    instance_id: InstanceId,
    cpu_credits: String,
}

impl Operation for DescribeInstanceCreditSpecifications {
    const NAME: &'static str = "DescribeInstanceCreditSpecifications";
    const MUTATES: bool = false;
    type Response = DescribeInstanceCreditSpecificationsResponse;

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
        let named = !self.instance_ids.is_empty();
        let response = DescribeInstanceCreditSpecificationsResponse {
            instance_credit_specification_set: found
                .rows
                .iter()
                .filter_map(|instance| credits(instance))
                .filter(|row| named || row.cpu_credits == "unlimited")
                .collect(),
            next_token: found.next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

/// What a burstable instance was launched with: T2 starts as `standard`, later families as `unlimited` (EC2 User Guide,
/// "Unlimited mode for burstable performance instances").
fn credits(instance: &Instance) -> Option<CreditSpecificationDescription> {
    let burstable = InstanceType::find(&instance.instance_type)
        .is_some_and(|instance_type| instance_type.burstable_performance);
    let default = if instance.instance_type.starts_with("t2.") {
        "standard"
    } else {
        "unlimited"
    };
    burstable.then(|| CreditSpecificationDescription {
        instance_id: instance.instance_id,
        cpu_credits: instance
            .cpu_credits
            .clone()
            .unwrap_or_else(|| default.into()),
    })
}
