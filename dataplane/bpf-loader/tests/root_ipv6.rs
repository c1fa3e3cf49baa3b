//! Real packets of IPv6 between real namespaces, whose kernels find their router and neighbours themselves. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use eni_abi::{DropReason, Route};
use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::{fill, refill};
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::frames_ipv6::checksum_holds;
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK};
use eni_pipeline::testing::region_ipv6::{
    HOST, ROUTER, dual_region, own, set_default_route, subnet,
};
use support::Lab;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const BULK: usize = 8 * 1024 * 1024;

fn lab_with(tables: &MemoryTables) -> (Lab, DataPlane) {
    let lab = Lab::new();
    let mut data_plane = lab.open();
    fill(&mut data_plane, tables).unwrap();
    lab.attach(&mut data_plane);
    lab.turn_on_ipv6();
    (lab, data_plane)
}

fn drops(data_plane: &DataPlane) -> Vec<Vec<(DropReason, u64)>> {
    [UPLINK, ANNA, BERT, CARL]
        .map(|vport| data_plane.drops(vport).unwrap())
        .to_vec()
}

#[test]
fn root_guests_find_their_router_and_reach_each_other_and_the_host() {
    let (lab, data_plane) = lab_with(&dual_region());
    let mut router = subnet(ANNA).segments();
    router[7] = 1;
    for (from, to) in [
        (ANNA, own(BERT).to_string()),
        (ANNA, own(CARL).to_string()),
        (CARL, own(ANNA).to_string()),
        (ANNA, HOST.to_string()),
        (UPLINK, own(CARL).to_string()),
        (ANNA, format!("{ROUTER}%eth0")),
        (ANNA, Ipv6Addr::from(router).to_string()),
    ] {
        let (answered, text) = lab.try_in(from, &format!("ping -6 -n -c1 -W5 {to}"));
        assert!(answered, "{from} to {to}: {text} {:?}", drops(&data_plane));
    }
    // What the router has said.
    let routes = lab.run_in(ANNA, "ip -6 route show");
    assert!(
        routes.contains(&format!("{}/64 dev eth0", subnet(ANNA))),
        "{routes}"
    );
    let mtu = lab.run_in(ANNA, "cat /proc/sys/net/ipv6/conf/eth0/mtu");
    assert_eq!(mtu.trim(), "9001");
    // Nobody makes addresses of the prefix.
    let addresses = lab.run_in(ANNA, "ip -6 -o addr show scope global");
    assert_eq!(addresses.lines().count(), 1, "{addresses}");
    // A neighbour's address is found to be taken.
    let taken = format!("ip -6 addr add {}/128 dev eth0", own(BERT));
    lab.run_in(ANNA, &taken);
    let failed = |_, text: &str| text.contains("dadfailed");
    lab.wait_for(ANNA, "ip -6 addr show dev eth0", failed);
}

/// Offloaded segments with checksums still to be completed.
#[test]
fn root_bulk_tcp_of_ipv6_crosses_every_way_unharmed() {
    let (lab, data_plane) = lab_with(&dual_region());
    for (client, server, address) in [
        (ANNA, BERT, own(BERT)),
        (ANNA, CARL, own(CARL)),
        (UPLINK, BERT, own(BERT)),
        (BERT, UPLINK, HOST),
    ] {
        let listener = lab.in_guest(server, || {
            TcpListener::bind((Ipv6Addr::UNSPECIFIED, 7000)).unwrap()
        });
        let receiver = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            received
        });
        let mut stream = lab.in_guest(client, || {
            TcpStream::connect_timeout(&(address, 7000).into(), PATIENCE).unwrap()
        });
        let sent: Vec<u8> = (0..BULK).map(|position| (position / 7) as u8).collect();
        stream.write_all(&sent).unwrap();
        drop(stream);
        assert!(
            receiver.join().unwrap() == sent,
            "{client} to {server}: {:?}",
            drops(&data_plane)
        );
    }
}

/// As of a socket with sticky options (RFC 3542, section 9): its segments are left to the device with them.
#[test]
fn root_segments_behind_extension_headers_arrive() {
    const SENDS: &str = "
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
s.settimeout(20)
s.connect((sys.argv[1], 7005))
s.sendall(bytes(1 << 22))
";
    let (lab, data_plane) = lab_with(&dual_region());
    for (server, address) in [(BERT, own(BERT)), (CARL, own(CARL))] {
        let listener = lab.in_guest(server, || {
            TcpListener::bind((Ipv6Addr::UNSPECIFIED, 7005)).unwrap()
        });
        let receiver = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            received.len()
        });
        lab.run_in(ANNA, &format!("python3 -c '{SENDS}' {address}"));
        assert_eq!(receiver.join().unwrap(), 1 << 22, "{server}");
    }
    let lost = drops(&data_plane);
    let mut lost = lost.iter().flatten();
    assert!(
        lost.all(|(reason, _)| *reason != DropReason::OffloadMismatch),
        "{lost:?}"
    );
}

