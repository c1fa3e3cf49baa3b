//! Services of the fabric that guests reach at link-local addresses.

use crate::plain::plain;
use crate::{Ipv4, MAX_VPORTS, Port, Vport};
use eni_wire::protocol;

/// The vport of the services' end: the last number, which no interface gets.
pub const SERVICES_VPORT: u32 = MAX_VPORTS - 1;

/// How many packets a second an interface may send to link-local services (EC2 User Guide, "DNS attributes for your VPC":
/// "1024 packets per second per network interface", which holds for instance metadata and NTP too). So many may come at once.
pub const LINK_LOCAL_PACKETS_PER_SECOND: u32 = 1_024;

/// See [`Service::packets_per_allowed`]: 16,384 packets a second are receipts for some 200 MB a second, more than the API gives.
const API_PACKETS_PER_ALLOWED: u32 = 16;

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
    /// The time, at 169.254.169.123, port 123 of UDP: NTP.
    Time = 2,
    /// Names, at 169.254.169.253, port 53 of UDP and TCP: DNS. Only where the VPC has a resolver.
    Resolver = 3,
    /// The same at [`Vport::resolver_address`]: another service, so that the answer comes from the address that was asked.
    VpcResolver = 4,
    /// Addresses, port 67 of UDP: DHCP. Asked of everybody on the link, or of the subnet's router, which answers.
    Dhcp = 5,
    /// The region's API, at 169.254.169.243, port 443 of TCP: TLS. The names of AWS's services that the region serves lead there.
    Api = 6,
    /// Addresses of IPv6, port 547 of UDP: DHCPv6. Asked of a group on the link, and answered by the subnet's router.
    Dhcpv6 = 7,
}

/// The first byte of [`Service::address`].
const LOOPBACK: u8 = 127;

