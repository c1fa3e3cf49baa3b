//! Rows that a request names, or EC2's error for a row that does not exist.

use alloc::format;
use alloc::sync::Arc;
use core::fmt::Display;

use eni_types::{
    AllocationId, AttachmentId, IdErrors, InstanceId, InternetGatewayId, NetworkAclId,
    NetworkInterfaceId, RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId, TypedId,
    VpcId,
};

use crate::resource::{
    Address, Instance, InternetGateway, NetworkAcl, NetworkInterface, RouteTable, SecurityGroup,
    SecurityGroupRule, Subnet, Vpc,
};
use crate::{Ec2Error, ErrorCode, World};

/// The interface that has the attachment `id`.
pub(crate) fn attached(
    world: &World,
    id: AttachmentId,
) -> Result<&Arc<NetworkInterface>, Ec2Error> {
    world
        .network_interface_of_attachment(id)
        .ok_or_else(|| no_attachment(id))
}

pub(crate) fn no_attachment(id: AttachmentId) -> Ec2Error {
    not_found(id)
}

/// EC2's error for an id that nothing has.
pub(crate) fn not_found<I: TypedId>(id: I) -> Ec2Error {
    nothing_has(id, I::ERRORS)
}

/// As [`not_found`], for an id of the kind with these errors.
pub(crate) fn nothing_has(id: impl Display, errors: IdErrors) -> Ec2Error {
    let message = format!("The {} '{id}' does not exist", errors.noun);
    Ec2Error::new(ErrorCode::of_id(errors.not_found), message)
}

/// EC2's error for a call that relies on the default VPC of a region that has none.
pub(crate) fn no_default_vpc() -> Ec2Error {
    ErrorCode::VpcIdNotSpecified.with("No default VPC for this user")
}

pub(crate) fn no_security_group_named(name: &str, vpc_id: VpcId) -> Ec2Error {
    let message = format!("The security group '{name}' does not exist in VPC '{vpc_id}'");
    ErrorCode::InvalidGroupNotFound.with(message)
}

macro_rules! lookups {
    ($($name:ident, $missing:ident: $table:ident, $row:ty, $id:ty;)*) => {
        $(
            pub(crate) fn $name(world: &World, id: $id) -> Result<&Arc<$row>, Ec2Error> {
                world.$table.get(id).ok_or_else(|| $missing(id))
            }

            pub(crate) fn $missing(id: $id) -> Ec2Error {
                not_found(id)
            }
        )*
    };
}

lookups! {
    vpc, no_vpc: vpcs, Vpc, VpcId;
    subnet, no_subnet: subnets, Subnet, SubnetId;
    internet_gateway, no_internet_gateway: internet_gateways, InternetGateway, InternetGatewayId;
    route_table, no_route_table: route_tables, RouteTable, RouteTableId;
    network_acl, no_network_acl: network_acls, NetworkAcl, NetworkAclId;
    security_group, no_security_group: security_groups, SecurityGroup, SecurityGroupId;
    security_group_rule, no_security_group_rule: security_group_rules, SecurityGroupRule, SecurityGroupRuleId;
    network_interface, no_network_interface: network_interfaces, NetworkInterface, NetworkInterfaceId;
    address, no_address: addresses, Address, AllocationId;
    instance, no_instance: instances, Instance, InstanceId;
}

/// EC2's error for the association of an address, a route table or a network ACL that does not exist.
pub(crate) fn no_association(id: impl TypedId) -> Ec2Error {
    not_found(id)
}

/// EC2's error for an instance that stands for its interface where it has several.
pub(crate) fn several_interfaces(id: InstanceId) -> Ec2Error {
    let message = format!(
        "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
    );
    ErrorCode::InvalidInstanceId.with(message)
}

/// EC2's refusal to delete the `noun` named `id`.
pub(crate) fn has_dependencies(noun: &str, id: impl Display) -> Ec2Error {
    let message = format!("The {noun} '{id}' has dependencies and cannot be deleted.");
    ErrorCode::DependencyViolation.with(message)
}
