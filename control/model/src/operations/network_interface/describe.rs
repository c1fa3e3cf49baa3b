//! `DescribeNetworkInterfaces`.

use crate::api::network_interface::{DescribeNetworkInterfaces, DescribeNetworkInterfacesResponse};
use crate::describe::describes;

describes! {
    /// Describes network interfaces.
    DescribeNetworkInterfaces: network_interface_ids in network_interfaces, DescribeNetworkInterfacesResponse { network_interface_set }
}
