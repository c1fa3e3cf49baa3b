//! Frames as only a guest with raw sockets sends them, through real devices: what the kernel moves out of a frame, or
//! believes of what the guest claims about it, shows in no test on bytes. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::DropReason;
use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::fill;
use eni_pipeline::testing::frames::{Datagram, arp_request, echo, repair, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, UPLINK, mac, private, public, router_mac, small_region,
};
use eni_wire::protocol::{TCP, UDP};
use eni_wire::tcp_flag::ACK;
use support::Lab;

const HOST: [u8; 4] = [198, 51, 100, 1];

/// Anna, Bert, Carl and the host, all of whose own packets have been answered.
fn lab() -> (Lab, DataPlane) {
    let lab = Lab::new();
    let mut data_plane = lab.open();
    fill(&mut data_plane, &small_region()).unwrap();
    lab.attach(&mut data_plane);
    (lab, data_plane)
}

/// A tag in the bytes of `frame`, where a raw socket writes it.
fn tagged(frame: &[u8], protocol: u16, identifier: u16) -> Vec<u8> {
    let (macs, rest) = frame.split_at(12);
    [
        macs,
        &protocol.to_be_bytes(),
        &identifier.to_be_bytes(),
        rest,
    ]
    .concat()
}

fn drops_of(data_plane: &DataPlane, vport: u32, reason: DropReason) -> u64 {
    let drops = data_plane.drops(vport).unwrap();
    drops
        .iter()
        .find(|(found, _)| *found == reason)
        .map_or(0, |(_, count)| *count)
}

fn received(data_plane: &DataPlane) -> u64 {
    let vports = [UPLINK, ANNA, BERT, CARL];
    vports
        .map(|vport| data_plane.traffic(vport).unwrap().ingress_packets)
        .iter()
        .sum()
}

/// The kernel takes the outer tag out of the bytes (`skb_vlan_untag`) before the program sees them.
#[test]
fn root_a_tagged_frame_is_dropped_whatever_it_carries() {
    const CUSTOMER: u16 = 0x8100;
    const SERVICE: u16 = 0x88a8;
    let (lab, data_plane) = lab();
    let neighbour = udp(ANNA, private(BERT), (9, 53)).bytes();
    let carried = [
        ("to a neighbour", ANNA, neighbour.clone()),
        (
            "to another subnet",
            ANNA,
            tcp(ANNA, private(CARL), (9, 80), ACK).bytes(),
        ),
        ("to the host", ANNA, echo(ANNA, HOST, 8, 1).bytes()),
        (
            "to the router",
            ANNA,
            echo(ANNA, [10, 0, 1, 1], 8, 1).bytes(),
        ),
        ("ARP", ANNA, arp_request(ANNA, private(ANNA), private(BERT))),
        (
            "from the host",
            UPLINK,
            udp(UPLINK, public(ANNA), (9, 53)).bytes(),
        ),
    ];
    // The fast way first: a flow that is known.
    lab.send(ANNA, &[(&[], &neighbour), (&[], &neighbour)]);
    for (what, vport, frame) in carried {
        let tags = [
            tagged(&frame, CUSTOMER, 5),
            tagged(&frame, SERVICE, 5),
            tagged(&frame, CUSTOMER, 0), // a priority tag
            tagged(&frame, CUSTOMER, 0xe000),
            tagged(&tagged(&frame, CUSTOMER, 5), SERVICE, 6),
            tagged(&tagged(&frame, CUSTOMER, 5), CUSTOMER, 5),
        ];
        let before = (
            drops_of(&data_plane, vport, DropReason::Vlan),
            received(&data_plane),
        );
        let frames: Vec<(&[u8], &[u8])> = tags.iter().map(|tag| (&[][..], &tag[..])).collect();
        lab.send(vport, &frames);
        let after = (
            drops_of(&data_plane, vport, DropReason::Vlan),
            received(&data_plane),
        );
        assert_eq!(after, (before.0 + tags.len() as u64, before.1), "{what}");
    }
}

/// A `virtio_net_hdr`: the transport checksum at `checksum` of the header at 34 is still to be completed, and the frame
/// stands for segments of `size`.
fn offload(kind: u8, checksum: u16, size: u16) -> Vec<u8> {
    const NEEDS_CHECKSUM: u8 = 1;
    const TRANSPORT: u16 = 34;
    let words = [TRANSPORT + checksum + 4, size, TRANSPORT, checksum];
    let mut header = vec![NEEDS_CHECKSUM, kind];
    header.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    header
}

