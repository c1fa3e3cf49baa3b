//! Frames as only a guest with raw sockets sends them, through real devices: what the kernel moves out of a frame, or
//! believes of what the guest claims about it, shows in no test on bytes. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::DropReason;
use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::fill;
use eni_pipeline::testing::frames::{arp_request, echo, tcp, udp};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK, private, public, small_region};
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
