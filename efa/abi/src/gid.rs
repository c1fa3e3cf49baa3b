//! Addresses of devices and of the queue pairs behind them.

use core::fmt;
use core::str::FromStr;

use eni_types::MacAddress;
use serde::{Deserialize, Serialize};

/// The address of a device: 16 bytes, written like an IPv6 address.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Gid(pub [u8; 16]);

/// Text that is not a GID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a GID is written like an IPv6 address, for example fe80::48ff:fe00:1")]
pub struct MalformedGid;

impl Gid {
    /// The GID of the device with this MAC address: the link-local address that RFC 4291, appendix A, makes of it.
    /// Amazon's device does the same.
    pub const fn from_mac(mac: MacAddress) -> Self {
        let MacAddress([a, b, c, d, e, f]) = mac;
        Self([
            0xfe,
            0x80,
            0,
            0,
            0,
            0,
            0,
            0,
            a ^ 0x02,
            b,
            c,
            0xff,
            0xfe,
            d,
            e,
            f,
        ])
    }

    /// The lower half, which InfiniBand calls the port's GUID.
    pub fn interface_id(self) -> u64 {
        let mut low = [0; 8];
        low.copy_from_slice(&self.0[8..]);
        u64::from_be_bytes(low)
    }
}

impl FromStr for Gid {
    type Err = MalformedGid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: core::net::Ipv6Addr = text.parse().map_err(|_| MalformedGid)?;
        Ok(Self(address.octets()))
    }
}

impl fmt::Display for Gid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::net::Ipv6Addr::from(self.0).fmt(formatter)
    }
}

/// A queue pair on any host: what an address handle and a queue pair number name together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// The device's address.
    pub gid: Gid,
    /// The queue pair's number on that device, from 2 to 65,535.
    pub queue_pair: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gid_is_made_of_the_mac_and_reads_like_an_address() {
        let gid = Gid::from_mac(MacAddress([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]));
        let text = alloc::string::ToString::to_string(&gid);
        assert_eq!(text, "fe80::11:22ff:fe33:4455");
        assert_eq!(text.parse(), Ok(gid));
        assert_eq!("efa_0".parse::<Gid>(), Err(MalformedGid));
        assert_eq!(gid.interface_id(), 0x0011_22ff_fe33_4455);
    }
}
