//! Identifiers, addresses, states and quotas of the EC2 networking model.
//!
//! Every type here proves its legality: in hand, it is well formed. Parsing is the only way in.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
mod dhcp_option;
mod hash;
pub mod iam;
mod id;
pub mod quota;
mod state;
mod time;

pub use address::{
    IpCidr, Ipv4Cidr, Ipv6Cidr, MacAddress, MalformedCidr, MalformedIpCidr, MalformedIpv6Cidr,
    MalformedMac,
};
pub use dhcp_option::{DhcpOption, DomainNameServers, MalformedDhcpOption};
pub use hash::fnv1a;
pub use id::{
    AllocationId, AssociationId, AttachmentId, DhcpOptionsId, EgressOnlyInternetGatewayId,
    IamInstanceProfileAssociationId, IdErrors, IdSequence, ImageId, InstanceId, InternetGatewayId,
    KeyPairId, MalformedId, NatGatewayId, NetworkAclAssociationId, NetworkAclId,
    NetworkInterfaceId, ReservationId, ResourceId, RouteTableAssociationId, RouteTableId,
    SecurityGroupId, SecurityGroupRuleId, SubnetCidrAssociationId, SubnetId, TypedId,
    VpcCidrAssociationId, VpcEndpointId, VpcId, VpcPeeringConnectionId,
};
pub use state::{
    AttachmentStatus, InstanceState, NetworkInterfaceStatus, NetworkInterfaceType, SubnetState,
    UnknownState, VpcState,
};
pub use time::Timestamp;
