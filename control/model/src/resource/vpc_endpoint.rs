//! VPC endpoints of type `Interface`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_types::{
    NetworkInterfaceId, SecurityGroupId, SubnetId, Timestamp, VpcEndpointId, VpcId, fnv1a,
};
use serde::{Deserialize, Serialize};

use crate::index::indexes;
use crate::tags::Tags;
use crate::{Row, ServedApi};

/// An interface endpoint: the API of a service, at an interface in each of some subnets of a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// Its id.
    pub vpc_endpoint_id: VpcEndpointId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// What it leads to.
    pub service: ServedApi,
    /// Where it is: a subnet of a zone at most, in the order in which they came.
    pub places: Vec<VpcEndpointPlace>,
    /// The security groups of its interfaces, at least one.
    pub group_ids: Vec<SecurityGroupId>,
    /// Whether the service's own name leads to it in its VPC.
    pub private_dns_enabled: bool,
    /// When it was made.
    pub creation_timestamp: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcEndpointPlace {
    /// The subnet.
    pub subnet_id: SubnetId,
    /// The subnet's zone.
    pub availability_zone: String,
    /// Its interface there.
    pub network_interface_id: NetworkInterfaceId,
}

impl VpcEndpoint {
    /// The label by which it is found below [`ServedApi::endpoint_zone`]: in one zone, or in all of its.
    #[must_use]
    pub fn dns_label(&self, availability_zone: Option<&str>) -> String {
        let id = format!("{}", self.vpc_endpoint_id);
        // EC2's are eight letters and digits that nothing follows from.
        let distinct = fnv1a(id.as_bytes()) & 0xffff_ffff;
        match availability_zone {
            None => format!("{id}-{distinct:08x}"),
            Some(zone) => format!("{id}-{distinct:08x}-{zone}"),
        }
    }

    /// The names by which it is found anywhere: its own first, then those in its zones.
    #[must_use]
    pub fn dns_names(&self, region: &str) -> Vec<String> {
        let zone = self.service.endpoint_zone(region);
        let in_zones = self.places.iter().map(|place| &*place.availability_zone);
        let labels = [None].into_iter().chain(in_zones.map(Some));
        labels
            .map(|place| format!("{}.{zone}", self.dns_label(place)))
            .collect()
    }
}

impl Row for VpcEndpoint {
    type Id = VpcEndpointId;
    fn id(&self) -> VpcEndpointId {
        self.vpc_endpoint_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    VpcEndpoint, VpcEndpointIndexes:
    vpc: VpcId = |endpoint| [endpoint.vpc_id];
    group: SecurityGroupId = |endpoint| endpoint.group_ids.iter().copied();
    network_interface: NetworkInterfaceId = |endpoint| endpoint.places.iter().map(|place| place.network_interface_id);
}