impl Service {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::InstanceMetadata,
        Self::Time,
        Self::Resolver,
        Self::VpcResolver,
        Self::Dhcp,
        Self::Api,
        Self::Dhcpv6,
    ];

    /// The service that all guests find at `address`.
    #[must_use]
    #[inline(always)]
    pub const fn at_link_local(address: Ipv4) -> Option<Self> {
        const METADATA: u32 = Service::LINK_LOCAL[0].0;
        const TIME: u32 = Service::LINK_LOCAL[1].0;
        const RESOLVER: u32 = Service::LINK_LOCAL[2].0;
        const API: u32 = Service::LINK_LOCAL[3].0;
        match address.0 {
            METADATA => Some(Self::InstanceMetadata),
            TIME => Some(Self::Time),
            RESOLVER => Some(Self::Resolver),
            API => Some(Self::Api),
            _ => None,
        }
    }

    /// Where guests find instance metadata, the time and names (EC2 User Guide, "Use instance metadata to manage your EC2
    /// instance", "Amazon Time Sync Service", and Amazon VPC User Guide, "Amazon DNS server"); and the region's API, at an address
    /// at which EC2 has nothing (it has Windows' activation and licence servers at 169.254.169.249 to 169.254.169.251).
    pub const LINK_LOCAL: [Ipv4; 4] = [
        Ipv4(u32::from_ne_bytes([169, 254, 169, 254])),
        Ipv4(u32::from_ne_bytes([169, 254, 169, 123])),
        Ipv4(u32::from_ne_bytes([169, 254, 169, 253])),
        Ipv4(u32::from_ne_bytes([169, 254, 169, 243])),
    ];

    /// Whose packets come to the services' end from a guest that has no address yet: the router's on the way there.
    pub const ASKER_WITHOUT_ADDRESS: Ipv4 = Ipv4(u32::from_ne_bytes([169, 254, 0, 1]));
    /// The port of clients of DHCP (RFC 2131, 4.1).
    pub const DHCP_CLIENT_PORT: Port = Port::new(68);

    /// The service that the guest behind `guest` finds at `address`, whatever it asks: [`Self::Dhcp`] has none to itself, and
    /// [`Self::Dhcpv6`] none of IPv4.
    #[must_use]
    #[inline(always)]
    pub const fn at(address: Ipv4, guest: &Vport) -> Option<Self> {
        if guest.has_resolver() && address.0 == guest.resolver_address.0 {
            return Some(Self::VpcResolver);
        }
        Self::at_link_local(address)
    }

    /// Where the guest behind `guest` finds it; `None` if it does not.
    #[must_use]
    #[inline(always)]
    pub const fn found_at(self, guest: &Vport) -> Option<Ipv4> {
        match self {
            Self::InstanceMetadata => Some(Self::LINK_LOCAL[0]),
            Self::Time => Some(Self::LINK_LOCAL[1]),
            Self::Api => Some(Self::LINK_LOCAL[3]),
            Self::Resolver if guest.has_resolver() => Some(Self::LINK_LOCAL[2]),
            Self::VpcResolver if guest.has_resolver() => Some(guest.resolver_address),
            Self::Dhcp if guest.router_address.0 != Ipv4::UNSPECIFIED.0 => {
                Some(guest.router_address)
            }
            Self::Resolver | Self::VpcResolver | Self::Dhcp | Self::Dhcpv6 => None,
        }
    }

    /// Its port.
    #[must_use]
    #[inline(always)]
    pub const fn port(self) -> Port {
        match self {
            Self::InstanceMetadata => Port::new(80),
            Self::Time => Port::new(123),
            Self::Resolver | Self::VpcResolver => Port::new(53),
            Self::Dhcp => Port::new(67),
            Self::Dhcpv6 => Port::new(547),
            Self::Api => Port::new(443),
        }
    }

    /// How many of its packets take as much of an interface's allowance as one of another service. On EC2 the API is beyond the
    /// allowance; here it may be asked for long listings, whose receipts alone are thousands of packets a second.
    #[must_use]
    #[inline(always)]
    pub const fn packets_per_allowed(self) -> u32 {
        match self {
            Self::Api => API_PACKETS_PER_ALLOWED,
            _ => 1,
        }
    }

    /// Whether it is what is behind `port` of a protocol over IP.
    #[must_use]
    #[inline(always)]
    pub const fn is_behind(self, protocol: u8, port: Port) -> bool {
        let speaks = match self {
            Self::InstanceMetadata | Self::Api => protocol == protocol::TCP,
            Self::Time | Self::Dhcp | Self::Dhcpv6 => protocol == protocol::UDP,
            Self::Resolver | Self::VpcResolver => {
                protocol == protocol::UDP || protocol == protocol::TCP
            }
        };
        speaks && port.0 == self.port().0
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
        match Self::of_number(number) {
            Some(service) => Some((service, u32::from_be_bytes([0, 0, high, low]))),
            None => None,
        }
    }

    /// The service of a number.
    #[inline(always)]
    pub(crate) const fn of_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::InstanceMetadata),
            2 => Some(Self::Time),
            3 => Some(Self::Resolver),
            4 => Some(Self::VpcResolver),
            5 => Some(Self::Dhcp),
            6 => Some(Self::Api),
            7 => Some(Self::Dhcpv6),
            _ => None,
        }
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
    /// Takes what so many `packets` to `service` need; false, and nothing is taken, where not so much is left.
    #[inline(always)]
    pub const fn take_for(&mut self, service: Service, packets: u32, now_ns: u64) -> bool {
        let packet_ns = PACKET_NS / service.packets_per_allowed() as u64;
        self.take_ns(packet_ns.wrapping_mul(packets as u64), now_ns)
    }

    /// Takes what so many packets need that are counted in full.
    #[inline(always)]
    pub const fn take(&mut self, packets: u32, now_ns: u64) -> bool {
        self.take_ns(PACKET_NS.wrapping_mul(packets as u64), now_ns)
    }

    #[inline(always)]
    const fn take_ns(&mut self, needed_ns: u64, now_ns: u64) -> bool {
        let begin = if self.spent_until_ns < now_ns {
            now_ns
        } else {
            self.spent_until_ns
        };
        let end = begin.wrapping_add(needed_ns);
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

    fn ip(octets: [u8; 4]) -> Ipv4 {
        Ipv4(u32::from_ne_bytes(octets))
    }

    #[test]
    fn an_address_tells_service_and_vport() {
        for service in Service::ALL {
            for vport in [1, 255, 256, SERVICES_VPORT] {
                let address = service.address(vport);
                assert_eq!(Service::of_address(address), Some((service, vport)));
            }
        }
        assert_eq!(Service::Time.address(258), ip([127, 2, 1, 2]));
        for other in [
            [127, 0, 0, 1],
            [127, Service::ALL.len() as u8 + 1, 0, 7],
            [10, 1, 0, 7],
        ] {
            assert_eq!(Service::of_address(ip(other)), None);
        }
        // Every vport has two bytes.
        const { assert!(MAX_VPORTS <= 1 << 16) };
    }

    #[test]
    fn a_service_is_where_it_is_found() {
        let guest = Vport {
            router_address: ip([10, 0, 0, 1]),
            resolver_address: ip([10, 0, 0, 2]),
            ..Vport::default()
        };
        for service in Service::ALL {
            let Some(address) = service.found_at(&guest) else {
                assert_eq!(service, Service::Dhcpv6);
                continue;
            };
            let at = (service != Service::Dhcp).then_some(service);
            assert_eq!(Service::at(address, &guest), at);
        }
        let without = Vport::default();
        for service in [Service::Resolver, Service::VpcResolver, Service::Dhcp] {
            assert_eq!(service.found_at(&without), None);
        }
        for other in [[0, 0, 0, 0], [10, 0, 0, 2], [169, 254, 169, 252]] {
            assert_eq!(Service::at(ip(other), &without), None);
        }
    }

    #[test]
    fn a_service_is_behind_its_port_alone() {
        let behind = |service: Service, protocol, port| {
            assert!(!service.is_behind(protocol, Port::new(port + 1)));
            service.is_behind(protocol, Port::new(port))
        };
        for (service, port, tcp, udp) in [
            (Service::InstanceMetadata, 80, true, false),
            (Service::Time, 123, false, true),
            (Service::Resolver, 53, true, true),
            (Service::VpcResolver, 53, true, true),
            (Service::Dhcp, 67, false, true),
            (Service::Api, 443, true, false),
            (Service::Dhcpv6, 547, false, true),
        ] {
            assert_eq!(behind(service, protocol::TCP, port), tcp);
            assert_eq!(behind(service, protocol::UDP, port), udp);
            assert!(!behind(service, protocol::ICMP, port));
        }
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
    fn calls_of_the_api_take_a_sixteenth_and_of_the_same() {
        let mut allowance = LinkLocalAllowance::default();
        let mut take = |service, packets| allowance.take_for(service, packets, SECOND_NS);
        assert!(take(Service::Api, 8 * LINK_LOCAL_PACKETS_PER_SECOND));
        assert!(take(Service::Time, LINK_LOCAL_PACKETS_PER_SECOND / 2));
        assert!(!take(Service::Api, 32) && !take(Service::Time, 1));
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let mut allowance = LinkLocalAllowance::default();
        assert!(!allowance.take(LINK_LOCAL_PACKETS_PER_SECOND + 1, SECOND_NS));
        assert!(!allowance.take(u32::MAX, SECOND_NS));
        assert!(allowance.take(LINK_LOCAL_PACKETS_PER_SECOND, SECOND_NS));
    }
}
