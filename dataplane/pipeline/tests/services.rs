//! What happens before a packet is forwarded: parsing, anti-spoofing, ARP, the router.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{DropReason, Location, MappingKey, Route, Vport};
use eni_pipeline::testing::MemoryFrame;
use eni_pipeline::testing::frames::{arp_request, checksums_hold, echo, repair, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, UPLINK, VPC, ip, mac, private, public, router_mac,
};
use eni_pipeline::{Arrival, Scratch, Verdict, process};
use support::Bench;

#[test]
fn arp_is_answered_for_the_router_and_for_neighbours_only() {
    let host = [198, 51, 100, 1];
    let cases = [
        // vport, sender, target, answering MAC or reason
        (ANNA, private(ANNA), [10, 0, 1, 1], Ok(router_mac(ANNA))),
        (ANNA, private(ANNA), private(BERT), Ok(mac(BERT))),
        (ANNA, [0; 4], private(BERT), Ok(mac(BERT))), // a probe: duplicate address detection
        (ANNA, [0; 4], private(ANNA), Err("arp_unanswered")),
        (ANNA, private(ANNA), private(ANNA), Err("arp_unanswered")), // gratuitous
        (ANNA, private(ANNA), [10, 0, 1, 99], Err("arp_unanswered")),
        (ANNA, private(ANNA), private(CARL), Err("arp_unanswered")), // another subnet
        (ANNA, private(BERT), [10, 0, 1, 1], Err("spoofed_address")),
        (UPLINK, host, public(ANNA), Ok(router_mac(UPLINK))),
        (UPLINK, host, [203, 0, 113, 255], Ok(router_mac(UPLINK))),
        (UPLINK, host, public(CARL), Err("arp_unanswered")),
        (UPLINK, host, private(ANNA), Err("arp_unanswered")),
    ];
    for (vport, sender, target, want) in cases {
        let mut bench = Bench::new();
        let request = arp_request(vport, sender, target);
        match want {
            Ok(answer) => {
                let reply = bench
                    .step(
                        vport,
                        &request,
                        &[&format!("{vport} out"), &format!("{vport} in")],
                    )
                    .unwrap();
                let [to, from] = [&reply[..6], &reply[6..12]];
                assert_eq!((to, from), (&mac(vport)[..], &answer[..]), "{target:?}");
                assert_eq!(reply[20..22], [0, 2], "a reply");
                assert_eq!((&reply[22..28], &reply[28..32]), (&answer[..], &target[..]));
                assert_eq!(
                    (&reply[32..38], &reply[38..42]),
                    (&mac(vport)[..], &sender[..])
                );
            }
            Err(reason) => assert!(
                bench
                    .step(vport, &request, &[&format!("{vport} {reason}")])
                    .is_none()
            ),
        }
    }
}

#[test]
fn frames_that_a_vpc_does_not_carry_are_dropped_with_their_reason() {
    // What is written where into a good frame, what that makes of it, and the reason.
    let cases: [(usize, &[u8], &str, &str); 16] = [
        (12, &[0x86, 0xdd], "IPv6", "ipv6"),
        (12, &[0x81, 0], "802.1Q", "vlan"),
        (12, &[0x88, 0xa8], "802.1ad", "vlan"),
        (12, &[0x88, 0xcc], "LLDP", "unsupported_ether_type"),
        (0, &[0xff; 6], "broadcast MAC", "broadcast"),
        (30, &[255; 4], "broadcast address", "broadcast"),
        (
            30,
            &[10, 0, 1, 255],
            "the subnet's last address",
            "broadcast",
        ),
        (0, &[1, 0, 0x5e, 0, 0, 1], "multicast MAC", "multicast"),
        (30, &[224, 0, 0, 251], "multicast address", "multicast"),
        (6, &mac(BERT), "another's MAC", "spoofed_mac"),
        (17, &[39], "longer than the frame", "malformed_header"),
        (17, &[19], "shorter than its header", "malformed_header"),
        (14, &[0x55], "version 5", "malformed_header"),
        (14, &[0x44], "a header of four words", "malformed_header"),
        (17, &[24], "half a UDP header", "truncated"),
        (39, &[19], "UDP longer than its packet", "malformed_header"),
    ];
    for (offset, bytes, what, reason) in cases {
        println!("{what}");
        let mut frame = udp(ANNA, private(BERT), (1, 2)).bytes();
        frame[offset..offset + bytes.len()].copy_from_slice(bytes);
        repair(&mut frame);
        Bench::new().step(ANNA, &frame, &[&format!("10 {reason}")]);
    }
}

#[test]
fn frames_that_end_before_their_headers_are_dropped() {
    for length in [0, 13, 33] {
        let frame = &udp(ANNA, private(BERT), (1, 2)).bytes()[..length];
        Bench::new().step(ANNA, frame, &["10 truncated"]);
    }
}

