//! The fabric's end of its services.

use eni_abi::{Mac, VPC_MTU, Vport};
use eni_types::MacAddress;

/// The services' end's MAC address. The pair has only two ends, so the same one serves every region.
pub const SERVICES_MAC: MacAddress = MacAddress([0x02, 0x00, 0x00, 0x00, 0x00, 0x02]);
/// The fabric's MAC address as the services see it.
const FABRIC_MAC: MacAddress = MacAddress([0x0a, 0x00, 0x00, 0x00, 0x00, 0x02]);

/// The row of [`eni_abi::SERVICES_VPORT`]: the same in every region.
pub(crate) fn row() -> Vport {
    Vport {
        flags: Vport::PRESENT | Vport::SERVICES | Vport::IPV6,
        mtu: VPC_MTU,
        mac: Mac::from_bytes(SERVICES_MAC.0),
        router_mac: Mac::from_bytes(FABRIC_MAC.0),
        ..Vport::default()
    }
}
