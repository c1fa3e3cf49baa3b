//! `ModifySubnetAttribute`.

use alloc::format;

use crate::api::subnet::ModifySubnetAttribute;
use crate::operations::attribute::{AttributeBooleanValue, only_one};
use crate::operations::private_dns_names::Given;
use crate::operations::unsupported;
use crate::resource::Subnet;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Changes one attribute of a subnet. Interfaces and instances that exist keep what they were created with.
impl Operation for ModifySubnetAttribute {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        self.check()?;
        let mut subnet = Subnet::clone(world.subnets.known(self.subnet_id)?);
        if let Some(given) = self.map_public_ip_on_launch {
            check_maps_public(given.value, &subnet)?;
            subnet.map_public_ip_on_launch = given.value;
        }
        if let Some(given) = self.assign_ipv6_address_on_creation {
            check_assigns_ipv6(given.value, &subnet)?;
            subnet.assign_ipv6_address_on_creation = given.value;
        }
        let value = |given: Option<AttributeBooleanValue>| given.map(|given| given.value);
        let names = Given {
            parameter: "privateDnsHostnameTypeOnLaunch",
            hostname_type: self.private_dns_hostname_type_on_launch.as_deref(),
            a_record: value(self.enable_resource_name_dns_a_record_on_launch),
            aaaa_record: value(self.enable_resource_name_dns_aaaa_record_on_launch),
        };
        subnet.private_dns_names = names.over(subnet.private_dns_names, &subnet)?;
        Ok((ChangeSet::putting(subnet), ReturnTrue::default()))
    }
}

/// Public addresses are of IPv4.
fn check_maps_public(value: bool, subnet: &Subnet) -> Result<(), Ec2Error> {
    if value && subnet.is_ipv6_native() {
        let message = format!(
            "The subnet '{}' is an IPv6-only subnet: mapPublicIpOnLaunch cannot be enabled.",
            subnet.subnet_id
        );
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    Ok(())
}

impl ModifySubnetAttribute {
    fn check(&self) -> Result<(), Ec2Error> {
        let is_on = |given: Option<AttributeBooleanValue>| given.is_some_and(|given| given.value);
        let hostname_type = self.private_dns_hostname_type_on_launch.as_deref();
        let outposts = is_on(self.map_customer_owned_ip_on_launch)
            || self.customer_owned_ipv4_pool.is_some()
            || self.enable_lni_at_device_index.is_some();
        only_one(&[
            (
                "mapPublicIpOnLaunch",
                self.map_public_ip_on_launch.is_some(),
            ),
            (
                "assignIpv6AddressOnCreation",
                self.assign_ipv6_address_on_creation.is_some(),
            ),
            ("enableDns64", self.enable_dns64.is_some()),
            ("privateDnsHostnameTypeOnLaunch", hostname_type.is_some()),
            (
                "enableResourceNameDnsARecordOnLaunch",
                self.enable_resource_name_dns_a_record_on_launch.is_some(),
            ),
            (
                "enableResourceNameDnsAAAARecordOnLaunch",
                self.enable_resource_name_dns_aaaa_record_on_launch
                    .is_some(),
            ),
            // EC2 takes these two together.
            (
                "mapCustomerOwnedIpOnLaunch",
                self.map_customer_owned_ip_on_launch.is_some()
                    || self.customer_owned_ipv4_pool.is_some(),
            ),
            (
                "lniAtDeviceIndex",
                self.enable_lni_at_device_index.is_some()
                    || self.disable_lni_at_device_index.is_some(),
            ),
        ])?;
        unsupported::refuse("DNS64", is_on(self.enable_dns64))?;
        unsupported::refuse("AWS Outposts", outposts)
    }
}

/// Only in a subnet with an IPv6 block can interfaces get IPv6 addresses, and in one of IPv6 only they always do.
fn check_assigns_ipv6(assigns: bool, subnet: &Subnet) -> Result<(), Ec2Error> {
    let id = subnet.subnet_id;
    let why = match (assigns, subnet.ipv6_cidr_block_association) {
        (true, None) => format!(
            "Cannot set assign-ipv6-address-on-creation to true unless the subnet ({id}) has an IPv6 CIDR block associated with it."
        ),
        (false, _) if subnet.is_ipv6_native() => format!(
            "Cannot set assign-ipv6-address-on-creation to false, as the subnet ({id}) is an IPv6-only subnet."
        ),
        _ => return Ok(()),
    };
    let message = format!("Invalid value '{assigns}' for assign-ipv6-address-on-creation. {why}");
    Err(ErrorCode::InvalidParameterValue.with(message))
}
