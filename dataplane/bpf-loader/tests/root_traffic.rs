//! Real packets between real namespaces. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::map::CONNECTION_ALLOWANCE;
use eni_abi::{
    Connection, ConnectionKey, ConnectionState, DropReason, Ipv4, Location, Prefix, Vport,
};
use eni_bpf_loader::testing::fill;
use eni_bpf_loader::{DataPlane, DataPlaneError, InstanceMaps};
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK, small_region, tracking_region};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;
use support::Lab;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const BULK: usize = 8 * 1024 * 1024;

fn lab_with(tables: &MemoryTables) -> (Lab, DataPlane) {
    let lab = Lab::new();
    let mut data_plane = lab.open();
    fill(&mut data_plane, tables).unwrap();
    lab.attach(&mut data_plane);
    (lab, data_plane)
}

#[test]
fn root_guests_reach_each_other_their_routers_and_the_host() {
    let (lab, data_plane) = lab_with(&small_region());
    let cases = [
        (ANNA, "10.0.1.11", "in the same subnet"),
        (ANNA, "10.0.2.12", "in another subnet"),
        (CARL, "10.0.1.10", "in another subnet, the other way"),
        (ANNA, "10.0.1.1", "its router"),
        (
            ANNA,
            "198.51.100.1",
            "the host, through the internet gateway",
        ),
        (UPLINK, "203.0.113.10", "from the host by public address"),
        (ANNA, "203.0.113.11", "a neighbour by its public address"),
    ];
    for (from, to, what) in cases {
        let (answered, text) = lab.try_in(from, &format!("ping -c1 -W5 {to}"));
        let drops = [UPLINK, ANNA, BERT, CARL].map(|vport| data_plane.drops(vport).unwrap());
        assert!(answered, "{what}: {text} {drops:?}");
    }
    assert!(
        !lab.try_in(ANNA, "ping -c1 -W1 10.0.2.1").0,
        "another subnet's router does not answer"
    );
    assert!(
        !lab.try_in(CARL, "ping -c1 -W1 198.51.100.1").0,
        "no public address, no internet"
    );
    assert_eq!(
        data_plane.drops(CARL).unwrap(),
        [(DropReason::NoPublicAddress, 1)]
    );
}

/// Offloaded segments of 64 KB with checksums still to be completed, translated at the internet gateway.
#[test]
fn root_bulk_tcp_crosses_every_way_unharmed() {
    let (lab, _data_plane) = lab_with(&tracking_region());
    let cases = [
        (ANNA, BERT, [10, 0, 1, 11]),
        (ANNA, CARL, [10, 0, 2, 12]),
        (UPLINK, BERT, [203, 0, 113, 11]),
        (BERT, UPLINK, [198, 51, 100, 1]),
        (ANNA, BERT, [203, 0, 113, 11]),
    ];
    for (client, server, address) in cases {
        carry_bulk(&lab, client, server, address);
    }
}

#[track_caller]
fn carry_bulk(lab: &Lab, client: u32, server: u32, address: [u8; 4]) {
    let listener = lab.in_guest(server, || {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, 7000)).unwrap()
    });
    let receiver = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        received
    });
    let mut stream = lab.in_guest(client, || connect(address, 7000));
    let sent: Vec<u8> = (0..BULK).map(|position| (position / 7) as u8).collect();
    stream.write_all(&sent).unwrap();
    drop(stream);
    assert!(
        receiver.join().unwrap() == sent,
        "{client} to {server} by {address:?}"
    );
}

/// What a tunnel of the guest's kernel leaves to its device lies within the payload of what leaves.
#[test]
fn root_a_guests_tunnel_to_the_outside_carries_what_it_carries() {
    let (lab, data_plane) = lab_with(&tracking_region());
    for (guest, local, remote, inner) in [
        (ANNA, "10.0.1.10", "198.51.100.1", "192.168.7.1"),
        (UPLINK, "198.51.100.1", "203.0.113.10", "192.168.7.2"),
    ] {
        let tunnel = format!("vx0 type vxlan id 7 local {local} remote {remote} dstport 4789");
        lab.run_in(
            guest,
            &format!("ip link add {tunnel} && ip addr add {inner}/24 dev vx0 && ip link set vx0 mtu 1450 up"),
        );
    }
    lab.run_in(ANNA, "ping -c1 -W5 192.168.7.2");
    carry_bulk(&lab, ANNA, UPLINK, [192, 168, 7, 2]);
    carry_bulk(&lab, UPLINK, ANNA, [192, 168, 7, 1]);
    let drops = data_plane.drops(ANNA).unwrap();
    let offloads = [DropReason::OffloadMismatch, DropReason::RewriteFailed];
    assert!(
        drops.iter().all(|(reason, _)| !offloads.contains(reason)),
        "{drops:?}"
    );
}

