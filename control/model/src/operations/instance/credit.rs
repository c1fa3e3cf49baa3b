//! `DescribeInstanceCreditSpecifications`.

use crate::api::instance::{
    CreditSpecificationDescription, DescribeInstanceCreditSpecifications,
    DescribeInstanceCreditSpecificationsResponse,
};
use crate::describe::{Scope, find};
use crate::resource::Instance;
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Describes which burstable instances may burst without limit.
impl Operation for DescribeInstanceCreditSpecifications {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let scope = Scope::new(world, context);
        let found = find(&world.instances, &self.instance_ids, &self.page, scope)?;
        let named = !self.instance_ids.is_empty();
        ChangeSet::none().answered(DescribeInstanceCreditSpecificationsResponse {
            instance_credit_specification_set: found
                .rows
                .iter()
                .filter_map(|instance| credits(instance))
                .filter(|row| named || row.cpu_credits == "unlimited")
                .collect(),
            next_token: found.next_token,
        })
    }
}

/// What a burstable instance was launched with: T2 starts as `standard`, later families as `unlimited` (EC2 User Guide,
/// "Unlimited mode for burstable performance instances").
fn credits(instance: &Instance) -> Option<CreditSpecificationDescription> {
    let burstable = instance.instance_type.burstable_performance;
    let default = if instance.instance_type.name.starts_with("t2.") {
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