#[test]
fn a_mac_of_nobody_in_the_subnet_leads_nowhere() {
    for stranger in [[2, 0, 0, 0, 1, 99], mac(CARL)] {
        let mut datagram = udp(ANNA, [10, 0, 1, 99], (1, 2));
        datagram.destination_mac = stranger;
        Bench::new().step(ANNA, &datagram.bytes(), &["10 unknown_mac"]);
    }
}

#[test]
fn a_reassigned_address_is_reached_at_the_mac_that_neighbours_remember() {
    let address = [10, 0, 1, 200];
    let mut bench = Bench::new();
    let key = |octets| MappingKey {
        vpc: VPC,
        address: ip(octets).into(),
    };
    let owner = bench.tables.mappings[&key(private(BERT))];
    bench.tables.mappings.insert(key(address), owner);
    // The MAC of an interface that had the address before, and that of one that is gone.
    for remembered in [mac(ANNA), [2, 0, 0, 0, 1, 99]] {
        let mut datagram = udp(ANNA, address, (1, 2));
        datagram.destination_mac = remembered;
        let delivered = bench
            .step(ANNA, &datagram.bytes(), &["10 out", "11 in"])
            .unwrap();
        assert_eq!(delivered[..6], mac(BERT));
    }
    // Whoever forwards for others still gets what is sent to its MAC.
    bench.tables.vports.get_mut(&ANNA).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    let mut datagram = udp(ANNA, address, (3, 4));
    datagram.destination_mac = mac(ANNA);
    bench.step(ANNA, &datagram.bytes(), &["10 out", "10 in"]);
}

#[test]
fn a_tcp_header_that_lies_about_its_length_is_dropped() {
    for offset in [0x40, 0xf0] {
        let mut frame = tcp(ANNA, private(BERT), (1, 2), 2).bytes();
        frame[46] = offset;
        assert!(
            Bench::new()
                .step(ANNA, &frame, &[&format!("{ANNA} malformed_header")])
                .is_none()
        );
    }
}

#[test]
fn ip_options_are_stepped_over() {
    let mut datagram = udp(ANNA, private(CARL), (1, 2));
    datagram.options = vec![1; 40];
    let delivered = Bench::new()
        .step(ANNA, &datagram.bytes(), &["10 out", "12 in"])
        .unwrap();
    assert!(checksums_hold(&delivered));
}

#[test]
fn a_spoofed_source_passes_only_without_the_check() {
    let mut datagram = udp(ANNA, private(BERT), (1, 2));
    datagram.source = [172, 16, 0, 1];
    let mut bench = Bench::new();
    bench.step(ANNA, &datagram.bytes(), &["10 spoofed_address"]);
    bench.tables.vports.get_mut(&ANNA).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    bench.step(ANNA, &datagram.bytes(), &["10 out", "11 in"]);
    datagram.source_mac = mac(BERT);
    bench.step(ANNA, &datagram.bytes(), &["10 spoofed_mac"]);
}

#[test]
fn a_destination_that_is_not_the_receivers_passes_only_without_its_check() {
    let mut datagram = udp(ANNA, [10, 0, 1, 77], (1, 2));
    datagram.destination_mac = mac(BERT);
    let mut bench = Bench::new();
    bench.step(ANNA, &datagram.bytes(), &["11 destination_check"]);
    bench.tables.vports.get_mut(&BERT).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    bench.step(ANNA, &datagram.bytes(), &["10 out", "11 in"]);
}

#[test]
fn the_own_router_answers_echo_and_nothing_else() {
    let mut bench = Bench::new();
    let request = echo(ANNA, [10, 0, 1, 1], 8, 5);
    let reply = bench
        .step(ANNA, &request.bytes(), &["10 out", "10 in"])
        .unwrap();
    assert!(checksums_hold(&reply));
    assert_eq!(
        (&reply[..6], &reply[6..12]),
        (&mac(ANNA)[..], &router_mac(ANNA)[..])
    );
    assert_eq!(
        (&reply[26..30], &reply[30..34]),
        (&[10, 0, 1, 1][..], &private(ANNA)[..])
    );
    assert_eq!(reply[34], 0, "an echo reply");
    bench.step(
        ANNA,
        &udp(ANNA, [10, 0, 1, 1], (1, 53)).bytes(),
        &["10 router_unreachable"],
    );
    bench.step(
        ANNA,
        &echo(ANNA, [10, 0, 2, 1], 8, 5).bytes(),
        &["10 unknown_address"],
    );
}

#[test]
fn absent_and_blocked_vports_pass_nothing() {
    let frame = udp(ANNA, private(BERT), (1, 2)).bytes();
    let mut bench = Bench::new();
    bench.step(ANNA, &frame, &["10 out", "11 in"]);
    // Cut: one write of the row, with its new generation, ends the cached flow too.
    let block = |bench: &mut Bench, vport: u32, flag: u32| {
        let row = bench.tables.vports.get_mut(&vport).unwrap();
        row.flags ^= flag;
        row.generation += 1;
    };
    block(&mut bench, BERT, Vport::BLOCKED);
    bench.step(ANNA, &frame, &["10 receiver_blocked"]);
    block(&mut bench, BERT, Vport::BLOCKED);
    bench.step(ANNA, &frame, &["10 out", "11 in"]);
    block(&mut bench, ANNA, Vport::BLOCKED);
    bench.step(ANNA, &frame, &["10 sender_blocked"]);
    block(&mut bench, ANNA, Vport::BLOCKED | Vport::PRESENT);
    bench.step(ANNA, &frame, &["10 unknown_vport"]);
    bench.step(77, &frame, &["77 unknown_vport"]);
}

