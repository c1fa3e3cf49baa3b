//! NAT gateways on a real kernel: what is remembered of flows, and for how long. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;

use eni_abi::{DropReason, NatEntry, NatGateway, NatKey, Vport};
use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::fill;
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::frames::{Datagram, udp};
use eni_pipeline::testing::region::{CARL, UPLINK};
use eni_pipeline::testing::region_nat::{GATEWAY, SERVER, nat_region, outer, source_of};
use support::Lab;

fn lab_with(tables: &MemoryTables) -> (Lab, DataPlane) {
    let lab = Lab::new();
    let mut data_plane = lab.open();
    fill(&mut data_plane, tables).unwrap();
    lab.attach(&mut data_plane);
    (lab, data_plane)
}

/// Carl, who may send for others.
fn forwarding_region() -> MemoryTables {
    let mut tables = nat_region(1);
    let carl = tables.vports.get_mut(&CARL).unwrap();
    carl.flags &= !Vport::SOURCE_DEST_CHECK;
    tables
}

fn of_kind(entries: &[(NatKey, NatEntry)], kind: u32) -> Vec<(NatKey, NatEntry)> {
    let of_kind = entries.iter().filter(|(key, _)| key.kind == kind);
    of_kind.copied().collect()
}

#[test]
fn root_a_private_guest_goes_out_and_nobody_comes_in() {
    let (lab, data_plane) = lab_with(&nat_region(1));
    lab.run_in(CARL, "ping -c3 -i0.1 -W5 198.51.100.1");
    assert!(!lab.try_in(UPLINK, "ping -c1 -W1 203.0.113.200").0);
    assert_eq!(
        data_plane.drops(UPLINK).unwrap(),
        [(DropReason::NatUnsolicited, 1)]
    );
    let entries = data_plane.nat_maps.entries(GATEWAY).unwrap();
    for kind in [NatKey::OUTWARD, NatKey::INWARD, NatKey::DESTINATION] {
        assert_eq!(of_kind(&entries, kind).len(), 1, "{entries:?}");
    }
}

/// 55,000 flows of 50 senders to one destination: none lost, no port twice, the next one refused and counted. When they have
/// expired, nothing of them is left, and the port that was refused is there.
#[test]
fn root_a_destination_has_its_flows_and_no_more_until_they_expire() {
    let (lab, mut data_plane) = lab_with(&forwarding_region());
    let send = |data_plane: &DataPlane, flow: u32| {
        let [sender, port] = [flow % 50, flow / 50];
        let datagram = Datagram {
            source: [10, 0, 2, 20 + sender as u8],
            ..udp(CARL, SERVER, (port as u16 + 1, 53))
        };
        data_plane.test_run(CARL, &datagram.bytes()).unwrap()
    };
    let most = NatGateway::FLOWS_TO_DESTINATION as u32;
    let mut ports = BTreeSet::new();
    lab.in_fabric(|| {
        for flow in 0..most {
            let run = send(&data_plane, flow);
            assert!(run.delivered, "flow {flow}: {:?}", data_plane.drops(CARL));
            let (source, port) = source_of(&run.frame);
            assert_eq!(source, outer(0));
            assert!(ports.insert(port), "{port} is two flows'");
        }
        assert!(!send(&data_plane, most).delivered);
    });
    assert_eq!(
        data_plane.drops(CARL).unwrap(),
        [(DropReason::NatPortAllocation, 1)]
    );
    data_plane.nat_maps.collect(GATEWAY).unwrap();
    let entries = data_plane.nat_maps.entries(GATEWAY).unwrap();
    assert_eq!(entries.len(), 2 * most as usize + 1, "none has expired");
    let [(_, destination)] = of_kind(&entries, NatKey::DESTINATION)[..] else {
        panic!("one destination");
    };
    assert_eq!(destination.flows, u64::from(most));
    for (key, mut entry) in of_kind(&entries, NatKey::OUTWARD) {
        entry.connection.expires_ns = 1;
        data_plane.nat_maps.insert(GATEWAY, &key, &entry).unwrap();
    }
    // Some at a time, in the turns of half a minute; the destination goes with the walk after that which has found its last flow.
    let mut left = vec![entries.len()];
    for _ in 0..30 {
        data_plane.nat_maps.collect_expired().unwrap();
        left.push(data_plane.nat_maps.entries(GATEWAY).unwrap().len());
    }
    assert_eq!(left.last(), Some(&0), "{left:?}");
    let removed = left.windows(2).map(|pair| pair[0] - pair[1]);
    assert!(removed.max() <= Some(2 * 20_000), "{left:?}");
    lab.in_fabric(|| assert!(send(&data_plane, most).delivered));
    // A process that takes over finds the flow, and one whose gateway is gone leaves nothing of it.
    drop(data_plane);
    data_plane = lab.open();
    assert_eq!(data_plane.nat_maps.entries(GATEWAY).unwrap().len(), 3);
    data_plane.tables.nat_gateways.remove(&GATEWAY).unwrap();
    // No cached verdict outlives the row.
    let mut globals = data_plane.tables.globals.get(0).unwrap();
    globals.topology_generation += 1;
    data_plane.tables.globals.set(0, &globals).unwrap();
    data_plane.nat_maps.forget(GATEWAY);
    data_plane.instance_maps.collect_expired().unwrap();
    assert_eq!(data_plane.nat_maps.gateways(), []);
    lab.in_fabric(|| assert!(!send(&data_plane, most).delivered));
}

/// What a process leaves that ends between a gateway's row and its map.
#[test]
fn root_a_map_without_a_gateway_goes_with_the_next_process() {
    let (lab, mut data_plane) = lab_with(&nat_region(1));
    data_plane.nat_maps.create(GATEWAY + 1).unwrap();
    data_plane.tables.nat_gateways.remove(&GATEWAY).unwrap();
    drop(data_plane);
    let mut data_plane = lab.open();
    assert_eq!(data_plane.nat_maps.gateways(), [GATEWAY, GATEWAY + 1]);
    // Made anew, one is empty.
    data_plane.nat_maps.create(GATEWAY).unwrap();
    data_plane.instance_maps.collect_expired().unwrap();
    assert_eq!(data_plane.nat_maps.gateways(), [GATEWAY]);
}
