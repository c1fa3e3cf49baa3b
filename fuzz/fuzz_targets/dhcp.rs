//! A guest's message of DHCP, of IPv4 or IPv6, on its way through the data plane to the service, and its answer on the way back.
//!
//! Nothing may panic; every message reaches the service as it was sent, and every answer that guest alone, whatever it says.
#![no_main]

use std::sync::LazyLock;

use eni_abi::Service;
use eni_dhcp_messages::{MAX_MESSAGE_BYTES, ipv4, ipv6};
use eni_model::resource::NetworkInterface;
use eni_model::testing::TestWorld;
use eni_pipeline::Arrival;
use eni_pipeline::testing::frames::{self, Datagram, checksums_hold};
use eni_pipeline::testing::frames_ipv6::{self, Packet, checksum_holds};
use eni_pipeline::testing::region::{ANNA, SERVICES, mac, private, router_mac, service_for};
use eni_pipeline::testing::region_ipv6::{
    DHCPV6_GROUP, asker, dual_region, link_local, own, service_ipv6_for,
};
use eni_pipeline::testing::{MemoryMemory, MemoryTables, run};
use eni_types::MacAddress;
use libfuzzer_sys::fuzz_target;

/// An answer is no larger: the largest datagram in a packet of 1,500 bytes.
const MAX_ANSWER_BYTES: usize = 1_452;
const NOW_NS: u64 = 1_000_000_000_000;
/// Bytes of the headers before a datagram, of Ethernet and IP.
const BEFORE: [usize; 2] = [14 + 20, 14 + 40];

struct Region {
    model: TestWorld,
    eni: NetworkInterface,
    tables: MemoryTables,
}

/// Anna's interface, in a world and in the data plane.
static REGION: LazyLock<Region> = LazyLock::new(|| {
    let mut model = TestWorld::bootstrapped();
    let image = model.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
    let launch = [
        ("ImageId", image.as_str()),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    model.must("RunInstances", &launch);
    let eni = model.world.network_interfaces.iter().next();
    let mut eni = NetworkInterface::clone(eni.expect("one is launched"));
    eni.mac_address = MacAddress(mac(ANNA));
    eni.ipv6_addresses = vec![own(ANNA)];
    let tables = dual_region();
    Region { model, eni, tables }
});

fuzz_target!(|input: &[u8]| {
    let [family, message @ ..] = input else {
        return;
    };
    if message.len() > MAX_MESSAGE_BYTES {
        return;
    }
    let Region { model, eni, .. } = &*REGION;
    let (is_ipv6, has_address) = (family & 1 != 0, family & 2 != 0);
    let before = BEFORE[usize::from(is_ipv6)] + 8;
    let sent = match is_ipv6 {
        true => question_ipv6(message),
        false => question(message, has_address),
    };
    let heard = carried(ANNA, &sent, SERVICES, is_ipv6);
    assert_eq!(
        heard.get(before..),
        Some(message),
        "another message arrives"
    );
    let decide = if is_ipv6 { ipv6::answer } else { ipv4::answer };
    let Some(answer) = decide(message, eni, &model.world, &model.region) else {
        return;
    };
    assert!(answer.len() <= MAX_ANSWER_BYTES, "{} bytes", answer.len());
    // No answer is a question, which another server would answer.
    let questions: &[u8] = if is_ipv6 {
        &[1, 3, 4, 5, 6, 8, 9, 11]
    } else {
        &[1]
    };
    assert!(!questions.contains(&answer[0]), "it asks");
    let said = match is_ipv6 {
        true => answer_ipv6(&answer),
        false => answer_ipv4(&answer, &heard),
    };
    let told = carried(SERVICES, &said, ANNA, is_ipv6);
    assert_eq!(
        told.get(before..),
        Some(&answer[..]),
        "another answer arrives"
    );
});

/// The frame as it arrives at the vport `to`, where it must.
fn carried(from: u32, frame: &[u8], to: u32, is_ipv6: bool) -> Vec<u8> {
    let arrival = Arrival {
        vport: from,
        now_ns: NOW_NS,
    };
    let mut memory = MemoryMemory::default();
    let (target, bytes) = run(&REGION.tables, &mut memory, arrival, frame);
    assert_eq!(target, Some(to), "it does not arrive");
    let holds = if is_ipv6 {
        checksum_holds
    } else {
        checksums_hold
    };
    assert!(holds(&bytes), "it arrives damaged");
    bytes
}

fn datagram([source, destination]: [u16; 2], message: &[u8]) -> Vec<u8> {
    let length = (8 + message.len()) as u16;
    let words = [source, destination, length, 0];
    let header = words.into_iter().flat_map(u16::to_be_bytes);
    header.chain(message.iter().copied()).collect()
}

fn question(message: &[u8], has_address: bool) -> Vec<u8> {
    let asks = Datagram {
        source: if has_address { private(ANNA) } else { [0; 4] },
        destination_mac: [0xff; 6],
        payload: datagram([68, 67], message),
        ..frames::udp(ANNA, [0xff; 4], (68, 67))
    };
    asks.bytes()
}

fn answer_ipv4(message: &[u8], question: &[u8]) -> Vec<u8> {
    // To where it has come from.
    let mut to = [0; 4];
    to.copy_from_slice(&question[26..30]);
    let answers = Datagram {
        source: service_for(Service::Dhcp, ANNA),
        payload: datagram([67, 68], message),
        ..frames::udp(SERVICES, to, (67, 68))
    };
    answers.bytes()
}

fn question_ipv6(message: &[u8]) -> Vec<u8> {
    let asks = Packet {
        source: link_local(ANNA),
        destination_mac: router_mac(ANNA),
        payload: datagram([546, 547], message),
        ..frames_ipv6::udp(ANNA, DHCPV6_GROUP, (546, 547))
    };
    asks.bytes()
}

fn answer_ipv6(message: &[u8]) -> Vec<u8> {
    let answers = Packet {
        source: service_ipv6_for(Service::Dhcpv6, ANNA),
        payload: datagram([547, 546], message),
        ..frames_ipv6::udp(SERVICES, asker(ANNA), (547, 546))
    };
    answers.bytes()
}