/// What may be fragmented is at the internet gateway, whole or a fragment already, its checksum completed or not; and what
/// comes back too.
#[test]
fn root_packets_too_large_for_the_internet_arrive_in_fragments() {
    let (lab, data_plane) = lab_with(&tracking_region());
    for (to, what) in [
        ("198.51.100.1", "the host"),
        ("203.0.113.11", "a neighbour"),
    ] {
        for size in [1473, 3000, 8973, 20_000] {
            let ping = format!("ping -n -c1 -W5 -M dont -s {size} {to}");
            let (answered, text) = lab.try_in(ANNA, &ping);
            let drops = [UPLINK, ANNA, BERT].map(|vport| data_plane.drops(vport).unwrap());
            assert!(answered, "{size} to {what}: {text} {drops:?}");
        }
    }
    assert_eq!(data_plane.drops(ANNA).unwrap(), []);
    let (refused, text) = lab.try_in(ANNA, "ping -n -c1 -W5 -M do -s 3000 203.0.113.11");
    assert!(!refused && text.contains("mtu = 1500"), "{text}");
}

/// The device would complete their checksums: it is done before they are cut.
#[test]
fn root_datagrams_too_large_for_the_internet_arrive_unharmed() {
    let (lab, data_plane) = lab_with(&tracking_region());
    // New sockets' packets may be fragmented.
    lab.run_in(ANNA, "echo 1 > /proc/sys/net/ipv4/ip_no_pmtu_disc");
    for (receiver, address) in [(UPLINK, [198, 51, 100, 1]), (BERT, [203, 0, 113, 11])] {
        let [receiving, sending] = [receiver, ANNA].map(|guest| {
            lab.in_guest(guest, || {
                UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 7002)).unwrap()
            })
        });
        receiving.set_read_timeout(Some(PATIENCE)).unwrap();
        for length in [1473, 2952, 2953, 8973, 20_000] {
            let sent: Vec<u8> = (0..length)
                .map(|position: u32| (position / 3) as u8)
                .collect();
            let to = (Ipv4Addr::from(address), 7002);
            sending.send_to(&sent, to).unwrap();
            let mut received = vec![0; 30_000];
            let Ok((count, _)) = receiving.recv_from(&mut received) else {
                panic!("{length}: {:?}", data_plane.drops(ANNA));
            };
            assert!(received[..count] == sent, "{length} to {address:?}");
        }
    }
}

/// A process that dies and starts again takes over what is pinned: the stream does not notice, and neither does a flow
/// whose rules went away meanwhile.
#[test]
fn root_a_restart_interrupts_no_connection() {
    let (lab, data_plane) = lab_with(&tracking_region());
    let mut echo = Echo::start(&lab, BERT, ANNA);
    echo.exchange();
    let before = data_plane.instance_maps.connections.entries().unwrap();
    assert!(
        before
            .iter()
            .all(|(_, connection)| connection.state == ConnectionState::Established as u32),
        "{before:?}"
    );
    assert_eq!(before.len(), 2);
    drop(data_plane);
    echo.exchange();
    let mut data_plane = lab.open();
    let attachments = data_plane.attachments().unwrap();
    assert_eq!(attachments.len(), lab.vports().len());
    assert!(attachments.iter().all(|attachment| attachment.alive));
    echo.exchange();
    for vport in [ANNA, BERT] {
        let row = data_plane.tables.vports.get(vport).unwrap();
        let without_rules = Vport {
            security_policy: 0,
            generation: row.generation + 1,
            ..row
        };
        data_plane.tables.vports.set(vport, &without_rules).unwrap();
    }
    echo.exchange();
    assert_eq!(data_plane.forget_connections(ANNA, ANNA).unwrap(), 1);
    assert_eq!(
        data_plane
            .instance_maps
            .connections
            .entries()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn root_a_detached_vport_passes_nothing_and_can_be_attached_again() {
    let (lab, data_plane) = lab_with(&small_region());
    lab.run_in(ANNA, "ping -c1 -W5 10.0.1.11");
    assert!(data_plane.detach(BERT).unwrap());
    assert!(!data_plane.detach(BERT).unwrap(), "already detached");
    // What Anna sends still reaches Bert, but no answer comes back: fail closed.
    // The kernel lets go of the link a moment after the call.
    let stopped = (0..10).any(|_| !lab.try_in(ANNA, "ping -c1 -W1 10.0.1.11").0);
    assert!(stopped);
    data_plane.attach(BERT, lab.fabric_file()).unwrap();
    data_plane.attach(BERT, lab.fabric_file()).unwrap();
    lab.run_in(ANNA, "ping -c1 -W5 10.0.1.11");
    support::shell(&format!("ip -n {} link del v{CARL}", lab.fabric()));
    let dead: Vec<u32> = data_plane
        .attachments()
        .unwrap()
        .iter()
        .filter(|found| !found.alive)
        .map(|found| found.vport)
        .collect();
    assert_eq!(dead, [CARL]);
    // His number is nobody's now.
    for refused in [
        data_plane.attach(CARL, lab.fabric_file()),
        data_plane.guard(CARL, lab.fabric_file()),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, DataPlaneError::NoDevice(CARL)), "{error:?}");
    }
    drop(data_plane);
    lab.open();
}

