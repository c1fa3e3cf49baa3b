//! `DeleteVpcEndpoints`.

use eni_types::VpcEndpointId;

use crate::api::vpc_endpoint::{
    DeleteVpcEndpoints, DeleteVpcEndpointsResponse, UnsuccessfulItemDescription,
    UnsuccessfulItemErrorDescription,
};
use crate::operations::lookup::nothing_has;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, Planned, World};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_types::TypedId;

/// Deletes endpoints with their interfaces: who uses them is cut. What is not there is told of, and keeps nothing else.
impl Operation for DeleteVpcEndpoints {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        if self.vpc_endpoint_ids.is_empty() {
            return Err(Ec2Error::missing_parameter("vpcEndpointId"));
        }
        let mut changes = ChangeSet::none();
        let mut unsuccessful = Vec::new();
        let mut done = Vec::new();
        for text in self.vpc_endpoint_ids {
            let found = text.parse::<VpcEndpointId>().ok();
            let Some(endpoint) = found.and_then(|id| world.vpc_endpoints.get(id)) else {
                unsuccessful.push(unknown(text));
                continue;
            };
            if done.contains(&endpoint.vpc_endpoint_id) {
                continue;
            }
            done.push(endpoint.vpc_endpoint_id);
            for place in &endpoint.places {
                changes.delete(place.network_interface_id);
            }
            changes.delete(endpoint.vpc_endpoint_id);
        }
        changes.answered(DeleteVpcEndpointsResponse {
            unsuccessful: unsuccessful.into_iter().collect::<ItemSet<_>>(),
        })
    }
}

fn unknown(resource_id: String) -> UnsuccessfulItemDescription {
    let error = nothing_has(&resource_id, VpcEndpointId::ERRORS);
    UnsuccessfulItemDescription {
        error: UnsuccessfulItemErrorDescription {
            code: error.code.as_str().to_string(),
            message: error.message,
        },
        resource_id,
    }
}
