//! `DescribeInstanceAttribute`.

use alloc::string::String;

use super::description::image_of;
use super::modify_attribute::only_interface;
use crate::api::instance::{
    DescribeInstanceAttribute, DescribeInstanceAttributeResponse, EnclaveOptionsDescription,
    NoValue, OptionalValue,
};
use crate::describe::Scope;
use crate::operations::attribute::{AttributeBooleanValue, AttributeValue, unknown_attribute};
use crate::operations::network_interface::description::groups_of;
use crate::operations::volume::mapping_of;
use crate::resource::{Instance, UserData};
use crate::{ChangeSet, Context, ItemSet, Operation, Planned, World};

/// Describes one attribute of an instance.
impl Operation for DescribeInstanceAttribute {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let instance = world.instances.known(self.instance_id)?;
        let mut response = match self.attribute.as_str() {
            "sourceDestCheck" => DescribeInstanceAttributeResponse {
                source_dest_check: flag(only_interface(instance, world)?.source_dest_check),
                ..Default::default()
            },
            "groupSet" => {
                let eni = only_interface(instance, world)?;
                DescribeInstanceAttributeResponse {
                    group_set: Some(groups_of(eni, Scope::new(world, context))),
                    ..Default::default()
                }
            }
            "blockDeviceMapping" => DescribeInstanceAttributeResponse {
                block_device_mapping: Some(mapping_of(instance, world)),
                ..Default::default()
            },
            other => own_attribute(instance, other).ok_or_else(|| unknown_attribute(other))?,
        };
        response.instance_id = Some(self.instance_id);
        Ok((ChangeSet::none(), response))
    }
}

fn flag(value: bool) -> Option<AttributeBooleanValue> {
    Some(AttributeBooleanValue { value })
}

fn text(value: impl Into<String>) -> Option<AttributeValue> {
    Some(AttributeValue {
        value: value.into(),
    })
}

/// The attribute `name` where it is one of the instance itself.
fn own_attribute(instance: &Instance, name: &str) -> Option<DescribeInstanceAttributeResponse> {
    let mut found = DescribeInstanceAttributeResponse::default();
    match name {
        "instanceType" => found.instance_type = text(instance.instance_type.name),
        "kernel" => found.kernel = Some(NoValue {}),
        "ramdisk" => found.ramdisk = Some(NoValue {}),
        "userData" => {
            let value = instance.user_data.as_ref().map(UserData::to_base64);
            found.user_data = Some(OptionalValue { value });
        }
        "disableApiTermination" => {
            found.disable_api_termination = flag(instance.disable_api_termination);
        }
        "disableApiStop" => found.disable_api_stop = flag(instance.disable_api_stop),
        "instanceInitiatedShutdownBehavior" => {
            let behavior = instance.instance_initiated_shutdown_behavior.as_str();
            found.instance_initiated_shutdown_behavior = text(behavior);
        }
        "rootDeviceName" => found.root_device_name = text(image_of(instance).root_device_name),
        "productCodes" => found.product_codes = Some(ItemSet::default()),
        "ebsOptimized" => found.ebs_optimized = flag(instance.ebs_optimized),
        "enaSupport" => found.ena_support = flag(true),
        "sriovNetSupport" => found.sriov_net_support = text("simple"),
        "enclaveOptions" => {
            found.enclave_options = Some(EnclaveOptionsDescription { enabled: false })
        }
        _ => return None,
    }
    Some(found)
}
