//! Every function against the kernel, in network namespaces of the test's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use eni_netlink::{
    Address, LostRoutes, MAIN_TABLE, Namespace, Netfilter, Netlink, NetlinkError, Route,
    RouteWatch, Rule, VethSpec,
};
use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr, MacAddress};

const GUEST_MAC: MacAddress = MacAddress([0x02, 0x1a, 0, 0, 0, 7]);

struct Pair {
    directory: tempfile::TempDir,
    fabric: Namespace,
    guest: Namespace,
}

impl Pair {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fabric = Namespace::create(&directory.path().join("fabric")).unwrap();
        let guest = Namespace::create(&directory.path().join("guest")).unwrap();
        Self {
            directory,
            fabric,
            guest,
        }
    }

    fn add_veth(&self, netlink: &mut Netlink) -> Result<(), eni_netlink::NetlinkError> {
        netlink.add_veth(&VethSpec {
            name: "eni77",
            index: Some(77),
            mac: None,
            peer_name: "eth0",
            peer_mac: Some(GUEST_MAC),
            peer_group: 7,
            peer_namespace: Some(self.guest.as_fd()),
            mtu_bytes: 9001,
            no_arp: true,
            peer_no_arp: false,
        })
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for name in ["fabric", "guest"] {
            Namespace::delete(&self.directory.path().join(name)).unwrap();
        }
    }
}

#[test]
fn root_a_namespace_is_made_once_and_deleted_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ns");
    assert!(Namespace::open(&path).is_err());
    std::fs::write(&path, "").unwrap(); // what a reboot leaves behind
    Namespace::create(&path).unwrap();
    let first = std::fs::metadata(&path).unwrap();
    Namespace::create(&path).unwrap();
    let second = std::fs::metadata(&path).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!(
        first.ino(),
        second.ino(),
        "the second creation opens the first"
    );
    Namespace::delete(&path).unwrap();
    Namespace::delete(&path).unwrap();
    assert!(!path.exists());
}

#[test]
fn root_a_veth_pair_is_made_with_each_end_where_it_belongs() {
    let pair = Pair::new();
    let mut fabric = pair.fabric.netlink().unwrap();
    let mut guest = pair.guest.netlink().unwrap();
    pair.add_veth(&mut fabric).unwrap();
    fabric.set_link_alias(77, "eni-attach-1").unwrap();

    let end = fabric.links().unwrap().pop().unwrap();
    assert_eq!((end.index, end.name.as_str()), (77, "eni77"));
    assert_eq!(end.alias.as_deref(), Some("eni-attach-1"));
    assert!(end.up);
    let eth0 = guest.links().unwrap().pop().unwrap();
    assert_eq!((eth0.name.as_str(), eth0.mac), ("eth0", Some(GUEST_MAC)));
    assert_eq!((eth0.mtu_bytes, eth0.up), (9001, false));
    // Each end tells where the other one is.
    let guest_id = fabric.namespace_id(pair.guest.as_fd()).unwrap();
    assert!(guest_id.is_some());
    assert_eq!(
        (end.peer_index, end.peer_namespace),
        (Some(eth0.index), guest_id)
    );
    assert_eq!(eth0.peer_index, Some(77));
    let stranger = Namespace::create(&pair.directory.path().join("stranger")).unwrap();
    assert_eq!(fabric.namespace_id(stranger.as_fd()).unwrap(), None);
    Namespace::delete(&pair.directory.path().join("stranger")).unwrap();

    assert!(
        guest
            .add_alternative_name(eth0.index, "device-number-0")
            .unwrap()
    );
    assert!(
        !guest
            .add_alternative_name(eth0.index, "device-number-0")
            .unwrap()
    );
    let gone = guest
        .add_alternative_name(99, "device-number-1")
        .unwrap_err();
    assert!(gone.is_gone() && gone.is_for_good());

    let again = pair.add_veth(&mut fabric).unwrap_err();
    assert!(again.is_already_there(), "{again:?}");
    fabric.delete_link(77).unwrap();
    fabric.delete_link(77).unwrap();
    assert!(guest.links().unwrap().iter().all(|link| link.loopback));
}