const TCP_SEGMENTS: u8 = 1;
const UDP_SEGMENTS: u8 = 5;

/// `datagram` with `payload` bytes of transport header and payload.
fn large(mut datagram: Datagram, payload: u16) -> Datagram {
    datagram.payload.resize(payload.into(), 7);
    if datagram.protocol == UDP {
        datagram.payload[4..6].copy_from_slice(&payload.to_be_bytes());
    }
    datagram
}

/// What it is, the claim, the frame, and why it is dropped, or that it passes.
type Claim = (&'static str, Vec<u8>, Vec<u8>, Option<DropReason>);

/// What the kernel lets a guest claim of segments.
fn claims() -> [Claim; 11] {
    let stream = large(tcp(ANNA, private(BERT), (9, 80), ACK), 20_000);
    let datagrams = large(udp(ANNA, private(BERT), (9, 53)), 20_000);
    let fragment = |datagram: &Datagram, fragment| {
        let datagram = datagram.clone();
        let fragment = Datagram {
            fragment,
            ..datagram
        };
        fragment.bytes()
    };
    let (tcp, udp) = (stream.bytes(), datagrams.bytes());
    let (mut announces_less, mut counts_less) = (tcp.clone(), udp.clone());
    announces_less[16..18].copy_from_slice(&60_u16.to_be_bytes());
    repair(&mut announces_less);
    counts_less[38..40].copy_from_slice(&20_100_u16.to_be_bytes());
    let tcp_of = |size| offload(TCP_SEGMENTS, 16, size);
    let udp_of = |size| offload(UDP_SEGMENTS, 6, size);
    let mismatch = Some(DropReason::OffloadMismatch);
    let malformed = Some(DropReason::MalformedHeader);
    let too_large = Some(DropReason::MtuExceeded);
    let [first, later] = [0x2000, 100].map(|place| fragment(&stream, place));
    let first_of_udp = fragment(&datagrams, 0x2000);
    [
        ("TCP as Linux sends it", tcp_of(8000), tcp.clone(), None),
        ("UDP as Linux sends it", udp_of(1400), udp, None),
        ("the smallest of Linux", tcp_of(8), tcp.clone(), None),
        ("smaller ones", tcp_of(7), tcp.clone(), mismatch),
        ("segments of one byte", tcp_of(1), tcp.clone(), mismatch),
        ("a first fragment", tcp_of(1000), first, mismatch),
        ("a later fragment", tcp_of(1000), later, mismatch),
        ("a fragment of UDP", udp_of(1400), first_of_udp, mismatch),
        (
            "more than announced",
            tcp_of(1000),
            announces_less,
            mismatch,
        ),
        ("less than UDP says", udp_of(1400), counts_less, malformed),
        ("larger than the MTU", tcp_of(9000), tcp, too_large),
    ]
}

#[test]
fn root_claims_of_segments_are_believed_only_as_far_as_headers_bear_them_out() {
    let (lab, data_plane) = lab();
    for (what, header, frame, wanted) in claims() {
        let before = received(&data_plane);
        let dropped = wanted.map(|reason| drops_of(&data_plane, ANNA, reason));
        assert_eq!(lab.send(ANNA, &[(&header, &frame)]), ["sent"], "{what}");
        let moved = wanted.map(|reason| drops_of(&data_plane, ANNA, reason));
        assert_eq!(moved, dropped.map(|count| count + 1), "{what}");
        let arrived = received(&data_plane) > before;
        assert_eq!(arrived, wanted.is_none(), "{what}");
    }
    // The flow is known now: the fast way believes no more.
    let stream = large(tcp(ANNA, private(BERT), (9, 80), ACK), 20_000);
    let bytes = offload(TCP_SEGMENTS, 16, 1);
    lab.send(ANNA, &[(&bytes, &stream.bytes())]);
    assert_eq!(drops_of(&data_plane, ANNA, DropReason::OffloadMismatch), 7);
}

/// What a guest claims of one protocol is judged by the kernel as that protocol, though the bytes are of another.
#[test]
fn root_claims_under_another_protocol_are_not_believed() {
    // As IPv6 these bytes are: next header 0 (where IPv4 has its fragment offset), then, behind 40 bytes, an extension
    // header that leads to TCP.
    const IPV6_TCP_SEGMENTS: u8 = 4;
    let mut ping = echo(ANNA, private(BERT), 8, 1);
    ping.payload.resize(20_000, 0);
    ping.payload[20] = 6;
    ping.payload[40] = 0x50;
    let header = [0, IPV6_TCP_SEGMENTS, 0, 0, 0xe8, 3, 0, 0, 0, 0];
    let (lab, data_plane) = lab();
    let before = received(&data_plane);
    let sent = lab.send_as(ANNA, 0x86dd, &[(&header, &ping.bytes())]);
    assert_eq!(sent, ["sent"]);
    assert_eq!(drops_of(&data_plane, ANNA, DropReason::OffloadMismatch), 1);
    assert_eq!(received(&data_plane), before);
}

/// Where a checksum is to be completed, a device writes two bytes: none may be left to do where packets leave the region.
#[test]
fn root_no_claim_of_a_checksum_leaves_the_region() {
    let claim = |start: u16, offset: u16| {
        let mut header = vec![1, 0];
        header.extend(
            [0, 0, start, offset]
                .iter()
                .flat_map(|word| word.to_le_bytes()),
        );
        header
    };
    let outgoing = |datagram: &Datagram| {
        let mut translated = datagram.clone();
        translated.destination_mac = mac(UPLINK);
        translated.source_mac = router_mac(UPLINK);
        translated.source = public(ANNA);
        translated.bytes()
    };
    let datagram = |length: u16| large(udp(ANNA, HOST, (9, 53)), length);
    let stream = large(tcp(ANNA, HOST, (9, 80), ACK), 1001);
    let ping = echo(ANNA, HOST, 8, 1);
    let cases = [
        ("in the identification", claim(20, 0), datagram(100), true),
        ("in the source", claim(20, 8), datagram(101), true),
        ("in the destination", claim(20, 10), datagram(1480), true),
        ("in the source port", claim(34, 0), datagram(99), true),
        ("in the destination port", claim(34, 2), datagram(8), true),
        ("in TCP's flags", claim(34, 12), stream.clone(), true),
        ("in the payload", claim(40, 20), datagram(100), true),
        ("where it belongs", claim(34, 6), datagram(100), true),
        ("where it belongs in TCP", claim(34, 16), stream, true),
        ("in ICMP", claim(34, 2), ping.clone(), false),
        ("nowhere", vec![], datagram(200), true),
        ("nowhere in ICMP", vec![], ping, true),
    ];
    let (lab, data_plane) = lab();
    for (what, header, datagram, passes) in cases {
        let mut frame = datagram.bytes();
        // A sender that leaves the checksum to its device writes the sum of the pseudo-header: as the receiver is told
        // that it holds, any number will do here.
        if !header.is_empty() && datagram.protocol == UDP {
            frame[40..42].copy_from_slice(&pseudo_sum(&datagram).to_be_bytes());
        } else if !header.is_empty() && datagram.protocol == TCP {
            frame[50..52].copy_from_slice(&pseudo_sum(&datagram).to_be_bytes());
        }
        let arrived = lab.receive(UPLINK, || {
            assert_eq!(lab.send(ANNA, &[(&header, &frame)]), ["sent"], "{what}");
        });
        let outgoing = support::hexadecimal(&outgoing(&datagram));
        // The host answers what it did not ask for; those answers are its own.
        let ours: Vec<_> = arrived
            .iter()
            .filter(|(_, frame)| frame[..12] == outgoing[..12])
            .collect();
        if passes {
            assert_eq!(ours, [&(false, outgoing)], "{what}");
        } else {
            assert!(ours.is_empty(), "{what}");
        }
    }
    assert_eq!(drops_of(&data_plane, ANNA, DropReason::OffloadMismatch), 1);
}

/// The sum of TCP's or UDP's pseudo-header (RFC 9293, section 3.1), not complemented.
fn pseudo_sum(datagram: &Datagram) -> u16 {
    let length = datagram.payload.len() as u16;
    let [a, b, c, d] = datagram.source;
    let [e, f, g, h] = datagram.destination;
    let words = [[a, b], [c, d], [e, f], [g, h], [0, datagram.protocol]].map(u16::from_be_bytes);
    let sum: u32 = words.iter().map(|word| u32::from(*word)).sum::<u32>() + u32::from(length);
    ((sum & 0xffff) + (sum >> 16)) as u16
}
