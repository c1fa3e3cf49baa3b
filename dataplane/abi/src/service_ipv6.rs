//! Where guests find services by IPv6, and how those know who asks.
//!
//! Beyond the services' end a service has an address for every vport in IPv6 too, [`Service::address_ipv6`], in the block in which
//! guests find services: no VPC has a block there. The last four words of the address where guests find the service are spread over
//! it so that both have the same sum: what is exchanged in a packet changes no checksum, whatever its transport and whoever
//! completes it.

use core::net::{IpAddr, Ipv6Addr};

use crate::{Address, ROUTER_LINK_LOCAL, Service, Vport};

/// What all services' addresses begin with: `fd00:ec2::/32`.
const FIRST: u16 = 0xfd00;
const SECOND: u16 = 0x0ec2;
/// The third segment of an asker's address that is one of its link: `fd00`, `ec2` and it add up to `fe80`, as its link's address
/// begins. Services' numbers are far below.
const ON_LINK: u16 = 0xf2bd;
const LINK: u16 = 0xfe80;

/// The last segments of the addresses where guests find services.
const METADATA: u16 = 0x254;
const TIME: u16 = 0x123;
const RESOLVER: u16 = 0x253;
/// Of DHCPv6's: with what an address begins it adds up to [`ROUTER_LINK_LOCAL`], which answers.
const DHCP: u16 = 0x181;

impl Service {
    /// Where guests find instance metadata, the time and names (EC2 User Guide and Amazon VPC User Guide, as of
    /// [`Service::LINK_LOCAL`]): `fd00:ec2::254`, `fd00:ec2::123` and `fd00:ec2::253`.
    pub const LINK_LOCAL_IPV6: [Address; 3] = [at(METADATA), at(TIME), at(RESOLVER)];

    /// Whom clients of DHCPv6 ask: all relay agents and servers of the link, `ff02::1:2` (RFC 8415, section 7.1).
    pub const DHCPV6_GROUP: Address = Address::v6([0xff02, 0, 0, 0, 0, 0, 1, 2]);

    /// In this block all [`Service::address_ipv6`]es are, and no [`Service::asker_on_link`].
    pub const ADDRESSES_IPV6: (Ipv6Addr, u8) = (Ipv6Addr::new(FIRST, SECOND, 0, 0, 0, 0, 0, 0), 36);

    /// The service that all guests find at `address` of IPv6.
    #[must_use]
    #[inline(always)]
    pub fn at_link_local_ipv6(address: Address) -> Option<Self> {
        if address == Self::LINK_LOCAL_IPV6[0] {
            Some(Self::InstanceMetadata)
        } else if address == Self::LINK_LOCAL_IPV6[1] {
            Some(Self::Time)
        } else if address == Self::LINK_LOCAL_IPV6[2] {
            Some(Self::Resolver)
        } else {
            None
        }
    }

    /// Where the guest behind `guest` finds it by IPv6; `None` if it does not.
    #[must_use]
    #[inline(always)]
    pub const fn found_at_ipv6(self, guest: &Vport) -> Option<Address> {
        match self {
            Self::InstanceMetadata if guest.has(Vport::METADATA_IPV6) => {
                Some(Self::LINK_LOCAL_IPV6[0])
            }
            Self::Time if guest.has(Vport::SERVICES_IPV6) => Some(Self::LINK_LOCAL_IPV6[1]),
            Self::Resolver if guest.has(Vport::SERVICES_IPV6) && guest.has_resolver() => {
                Some(Self::LINK_LOCAL_IPV6[2])
            }
            Self::Dhcpv6 if guest.has(Vport::IPV6) => Some(ROUTER_LINK_LOCAL),
            _ => None,
        }
    }

    /// Its address of IPv6 for the guest behind `vport`: `fd00:ec2:SERVICE:VPORT:REST::PLACE`, whose three segments in the middle add
    /// up to nothing.
    #[must_use]
    #[inline(always)]
    pub const fn address_ipv6(self, vport: u32) -> Address {
        let (number, vport) = (self as u16, vport as u16);
        let rest = !number.wrapping_add(vport);
        let place = match self {
            Self::InstanceMetadata => METADATA,
            Self::Time => TIME,
            Self::Resolver => RESOLVER,
            Self::Dhcpv6 => DHCP,
            // Not to be had by IPv6.
            Self::VpcResolver | Self::Dhcp | Self::Api => 0,
        };
        Address::v6([FIRST, SECOND, number, vport, rest, 0, 0, place])
    }

    /// The service and the vport of an [`Service::address_ipv6`].
    #[must_use]
    #[inline(always)]
    pub fn of_address_ipv6(address: Address) -> Option<(Self, u32)> {
        let [_, _, number, vport, ..] = address.to_words();
        let service = Self::of_number(u8::try_from(u16::from_be(number)).ok()?)?;
        let vport = u32::from(u16::from_be(vport));
        (service.address_ipv6(vport) == address).then_some((service, vport))
    }

    /// The service and the vport of an address of either family that a guest has called.
    #[must_use]
    pub fn called(address: IpAddr) -> Option<(Self, u32)> {
        match address {
            IpAddr::V4(address) => Self::of_address(address.into()),
            IpAddr::V6(address) => match address.to_canonical() {
                IpAddr::V4(address) => Self::of_address(address.into()),
                IpAddr::V6(address) => Self::of_address_ipv6(address.into()),
            },
        }
    }