#[test]
fn root_addresses_routes_and_rules_come_and_go() {
    let pair = Pair::new();
    let mut fabric = pair.fabric.netlink().unwrap();
    let mut guest = pair.guest.netlink().unwrap();
    pair.add_veth(&mut fabric).unwrap();
    let index = guest.links().unwrap().pop().unwrap().index;
    guest.set_link_up(index, Some("eni-attach-1")).unwrap();
    let ip = Ipv4Addr::new(10, 0, 0, 5);
    let address = Address {
        link_index: index,
        address: ip.into(),
        prefix_length: 24,
        metric: 512,
    };
    let route = |table, metric| Route {
        destination: Ipv4Cidr::ANY.into(),
        gateway: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
        source: None,
        link_index: index,
        table,
        metric,
    };
    let rule = Rule {
        source: IpCidr::host(ip.into()),
        destination: None,
        incoming: None,
        table: 10_001,
        except_group: None,
        priority: 10_001,
    };
    let narrow = Rule {
        source: Ipv4Cidr::new(ip, 24).unwrap().into(),
        destination: Ipv4Cidr::new(Ipv4Addr::new(10, 0, 2, 0), 24).map(IpCidr::V4),
        incoming: Some("eth0".to_owned()),
        table: MAIN_TABLE,
        except_group: Some(7),
        priority: 20_001,
    };
    for is_new in [true, false] {
        assert_eq!(guest.add_address(address).unwrap(), is_new);
        assert_eq!(guest.add_route(route(MAIN_TABLE, 512)).unwrap(), is_new);
        assert_eq!(guest.add_route(route(10_001, 0)).unwrap(), is_new);
        assert_eq!(guest.add_rule(&rule).unwrap(), is_new);
        assert_eq!(guest.add_rule(&narrow).unwrap(), is_new);
    }
    assert_eq!(given(&mut guest), [address]);
    let mut routes = guest.routes().unwrap();
    routes.sort();
    assert_eq!(routes, [route(MAIN_TABLE, 512), route(10_001, 0)]);
    assert_eq!(guest.rules().unwrap(), [rule.clone(), narrow.clone()]);
    for _ in 0..2 {
        guest.delete_rule(&rule).unwrap();
        guest.delete_rule(&narrow).unwrap();
        guest.delete_route(route(10_001, 0)).unwrap();
        guest.delete_route(route(MAIN_TABLE, 512)).unwrap();
        guest.delete_address(address).unwrap();
    }
    assert_eq!(given(&mut guest), []);
    assert_eq!(guest.routes().unwrap(), []);
    assert_eq!(guest.rules().unwrap(), []);
}

/// The addresses of a namespace, but for those that the kernel makes of MAC addresses.
fn given(guest: &mut Netlink) -> Vec<Address> {
    let mut addresses = guest.addresses().unwrap();
    addresses.retain(|one| !matches!(one.address, IpAddr::V6(ip) if ip.is_unicast_link_local()));
    addresses
}