/// What enough turns to come to everybody collect.
fn collect(data_plane: &mut DataPlane) -> u32 {
    // Ten until it is asked, ten more until it is looked through.
    let turns = 0..21;
    turns
        .map(|_| data_plane.instance_maps.collect_expired().unwrap())
        .sum()
}

#[test]
fn root_expired_connections_are_collected() {
    let (lab, mut data_plane) = lab_with(&tracking_region());
    lab.run_in(ANNA, "ping -c1 -W5 10.0.1.11");
    assert_eq!(collect(&mut data_plane), 0);
    let entries = data_plane.instance_maps.connections.entries().unwrap();
    assert_eq!(entries.len(), 2);
    for (key, connection) in entries {
        let expired = eni_abi::Connection {
            expires_ns: 1,
            ..connection
        };
        data_plane
            .instance_maps
            .connections
            .insert(key.vport, &key, &expired)
            .unwrap();
    }
    // What is known of when they are due is as old as the process.
    drop(data_plane);
    let mut data_plane = lab.open();
    assert_eq!(collect(&mut data_plane), 2);
    assert_eq!(
        data_plane
            .instance_maps
            .tracked
            .get(ANNA)
            .unwrap()
            .connections,
        0
    );
    assert_eq!(data_plane.instance_maps.connections.entries().unwrap(), []);
    let traffic = data_plane.traffic(BERT).unwrap();
    assert!(
        traffic.ingress_packets > 0 && traffic.egress_packets > 0,
        "{traffic:?}"
    );
    data_plane.reset_counters(BERT).unwrap();
    assert_eq!(
        data_plane.traffic(BERT).unwrap(),
        eni_abi::Traffic::default()
    );
}

/// An allowance is an instance's: its interfaces share it, and nobody else feels that it is used up.
#[test]
fn root_an_instance_that_has_its_allowance_of_connections_takes_no_room_of_others() {
    let mut tables = tracking_region();
    // Carl's interface is another one of Anna's instance.
    tables.vports.get_mut(&CARL).unwrap().instance = ANNA;
    let (lab, mut data_plane) = lab_with(&tables);
    lab.run_in(ANNA, "ping -c1 -W5 10.0.1.11");
    let entries = data_plane.instance_maps.connections.entries().unwrap();
    let (key, mut connection) = entries
        .into_iter()
        .find(|(key, _)| key.vport == ANNA)
        .unwrap();
    connection.expires_ns += 3_600_000_000_000;
    for number in 1..CONNECTION_ALLOWANCE {
        let another = ConnectionKey {
            remote_address: Ipv4(number).into(),
            ..key
        };
        let table = &mut data_plane.instance_maps.connections;
        table.insert(ANNA, &another, &connection).unwrap();
    }
    for interface in [ANNA, CARL] {
        assert!(!lab.try_in(interface, "ping -c1 -W1 10.0.1.11").0);
        assert_eq!(
            data_plane.drops(interface).unwrap(),
            [(DropReason::ConntrackAllowanceExceeded, 1)]
        );
    }
    lab.run_in(BERT, "ping -c1 -W5 198.51.100.1");
    assert_eq!(
        data_plane.forget_connections(ANNA, ANNA).unwrap(),
        CONNECTION_ALLOWANCE
    );
    lab.run_in(CARL, "ping -c1 -W5 10.0.1.11");
}

