//! `DescribeVpcPeeringConnections`: a connection as answers show it.

use alloc::format;
use alloc::string::{String, ToString};

use eni_types::VpcId;

use crate::api::vpc_peering_connection::{
    DescribeVpcPeeringConnections, DescribeVpcPeeringConnectionsResponse,
    PeeredIpv4BlockDescription, PeeredIpv6BlockDescription, PeeredVpcDescription,
    PeeringOptionsDescription, VpcPeeringConnectionDescription,
    VpcPeeringConnectionStatusDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::resource::{PeeringOptions, Vpc, VpcPeeringConnection, VpcPeeringConnectionStatus};
use crate::tags::Tags;

describes! {
    /// Finds VPC peering connections.
    DescribeVpcPeeringConnections: vpc_peering_connection_ids in vpc_peering_connections,
        DescribeVpcPeeringConnectionsResponse { vpc_peering_connection_set }
}

/// Whether blocks of two VPCs share an address: then no packet could say which of them it is for.
pub(super) fn overlap(one: &Vpc, other: &Vpc) -> bool {
    one.blocks().any(|own| {
        other
            .blocks()
            .any(|theirs| own.covers(theirs) || theirs.covers(own))
    })
}

/// As the call's answer shows it that has made it: EC2 looks at a request after it has answered.
pub(super) fn initiating(description: &mut VpcPeeringConnectionDescription, account_id: &str) {
    description.status = VpcPeeringConnectionStatusDescription {
        code: "initiating-request",
        message: format!("Initiating Request to {account_id}"),
    };
}

/// As the call's answer shows it that has accepted it.
pub(super) fn provisioning(description: &mut VpcPeeringConnectionDescription) {
    description.status = VpcPeeringConnectionStatusDescription {
        code: "provisioning",
        message: "Provisioning".into(),
    };
}

fn message(connection: &VpcPeeringConnection, account_id: &str) -> String {
    use VpcPeeringConnectionStatus as Status;
    match connection.status {
        Status::PendingAcceptance => {
            format!("Pending Acceptance by {}", connection.accepter_owner_id)
        }
        Status::Active => "Active".into(),
        Status::Failed => {
            "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".into()
        }
        Status::Rejected => format!("Rejected by {}", connection.accepter_owner_id),
        Status::Expired => "Expired".into(),
        Status::Deleted => format!("Deleted by {account_id}"),
    }
}

/// An end, with its blocks if it may be seen: that of a request may not before it is accepted, and one that is gone cannot.
fn peered(
    (vpc_id, options): (VpcId, PeeringOptions),
    owner_id: &str,
    region: &str,
    vpc: Option<&Vpc>,
) -> PeeredVpcDescription {
    let ipv4 = |vpc: &Vpc| {
        let blocks = vpc.blocks().filter_map(|block| block.ipv4());
        let describe = |block: eni_types::Ipv4Cidr| PeeredIpv4BlockDescription {
            cidr_block: block.to_string(),
        };
        blocks.map(describe).collect()
    };
    let ipv6 = |vpc: &Vpc| {
        let blocks = vpc.blocks().filter_map(|block| block.ipv6());
        let describe = |block: eni_types::Ipv6Cidr| PeeredIpv6BlockDescription {
            ipv6_cidr_block: block.to_string(),
        };
        blocks.map(describe).collect()
    };
    let has_ipv6 = vpc.filter(|vpc| vpc.blocks().any(|block| block.ipv6().is_some()));
    PeeredVpcDescription {
        cidr_block: vpc.map(|vpc| vpc.cidr_block.to_string()),
        cidr_block_set: vpc.map(ipv4),
        ipv6_cidr_block_set: has_ipv6.map(ipv6),
        owner_id: owner_id.into(),
        vpc_id,
        region: region.into(),
        peering_options: vpc.map(|_| PeeringOptionsDescription {
            allow_dns_resolution_from_remote_vpc: options.allow_dns_resolution_from_remote_vpc,
            allow_egress_from_local_classic_link_to_remote_vpc: false,
            allow_egress_from_local_vpc_to_remote_classic_link: false,
        }),
    }
}

impl Described for VpcPeeringConnection {
    type Answer = VpcPeeringConnectionDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("VpcPeeringConnectionIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("vpc-peering-connection-id");

    fn describe(&self, scope: Scope<'_>) -> VpcPeeringConnectionDescription {
        let vpc = |vpc_id| scope.world.vpcs.get(vpc_id).map(|vpc| &**vpc);
        let is_accepted = self.status == VpcPeeringConnectionStatus::Active;
        let (account_id, region) = (&scope.region.account_id, &scope.region.region);
        let accepter = vpc(self.accepter_vpc_id).filter(|_| is_accepted);
        VpcPeeringConnectionDescription {
            accepter_vpc_info: peered(
                (self.accepter_vpc_id, self.accepter_options),
                &self.accepter_owner_id,
                &self.accepter_region,
                accepter,
            ),
            expiration_time: self.expiration_time().map(|time| time.to_string()),
            requester_vpc_info: peered(
                (self.requester_vpc_id, self.requester_options),
                account_id,
                region,
                vpc(self.requester_vpc_id),
            ),
            status: VpcPeeringConnectionStatusDescription {
                code: self.status.as_str(),
                message: message(self, account_id),
            },
            tag_set: self.tags.to_items(),
            vpc_peering_connection_id: self.vpc_peering_connection_id,
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}
