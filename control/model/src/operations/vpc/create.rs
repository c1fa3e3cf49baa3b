//! `CreateVpc`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_types::{Ipv4Cidr, TypedId, VpcCidrAssociationId, VpcId, VpcState, quota};

use super::contents::VpcContents;
use super::{cidr_block, ipv6};
use crate::api::vpc::{CreateVpc, CreateVpcResponse, VpcDescription};
use crate::operations::create;
use crate::resource::Vpc;
use crate::tags::Tags;
use crate::{Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Makes a VPC with its main route table, default network ACL and default security group.
impl Operation for CreateVpc {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let cidr_block = self.cidr_block.ok_or_else(no_block)?;
        check_block(cidr_block)?;
        check_quota(world)?;
        let ipv6 = ipv6::is_asked_for(
            self.amazon_provided_ipv6_cidr_block,
            self.ipv6_cidr_block_network_border_group.as_deref(),
            context.region,
        )?;
        let ipv6_block = ipv6
            .then(|| cidr_block::provide_ipv6(None, world, context))
            .transpose()?;
        let vpc = Vpc {
            vpc_id: VpcId::generate(context.ids),
            cidr_block,
            cidr_association_id: VpcCidrAssociationId::generate(context.ids),
            ipv4_cidr_block_associations: Vec::new(),
            ipv6_cidr_block_associations: ipv6_block.into_iter().collect(),
            dhcp_options_id: Vpc::default_dhcp_options_id(),
            instance_tenancy: tenancy(self.instance_tenancy)?,
            is_default: false,
            enable_dns_support: true,
            enable_dns_hostnames: false,
            enable_network_address_usage_metrics: false,
            tags: Tags::for_created("vpc", &self.tag_specifications)?,
        };
        let contents = VpcContents::new(vpc, context.ids);
        let response = CreateVpcResponse {
            vpc: VpcDescription::new(&contents.vpc, VpcState::Pending, context.region),
        };
        Ok((contents.into_changes(), response))
    }
}

/// EC2's error for a VPC or subnet without a block.
pub(crate) fn no_block() -> Ec2Error {
    let message = "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.";
    ErrorCode::MissingParameter.with(message)
}

/// Refuses a block of another size than /16 to /28, or one that EC2 keeps ("VPC CIDR blocks", restrictions).
pub(super) fn check_block(block: Ipv4Cidr) -> Result<(), Ec2Error> {
    let kept = [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
    ];
    let is_kept = kept
        .into_iter()
        .filter_map(|(address, length)| Ipv4Cidr::new(address, length))
        .any(|kept| kept.overlaps(block));
    if is_kept || !quota::VPC_PREFIX_LENGTHS.contains(&block.prefix_length()) {
        let message = format!("The CIDR '{block}' is invalid.");
        return Err(ErrorCode::InvalidVpcRange.with(message));
    }
    Ok(())
}

/// Refuses one VPC more than a region may have.
pub(crate) fn check_quota(world: &World) -> Result<(), Ec2Error> {
    let code = ErrorCode::VpcLimitExceeded;
    create::check_quota(world.vpcs.len(), quota::VPCS_PER_REGION, code, "VPCs")
}

fn tenancy(given: Option<String>) -> Result<String, Ec2Error> {
    match given.as_deref() {
        None | Some("default" | "dedicated") => Ok(given.unwrap_or_else(|| "default".into())),
        Some(other) => {
            let message = format!(
                "Value ({other}) for parameter instanceTenancy is invalid. Expected 'default' or 'dedicated'."
            );
            Err(ErrorCode::InvalidParameterValue.with(message))
        }
    }
}