#[test]
fn routes_lead_where_they_say() {
    use eni_pipeline::testing::region::add_route;
    let cases = [
        (
            [10, 0, 2, 12],
            32,
            Route::of_kind(Route::BLACKHOLE),
            vec!["10 blackhole"],
        ),
        (
            [10, 0, 2, 0],
            24,
            Route::to_interface(Location::here(BERT)),
            vec!["11 destination_check"],
        ),
        (
            [10, 0, 2, 0],
            24,
            Route::to_interface(Location::here(CARL)),
            vec!["10 out", "12 in"],
        ),
        (
            [10, 0, 2, 0],
            24,
            Route::to_interface(Location::here(99)),
            vec!["10 receiver_blocked"],
        ),
        ([10, 0, 2, 0], 24, Route::of_kind(55), vec!["10 blackhole"]),
    ];
    for (destination, length, route, moved) in cases {
        let mut bench = Bench::new();
        add_route(&mut bench.tables, destination, length, route);
        println!("{route:?}");
        bench.step(ANNA, &udp(ANNA, private(CARL), (1, 2)).bytes(), &moved);
    }
    let mut bench = Bench::new();
    bench.tables.routes.clear();
    bench.step(
        ANNA,
        &udp(ANNA, private(CARL), (1, 2)).bytes(),
        &["10 no_route"],
    );
    bench.step(
        ANNA,
        &udp(ANNA, private(BERT), (1, 2)).bytes(),
        &["10 out", "11 in"],
    );
}

#[test]
fn an_appliance_forwards_for_others_when_its_check_is_off() {
    let mut bench = Bench::new();
    let through_bert = Route::to_interface(Location::here(BERT));
    eni_pipeline::testing::region::add_route(&mut bench.tables, [172, 16, 0, 0], 12, through_bert);
    let to_far = udp(ANNA, [172, 16, 0, 1], (1, 2));
    bench.step(ANNA, &to_far.bytes(), &["11 destination_check"]);
    bench.tables.vports.get_mut(&BERT).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    let delivered = bench
        .step(ANNA, &to_far.bytes(), &["10 out", "11 in"])
        .unwrap();
    assert_eq!(
        (&delivered[..6], &delivered[6..12]),
        (&mac(BERT)[..], &router_mac(BERT)[..])
    );
}

/// What a cached flow lets pass must still be a packet: the fast way believes lengths no more than the slow one.
#[test]
fn lengths_are_checked_in_the_middle_of_a_flow_too() {
    use eni_wire::tcp_flag::ACK;
    let (stream, datagram) = (
        tcp(ANNA, private(BERT), (1, 2), ACK).bytes(),
        udp(ANNA, private(BERT), (1, 2)).bytes(),
    );
    let cases = [
        (&stream, 46, 0x00, "a TCP header of nothing"),
        (&stream, 46, 0x40, "a TCP header of four words"),
        (&stream, 46, 0xf0, "a TCP header longer than its packet"),
        (&datagram, 39, 7, "UDP shorter than its header"),
        (&datagram, 39, 19, "UDP longer than its packet"),
        (&datagram, 17, 39, "a packet longer than its frame"),
    ];
    for (frame, offset, byte, what) in cases {
        println!("{what}");
        let mut bench = Bench::new();
        bench.step(ANNA, frame, &["10 out", "11 in"]);
        assert_eq!(bench.memory.flows.len(), 1);
        let mut bent = frame.clone();
        bent[offset] = byte;
        bench.step(ANNA, &bent, &["10 malformed_header"]);
    }
}

/// The kernel keeps the outer tag beside the bytes: neither a known flow nor an ARP request may pass with it.
#[test]
fn a_tag_beside_the_frame_is_a_tag() {
    let mut bench = Bench::new();
    let known = udp(ANNA, private(BERT), (9, 53)).bytes();
    bench.step(ANNA, &known, &["10 out", "11 in"]);
    let request = arp_request(ANNA, private(ANNA), private(BERT));
    for (number, bytes) in [known, request].iter().enumerate() {
        let arrival = Arrival {
            vport: ANNA,
            now_ns: bench.now_ns,
        };
        let mut frame = MemoryFrame::new(bytes).tagged();
        let mut scratch = Scratch::default();
        let memory = &mut bench.memory;
        let verdict = process(&mut frame, arrival, &bench.tables, memory, || {
            Some(&mut scratch)
        });
        let dropped = bench.memory.drops.get(&(ANNA, DropReason::Vlan));
        assert_eq!(
            (verdict, dropped),
            (Verdict::DROP, Some(&(number as u64 + 1)))
        );
    }
}