#[test]
fn root_instances_maps_are_made_empty_taken_away_and_found_by_the_next_process() {
    let lab = Lab::new();
    let mut data_plane = lab.open();
    let there = |maps: &InstanceMaps| {
        let fragments: Vec<u32> = maps.fragments.instances().collect();
        assert_eq!(maps.instances().collect::<Vec<_>>(), fragments);
        fragments
    };
    let maps = &mut data_plane.instance_maps;
    assert_eq!(there(maps), [0; 0]);
    maps.create(&[10, 12, 13]).unwrap();
    assert_eq!(there(maps), [10, 12, 13]);
    let key = ConnectionKey::default();
    for instance in [10, 12] {
        let entry = Connection::default();
        maps.connections.insert(instance, &key, &entry).unwrap();
    }
    // The connections of an instance that is gone are not found by the next of its number.
    maps.create(&[12, 14]).unwrap();
    assert_eq!(maps.connections.entries().unwrap().len(), 1);
    maps.remove(13).unwrap();
    maps.remove(13).unwrap();
    assert_eq!(there(maps), [10, 12, 14]);
    drop(data_plane);
    let mut data_plane = lab.open();
    let maps = &mut data_plane.instance_maps;
    assert_eq!(there(maps), [10, 12, 14]);
    assert_eq!(maps.connections.entries().unwrap().len(), 1);
    for instance in [10, 12, 14] {
        maps.remove(instance).unwrap();
    }
    assert_eq!(there(maps), [0; 0]);
}

fn connect(address: [u8; 4], port: u16) -> TcpStream {
    let address = (Ipv4Addr::from(address), port).into();
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A connection that is asked to carry a byte there and back.
struct Echo {
    stream: TcpStream,
}

impl Echo {
    fn start(lab: &Lab, server: u32, client: u32) -> Self {
        let listener = lab.in_guest(server, || {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, 7001)).unwrap()
        });
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() {
                stream.write_all(&byte).unwrap();
            }
        });
        let stream = lab.in_guest(client, || {
            connect(eni_pipeline::testing::region::private(server), 7001)
        });
        Self { stream }
    }

    #[track_caller]
    fn exchange(&mut self) {
        self.stream.write_all(b"x").unwrap();
        self.stream.read_exact(&mut [0]).unwrap();
    }
}

/// More entries than one call gives, in every kind of table.
#[test]
fn root_dumps_give_every_entry_once() {
    const ENTRIES: u32 = 3_000;
    let lab = Lab::new();
    let tables = &mut lab.open().tables;
    assert_eq!(tables.macs.entries().unwrap(), []);
    assert_eq!(tables.routes.entries().unwrap(), []);
    for number in 0..ENTRIES {
        let destination = Ipv4::from(Ipv4Addr::from(number));
        let route = eni_abi::Route {
            kind: 1,
            location: Location::here(number),
            vpc: 0,
        };
        let (key, mac) = (
            eni_abi::RouteKey::prefix(7, Prefix::v4(destination, 32)),
            eni_abi::MacKey {
                subnet: number,
                ..Default::default()
            },
        );
        tables.routes.insert(&key, &route).unwrap();
        tables.macs.insert(&mac, &Location::here(number)).unwrap();
        tables
            .vports
            .set(
                number,
                &Vport {
                    vpc: number,
                    ..Vport::default()
                },
            )
            .unwrap();
    }
    let mut routes: Vec<u32> = tables
        .routes
        .entries()
        .unwrap()
        .iter()
        .map(|(_, route)| route.location.vport)
        .collect();
    let mut macs: Vec<u32> = tables
        .macs
        .entries()
        .unwrap()
        .iter()
        .map(|(_, location)| location.vport)
        .collect();
    routes.sort_unstable();
    macs.sort_unstable();
    let numbers: Vec<u32> = (0..ENTRIES).collect();
    assert_eq!((&routes, &macs), (&numbers, &numbers));
    let vports: Vec<u32> = tables
        .vports
        .values()
        .unwrap()
        .iter()
        .map(|row| row.vpc)
        .collect();
    assert_eq!(vports.len(), eni_abi::MAX_VPORTS as usize);
    assert_eq!(vports[..ENTRIES as usize], numbers);
}
