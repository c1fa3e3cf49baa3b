//! The way to the host.

use eni_abi::{INTERNET_MTU, Ipv4, Mac, Vport};
use eni_model::RegionSettings;
use eni_types::MacAddress;

use crate::{DesiredUplink, UPLINK_VPORT};

/// The host end's MAC address. The pair has only two ends, so the same one serves every region.
const HOST_MAC: MacAddress = MacAddress([0x02, 0x00, 0x00, 0x00, 0x00, 0x01]);
/// The fabric's MAC address as the host sees it.
const FABRIC_MAC: MacAddress = MacAddress([0x0a, 0x00, 0x00, 0x00, 0x00, 0x01]);

/// The uplink's devices, and its vport's row.
pub(crate) fn lower(settings: &RegionSettings) -> (DesiredUplink, Vport) {
    let pool = settings.public_pool;
    let host_address = pool.nth(1).unwrap_or(pool.network());
    let row = Vport {
        flags: Vport::PRESENT | Vport::UPLINK | Vport::IPV6,
        subnet_address: pool.network().into(),
        subnet_mask: Ipv4::mask(pool.prefix_length()),
        host_address: host_address.into(),
        // The pool's last address is never allocated.
        router_address: pool.last().into(),
        mtu: INTERNET_MTU,
        mac: Mac::from_bytes(HOST_MAC.0),
        router_mac: Mac::from_bytes(FABRIC_MAC.0),
        instance: UPLINK_VPORT,
        ..Vport::default()
    };
    let uplink = DesiredUplink {
        host_address,
        public_pool: pool,
        host_mac_address: HOST_MAC,
        mtu_bytes: INTERNET_MTU,
    };
    (uplink, row)
}
