//! `DescribeInstanceAttribute`.

use alloc::string::String;

use eni_query::FromQuery;
use eni_types::InstanceId;
use serde::Serialize;

use super::description::image_of;
use super::modify_attribute::only_interface;
use crate::describe::Scope;
use crate::operations::attribute::{AttributeBooleanValue, AttributeValue, unknown_attribute};
use crate::operations::lookup;
use crate::operations::network_interface::description::{GroupIdentifier, groups_of};
use crate::operations::volume::{MappedDevice, mapping_of};
use crate::resource::Instance;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Describes one attribute of an instance.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceAttribute {
    /// The instance.
    pub instance_id: InstanceId,
    /// The attribute's name.
    pub attribute: String,
}

/// The answer: the id and the attribute asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceAttributeResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<InstanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<NoValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ramdisk: Option<NoValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<OptionalValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_api_termination: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_api_stop: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_initiated_shutdown_behavior: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_device_name: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_device_mapping: Option<ItemSet<MappedDevice>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_codes: Option<ItemSet<()>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_dest_check: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_set: Option<ItemSet<GroupIdentifier>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ebs_optimized: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ena_support: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sriov_net_support: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enclave_options: Option<Enabled>,
}

/// An attribute that no instance has a value for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct NoValue {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct OptionalValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Enabled {
    enabled: bool,
}

impl Operation for DescribeInstanceAttribute {
    const NAME: &'static str = "DescribeInstanceAttribute";
    const MUTATES: bool = false;
    type Response = DescribeInstanceAttributeResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let instance = lookup::instance(world, self.instance_id)?;
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
        "instanceType" => found.instance_type = text(instance.instance_type.as_str()),
        "kernel" => found.kernel = Some(NoValue {}),
        "ramdisk" => found.ramdisk = Some(NoValue {}),
        "userData" => {
            let value = instance.user_data.clone();
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
        "enclaveOptions" => found.enclave_options = Some(Enabled { enabled: false }),
        _ => return None,
    }
    Some(found)
}