#[test]
fn root_those_of_ipv6_come_and_go_as_well() {
    let pair = Pair::new();
    let mut fabric = pair.fabric.netlink().unwrap();
    let mut guest = pair.guest.netlink().unwrap();
    pair.add_veth(&mut fabric).unwrap();
    let link_index = guest.links().unwrap().pop().unwrap().index;
    guest.set_link_up(link_index, None).unwrap();
    let ip = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 5));
    let address = Address {
        link_index,
        address: ip,
        prefix_length: 64,
        metric: 512,
    };
    let route = Route {
        destination: "::/0".parse().unwrap(),
        gateway: Some("fe80:ec2::1".parse().unwrap()),
        source: None,
        link_index,
        table: 10_001,
        metric: 1024,
    };
    let rule = Rule {
        source: IpCidr::host(ip),
        destination: Some("2001:db8:0:2::/64".parse().unwrap()),
        incoming: Some("eth0".to_owned()),
        table: MAIN_TABLE,
        except_group: Some(7),
        priority: 20_001,
    };
    for is_new in [true, false] {
        assert_eq!(guest.add_address(address).unwrap(), is_new);
        assert_eq!(guest.add_route(route).unwrap(), is_new);
        assert_eq!(guest.add_rule(&rule).unwrap(), is_new);
    }
    assert_eq!(given(&mut guest), [address]);
    assert_eq!(guest.routes().unwrap(), [route]);
    assert_eq!(guest.rules().unwrap(), std::slice::from_ref(&rule));
    for _ in 0..2 {
        guest.delete_rule(&rule).unwrap();
        guest.delete_route(route).unwrap();
        guest.delete_address(address).unwrap();
    }
    assert_eq!(given(&mut guest), []);
    assert_eq!(guest.routes().unwrap(), []);
    assert_eq!(guest.rules().unwrap(), []);
}

#[test]
fn root_of_routes_that_somebody_deletes_is_heard_and_of_those_the_kernel_drops_is_not() {
    let pair = Pair::new();
    let mut fabric = pair.fabric.netlink().unwrap();
    let mut guest = pair.guest.netlink().unwrap();
    pair.add_veth(&mut fabric).unwrap();
    let index = guest.links().unwrap().pop().unwrap().index;
    guest.set_link_up(index, None).unwrap();
    let mut watch = pair.guest.run(RouteWatch::open).unwrap().unwrap();
    let to = |last: u8| Route {
        destination: IpCidr::host(Ipv4Addr::new(10, 9, 0, last).into()),
        gateway: None,
        source: None,
        link_index: index,
        table: 10_001,
        metric: 7,
    };
    for last in 0..3 {
        guest.add_route(to(last)).unwrap();
    }
    assert_eq!(watch.heard(), LostRoutes::default());
    guest.delete_route(to(1)).unwrap();
    let heard = LostRoutes {
        routes: vec![to(1)],
        and_others: false,
    };
    assert_eq!(watch.heard(), heard);
    fabric.delete_link(77).unwrap(); // and all routes by it
    assert_eq!(watch.heard(), LostRoutes::default());
}

#[test]
fn root_settings_are_those_of_the_namespace() {
    let pair = Pair::new();
    pair.guest
        .write_settings(&[
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/disable_ipv6", "1"),
        ])
        .unwrap();
    let read = || std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    assert_eq!(pair.guest.run(read).unwrap().trim(), "1");
    pair.fabric
        .write_settings(&[("ipv4/ip_forward", "0")])
        .unwrap();
    assert_eq!(pair.fabric.run(read).unwrap().trim(), "0");
    assert!(pair.guest.write_settings(&[("ipv4/no_such", "1")]).is_err());
}

#[test]
fn root_a_device_is_found_by_either_name() {
    let pair = Pair::new();
    let mut fabric = pair.fabric.netlink().unwrap();
    pair.add_veth(&mut fabric).unwrap();
    let long = "the-device-with-the-number-seventy-seven";
    fabric.add_alternative_name(77, long).unwrap();
    for name in ["eni77", long] {
        assert_eq!(fabric.link_named(name).unwrap().unwrap().index, 77);
    }
    assert_eq!(fabric.link_named("eni78").unwrap(), None);
}

#[test]
fn root_a_namespaces_cookie_is_its_own() {
    let pair = Pair::new();
    let cookie = |namespace: &Namespace| namespace.netlink().unwrap().namespace_cookie().unwrap();
    assert_eq!(cookie(&pair.fabric), cookie(&pair.fabric));
    assert_ne!(cookie(&pair.fabric), cookie(&pair.guest));
}

