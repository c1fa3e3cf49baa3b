//! Services of the fabric that guests reach at link-local addresses.

use crate::plain::plain;
use crate::{Ipv4, MAX_VPORTS, Port};
use eni_wire::protocol;

/// The vport of the services' end: the last number, which no interface gets.
pub const SERVICES_VPORT: u32 = MAX_VPORTS - 1;

/// How many packets a second an interface may send to link-local services (EC2 User Guide, "DNS attributes for your VPC":
/// "1024 packets per second per network interface", which holds for instance metadata and NTP too). So many may come at once.
pub const LINK_LOCAL_PACKETS_PER_SECOND: u32 = 1_024;

/// A service of the fabric.
///
/// *Addresses.* Beyond the services' end a service has an address of its own for every vport, [`Service::address`], in
/// 127.0.0.0/8. So the address that a client has called tells who it is, although VPCs overlap; and no guest's own address can
/// be among them, as no VPC has a block there (EC2 User Guide, "VPC CIDR blocks", restrictions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Service {
    /// Instance metadata, at 169.254.169.254, port 80 of TCP.
    InstanceMetadata = 1,
}

/// The first byte of [`Service::address`].
const LOOPBACK: u8 = 127;

impl Service {
    /// The service that guests reach at `address`.
    #[must_use]
    #[inline(always)]
    pub const fn at_link_local(address: Ipv4) -> Option<Self> {
        if address.0 == Self::InstanceMetadata.link_local().0 {
            Some(Self::InstanceMetadata)
        } else {
            None
        }
    }

    /// Where guests reach it.
    #[must_use]
    #[inline(always)]
    pub const fn link_local(self) -> Ipv4 {
        match self {
            Self::InstanceMetadata => Ipv4(u32::from_ne_bytes([169, 254, 169, 254])),
        }
    }

    /// Its port.
    #[must_use]
    #[inline(always)]
    pub const fn port(self) -> Port {
        match self {
            Self::InstanceMetadata => Port::new(80),
        }
    }

    /// The number of its protocol over IP.
    #[must_use]
    #[inline(always)]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::InstanceMetadata => protocol::TCP,
        }
    }

    /// Its address for the guest behind `vport`: 127, the service, and the vport in two bytes.
    #[must_use]
    #[inline(always)]
    pub const fn address(self, vport: u32) -> Ipv4 {
        let [.., high, low] = vport.to_be_bytes();
        Ipv4(u32::from_ne_bytes([LOOPBACK, self as u8, high, low]))
    }

    /// The service and the vport of an [`Service::address`].
    #[must_use]
    #[inline(always)]
    pub const fn of_address(address: Ipv4) -> Option<(Self, u32)> {
        let [LOOPBACK, number, high, low] = address.0.to_ne_bytes() else {
            return None;
        };
        if number != Self::InstanceMetadata as u8 {
            return None;
        }
        Some((
            Self::InstanceMetadata,
            u32::from_be_bytes([0, 0, high, low]),
        ))
    }
}

/// Value of [`crate::map::LINK_LOCAL`], by vport: what an interface has sent to link-local services.
///
/// One word, which is written whole. Of two CPUs that add at once one may be forgotten: an interface then sends as many
/// packets more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct LinkLocalAllowance {
    /// When what was sent so far would have been sent at the rate allowed. `CLOCK_MONOTONIC`.
    pub spent_until_ns: u64,
}

const SECOND_NS: u64 = 1_000_000_000;
/// What a packet takes of the allowance.
const PACKET_NS: u64 = SECOND_NS / LINK_LOCAL_PACKETS_PER_SECOND as u64;

impl LinkLocalAllowance {
    /// Takes what so many `packets` need; false, and nothing is taken, where not so much is left.
    #[inline(always)]
    pub const fn take(&mut self, packets: u32, now_ns: u64) -> bool {
        let begin = if self.spent_until_ns < now_ns {
            now_ns
        } else {
            self.spent_until_ns
        };
        let end = begin.wrapping_add(PACKET_NS.wrapping_mul(packets as u64));
        if end > now_ns.wrapping_add(SECOND_NS) {
            return false;
        }
        self.spent_until_ns = end;
        true
    }
}

plain! {
    LinkLocalAllowance { spent_until_ns: u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_service_and_vport() {
        let service = Service::InstanceMetadata;
        for vport in [1, 255, 256, SERVICES_VPORT] {
            let address = service.address(vport);
            assert_eq!(Service::of_address(address), Some((service, vport)));
        }
        let text = core::net::Ipv4Addr::from(service.address(258));
        assert_eq!(text, core::net::Ipv4Addr::new(127, 1, 1, 2));
        for other in [[127, 0, 0, 1], [127, 2, 0, 7], [10, 1, 0, 7]] {
            let other = Ipv4(u32::from_ne_bytes(other));
            assert_eq!(Service::of_address(other), None);
            assert_eq!(Service::at_link_local(other), None);
        }
        assert_eq!(Service::at_link_local(service.link_local()), Some(service));
        // Every vport has two bytes.
        const { assert!(MAX_VPORTS <= 1 << 16) };
    }

    #[test]
    fn a_second_allows_so_many_packets_and_no_more_may_be_saved() {
        let mut allowance = LinkLocalAllowance::default();
        let taken = |allowance: &mut LinkLocalAllowance, now_ns| {
            let attempts = 4 * LINK_LOCAL_PACKETS_PER_SECOND;
            (0..attempts).filter(|_| allowance.take(1, now_ns)).count() as u32
        };
        let begin = 100 * SECOND_NS;
        assert_eq!(taken(&mut allowance, begin), LINK_LOCAL_PACKETS_PER_SECOND);
        assert_eq!(taken(&mut allowance, begin), 0);
        let half = LINK_LOCAL_PACKETS_PER_SECOND / 2;
        assert_eq!(taken(&mut allowance, begin + SECOND_NS / 2), half);
        let later = begin + 50 * SECOND_NS;
        assert_eq!(taken(&mut allowance, later), LINK_LOCAL_PACKETS_PER_SECOND);
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let mut allowance = LinkLocalAllowance::default();
        assert!(!allowance.take(LINK_LOCAL_PACKETS_PER_SECOND + 1, SECOND_NS));
        assert!(!allowance.take(u32::MAX, SECOND_NS));
        assert!(allowance.take(LINK_LOCAL_PACKETS_PER_SECOND, SECOND_NS));
    }
}
