//! `DescribeInstanceCreditSpecifications`.

use crate::api::instance::{
    CreditSpecificationDescription, DescribeInstanceCreditSpecifications,
    DescribeInstanceCreditSpecificationsResponse,
};
use crate::describe::{Listing, RowListing, Rows, Scope, lists};
use crate::resource::Instance;
use crate::{Ec2Error, World};

impl DescribeInstanceCreditSpecifications {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeInstanceCreditSpecificationsResponse> + use<>, Ec2Error> {
        let member: fn(&Instance, Scope<'_>) -> _ = if self.instance_ids.is_empty() {
            |instance, _| credits(instance).filter(|row| row.cpu_credits == "unlimited")
        } else {
            |instance, _| credits(instance)
        };
        Ok(RowListing {
            rows: Rows::asked_for(&world.instances, &self.instance_ids, &self.page)?,
            table: |world| &world.instances,
            member,
            answer: |instance_credit_specification_set, next_token| {
                DescribeInstanceCreditSpecificationsResponse {
                    instance_credit_specification_set,
                    next_token,
                }
            },
        })
    }
}

lists! {
    /// Describes which burstable instances may burst without limit.
    DescribeInstanceCreditSpecifications
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