    /// As what one who asks from an address of its link, `fe80::/64`, is seen beyond the services' end: those have no link in common.
    /// The two have the same sum.
    #[must_use]
    #[inline(always)]
    pub const fn asker_on_link(address: Address) -> Option<Address> {
        let [first, second, third, fourth, e, f, g, h] = address.to_words();
        if first != LINK.to_be() || second | third | fourth != 0 {
            return None;
        }
        let (first, second, third) = (FIRST.to_be(), SECOND.to_be(), ON_LINK.to_be());
        Some(Address::from_words([first, second, third, 0, e, f, g, h]))
    }

    /// The inverse of [`Service::asker_on_link`].
    #[must_use]
    #[inline(always)]
    pub const fn on_link(asker: Address) -> Option<Address> {
        let [first, second, third, fourth, e, f, g, h] = asker.to_words();
        let begins_so =
            first == FIRST.to_be() && second == SECOND.to_be() && third == ON_LINK.to_be();
        if !begins_so || fourth != 0 {
            return None;
        }
        Some(Address::from_words([LINK.to_be(), 0, 0, 0, e, f, g, h]))
    }
}

const fn at(place: u16) -> Address {
    Address::v6([FIRST, SECOND, 0, 0, 0, 0, 0, place])
}

#[cfg(test)]
mod tests {
    use eni_wire::checksum;

    use super::*;
    use crate::SERVICES_VPORT;

    fn v6(text: &str) -> Address {
        text.parse::<Ipv6Addr>().unwrap().into()
    }

    fn sum(address: Address) -> u16 {
        checksum::finish(checksum::sum(&address.to_words()))
    }

    fn guest() -> Vport {
        Vport {
            flags: Vport::IPV6 | Vport::SERVICES_IPV6 | Vport::METADATA_IPV6,
            resolver_address: crate::Ipv4(7),
            ..Vport::default()
        }
    }

    #[test]
    fn an_address_tells_service_and_vport_and_adds_up_to_where_it_is_found() {
        for service in Service::ALL {
            for vport in [1, 255, 256, SERVICES_VPORT] {
                let address = service.address_ipv6(vport);
                assert_eq!(Service::of_address_ipv6(address), Some((service, vport)));
                assert_eq!(Service::called(address.into()), Some((service, vport)));
                let [a, b, c, ..] = address.to_words().map(u16::from_be);
                assert!((a, b) == (FIRST, SECOND) && c >> 12 == 0, "{address:?}");
                if let Some(found_at) = service.found_at_ipv6(&guest()) {
                    assert_eq!(sum(address), sum(found_at), "{service:?}");
                }
            }
        }
        for other in [
            "::",
            "fd00:ec2::254",
            "fd00:ec2:1:7:fff7::123",
            "fd00:ec2:1:7:fff8::254",
            "fd00:ec2:8:7:fff0::254",
            "fd00:ec2:101:7:fff7::254",
            "fd00:ec3:1:7:fff7::254",
        ] {
            assert_eq!(Service::of_address_ipv6(v6(other)), None, "{other}");
        }
        assert_eq!(
            Service::of_address_ipv6(v6("fd00:ec2:1:7:fff7::254")),
            Some((Service::InstanceMetadata, 7))
        );
        let mapped = "::ffff:127.2.1.2".parse().unwrap();
        assert_eq!(Service::called(mapped), Some((Service::Time, 258)));
    }

    #[test]
    fn a_service_is_where_it_is_found() {
        let found = |service: Service, guest: &Vport| service.found_at_ipv6(guest);
        for (service, text) in [
            (Service::InstanceMetadata, "fd00:ec2::254"),
            (Service::Time, "fd00:ec2::123"),
            (Service::Resolver, "fd00:ec2::253"),
        ] {
            assert_eq!(found(service, &guest()), Some(v6(text)));
            assert_eq!(Service::at_link_local_ipv6(v6(text)), Some(service));
        }
        assert_eq!(found(Service::Dhcpv6, &guest()), Some(ROUTER_LINK_LOCAL));
        for service in [Service::VpcResolver, Service::Dhcp, Service::Api] {
            assert_eq!(found(service, &guest()), None);
        }
        let without = Vport {
            flags: Vport::IPV6,
            resolver_address: crate::Ipv4(7),
            ..Vport::default()
        };
        for service in [Service::InstanceMetadata, Service::Time, Service::Resolver] {
            assert_eq!(found(service, &without), None);
        }
        let no_resolver = Vport {
            resolver_address: crate::Ipv4::UNSPECIFIED,
            ..guest()
        };
        assert_eq!(found(Service::Resolver, &no_resolver), None);
        assert_eq!(found(Service::Dhcpv6, &Vport::default()), None);
        for other in ["::", "fd00:ec2::252", "fd00:ec2::1:254", "fe80:ec2::1"] {
            assert_eq!(Service::at_link_local_ipv6(v6(other)), None);
        }
    }

    #[test]
    fn who_asks_from_its_link_is_known_again() {
        let own = v6("fe80::12:34ff:fe56:789a");
        let beyond = Service::asker_on_link(own).unwrap();
        assert_eq!(beyond, v6("fd00:ec2:f2bd:0:12:34ff:fe56:789a"));
        assert_eq!(Service::on_link(beyond), Some(own));
        assert_eq!(sum(beyond), sum(own));
        for other in ["fe80:ec2::1", "fe80:0:0:1::1", "2001:db8::1", "::"] {
            assert_eq!(Service::asker_on_link(v6(other)), None);
            assert_eq!(Service::on_link(v6(other)), None);
        }
    }
}