#[test]
fn root_the_kernel_says_where_a_packet_leaves() {
    let pair = Pair::new();
    let mut fabric = pair.fabric.netlink().unwrap();
    pair.add_veth(&mut fabric).unwrap();
    let mut guest = pair.guest.netlink().unwrap();
    let index = guest.links().unwrap().last().unwrap().index;
    guest.set_link_up(index, None).unwrap();
    let own = Ipv4Addr::new(192, 0, 2, 1);
    guest
        .add_address(Address {
            link_index: index,
            address: IpAddr::V4(own),
            prefix_length: 24,
            metric: 0,
        })
        .unwrap();
    let (near, far) = (Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(198, 51, 100, 1));
    assert_eq!(guest.leaves_by(own, near, None).unwrap(), Some(index));
    let refused = guest.leaves_by(own, far, None).unwrap_err();
    assert!(
        matches!(
            refused,
            NetlinkError::Refused {
                errno: nix::errno::Errno::ENETUNREACH,
                ..
            }
        ),
        "{refused:?}"
    );
    // What would have to be forwarded, where nothing is.
    let refused = guest.leaves_by(near, far, Some(index)).unwrap_err();
    assert!(
        matches!(refused, NetlinkError::Refused { .. }),
        "{refused:?}"
    );
}

/// In a namespace that tracks connections, as any rule about their state makes it.
#[test]
fn root_tables_are_found_and_connections_forgotten() {
    let pair = Pair::new();
    pair.fabric
        .run(|| {
            let mut netlink = Netlink::open().unwrap();
            netlink.set_link_up(1, None).unwrap();
            let mut netfilter = Netfilter::open().unwrap();
            assert!(!netfilter.has_table("openeni-test").unwrap());
            rules("table ip openeni-test { chain c { type filter hook output priority 0; ct state new accept; }; }");
            assert!(netfilter.has_table("openeni-test").unwrap());
            assert!(!netfilter.has_table("openeni").unwrap());

            let here = |number| Ipv4Addr::new(127, 0, 0, number);
            let send = |from, to| {
                let socket = std::net::UdpSocket::bind((from, 0)).unwrap();
                socket.send_to(b"x", (to, 9)).unwrap();
            };
            send(here(1), here(2));
            send(here(3), here(2));
            let from = |source| move |from, _to| from == source;
            let one = netfilter.connections(from(here(1))).unwrap();
            let [connection] = &one[..] else { panic!("{one:?}") };
            assert_eq!((connection.source, connection.destination), (here(1), here(2)));
            netfilter.delete_connection(connection).unwrap();
            netfilter.delete_connection(connection).unwrap();
            assert_eq!(netfilter.connections(from(here(1))).unwrap(), []);
            assert_eq!(netfilter.connections(from(here(3))).unwrap().len(), 1);
        })
        .unwrap();
}

fn rules(text: &str) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut nft = Command::new("/usr/sbin/nft");
    let mut nft = nft.args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    nft.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(nft.wait().unwrap().success());
}

#[test]
fn root_a_whole_block_is_a_namespaces_own() {
    let pair = Pair::new();
    let mut netlink = pair.guest.netlink().unwrap();
    let loopback = netlink.links().unwrap()[0].index;
    netlink.set_link_up(loopback, None).unwrap();
    pair.guest
        .write_settings(&[("ipv6/ip_nonlocal_bind", "1")])
        .unwrap();
    let block = IpCidr::V6(Ipv6Cidr::new("fd00:7::".parse().unwrap(), 36).unwrap());
    for is_new in [true, false] {
        let added = netlink.add_local_block(block, loopback).unwrap();
        assert_eq!(added, is_new);
    }
    // Who calls any address of it is heard there.
    let heard = pair.guest.run(|| {
        let server = std::net::TcpListener::bind(("::", 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let called = std::net::SocketAddr::new("fd00:7:77::9".parse().unwrap(), port);
        let _client = std::net::TcpStream::connect(called).unwrap();
        server.accept().unwrap().0.local_addr().unwrap() == called
    });
    assert!(heard.unwrap());
}