/// The sender cuts what is too large, when it has been told.
#[test]
fn root_senders_are_told_the_size_that_the_internet_takes() {
    let (lab, data_plane) = lab_with(&dual_region());
    let (refused, text) = lab.try_in(ANNA, &format!("ping -6 -n -c1 -W5 -M do -s 3000 {HOST}"));
    assert!(!refused && text.contains("mtu"), "{text}");
    let route = lab.run_in(ANNA, &format!("ip -6 route get {HOST}"));
    assert!(route.contains("mtu 1500"), "{route}");
    for (receiver, address) in [(UPLINK, HOST), (CARL, own(CARL))] {
        let [receiving, sending] = [receiver, ANNA].map(|guest| {
            lab.in_guest(guest, || {
                UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 7002)).unwrap()
            })
        });
        receiving.set_read_timeout(Some(PATIENCE)).unwrap();
        for length in [100, 1452, 1453, 8_953, 20_000, 60_000] {
            let sent: Vec<u8> = (0..length)
                .map(|position: u32| (position / 3) as u8)
                .collect();
            sending.send_to(&sent, (address, 7002)).unwrap();
            let mut received = vec![0; 65_535];
            let Ok((count, _)) = receiving.recv_from(&mut received) else {
                panic!("{length}: {:?}", drops(&data_plane));
            };
            assert!(received[..count] == sent, "{length} to {address:?}");
        }
    }
}

/// What is left to a device is done before a packet leaves the region.
#[test]
fn root_checksums_of_ipv6_are_complete_outside() {
    let (lab, data_plane) = lab_with(&dual_region());
    lab.run_in(ANNA, &format!("ping -6 -n -c1 -W5 {HOST}"));
    let sending = lab.in_guest(ANNA, || UdpSocket::bind((own(ANNA), 7003)).unwrap());
    for length in [1, 2, 3, 511, 512, 513, 1_452] {
        let payload: Vec<u8> = (0..length).map(|position: u32| position as u8).collect();
        let arrived = lab.receive_under("86dd", UPLINK, || {
            sending.send_to(&payload, (HOST, 7003)).unwrap();
        });
        let ports = "1b5b1b5b";
        let ours: Vec<_> = arrived
            .iter()
            .filter(|(_, frame)| frame.get(108..116) == Some(ports))
            .collect();
        let [(left_to_a_device, frame)] = &ours[..] else {
            panic!("{length}: {arrived:?} {:?}", drops(&data_plane));
        };
        assert!(!left_to_a_device, "{length}");
        let bytes: Vec<u8> = (0..frame.len() / 2)
            .map(|byte| u8::from_str_radix(&frame[2 * byte..2 * byte + 2], 16).unwrap())
            .collect();
        assert!(checksum_holds(&bytes), "{length}: {frame}");
        assert_eq!(bytes[62..], payload);
    }
}

#[test]
fn root_an_egress_only_gateway_leads_out_and_lets_answers_in() {
    let (lab, mut data_plane) = lab_with(&dual_region());
    let before = dual_region();
    let mut after = dual_region();
    set_default_route(&mut after, Route::EGRESS_ONLY_INTERNET_GATEWAY);
    after.globals.topology_generation += 1;
    refill(&mut data_plane, &before, &after).unwrap();
    lab.run_in(ANNA, &format!("ping -6 -n -c1 -W5 {HOST}"));
    let listener = lab.in_guest(UPLINK, || TcpListener::bind((HOST, 7004)).unwrap());
    let client = lab.in_guest(ANNA, || {
        TcpStream::connect_timeout(&(HOST, 7004).into(), PATIENCE).unwrap()
    });
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"answer").unwrap();
    drop(server);
    let mut received = Vec::new();
    (&client).read_to_end(&mut received).unwrap();
    assert_eq!(received, b"answer");
    let refused = lab.try_in(UPLINK, &format!("ping -6 -n -c1 -W1 {}", own(ANNA)));
    assert!(!refused.0, "{}", refused.1);
    let counted = data_plane.drops(ANNA).unwrap();
    assert!(
        counted.contains(&(DropReason::EgressOnly, 1)),
        "{counted:?}"
    );
}
