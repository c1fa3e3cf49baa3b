//! Addresses that move between interfaces of a subnet: who is told, once, and after a crash too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;

use eni_abi::{Location, Mac, Mapping, MappingKey, Vport};
use eni_plan::{Desired, DesiredUplink, Observed, Step, Tables, plan};
use eni_types::MacAddress;

const VPC: u32 = 1;
const MOVED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);
/// Vports 3, 4 and 5 are in subnet 1, vport 6 in another, vport 7 in another VPC's subnet of the same number.
const PLACES: [(u32, u32, u32); 5] = [
    (3, VPC, 1),
    (4, VPC, 1),
    (5, VPC, 1),
    (6, VPC, 2),
    (7, 2, 1),
];

/// A region in which `owner` has [`MOVED`]; `unchecked` vports have their source/destination check off.
fn region(owner: Option<u32>, unchecked: &[u32]) -> Desired {
    let mut tables = Tables::default();
    for (vport, vpc, subnet) in PLACES {
        let check = if unchecked.contains(&vport) {
            0
        } else {
            Vport::SOURCE_DEST_CHECK
        };
        let row = Vport {
            flags: Vport::PRESENT | check,
            vpc,
            subnet,
            mac: mac(vport),
            ..Vport::default()
        };
        tables.vports.insert(vport, row);
    }
    if let Some(vport) = owner {
        let mapping = Mapping {
            location: Location::here(vport),
            subnet: 1,
            mac: mac(vport),
            ..Mapping::default()
        };
        let address = MOVED.into();
        tables
            .mappings
            .insert(MappingKey { vpc: VPC, address }, mapping);
    }
    Desired {
        instances: [].into(),
        interfaces: [].into(),
        endpoints: [].into(),
        uplink: DesiredUplink {
            host_address: Ipv4Addr::new(203, 0, 113, 1),
            public_pool: "203.0.113.0/24".parse().unwrap(),
            host_mac_address: MacAddress([2, 0, 0, 0, 0, 1]),
            mtu_bytes: 1500,
        },
        tables,
    }
}

fn mac(vport: u32) -> Mac {
    Mac::from_bytes([2, 0, 0, 0, 0, vport as u8])
}

fn settle(observed: &mut Observed, desired: &Desired) {
    let plan = plan(desired, observed);
    plan.steps().for_each(|step| observed.apply(step));
    assert_eq!(observed.tables.mappings, desired.tables.mappings);
    assert_eq!(told(desired, observed), [], "told twice");
}

/// The vports that a plan has told where [`MOVED`] is, and the MAC.
fn told(desired: &Desired, observed: &Observed) -> Vec<(Mac, Vec<u32>)> {
    let plan = plan(desired, observed);
    let announcements = plan.now.iter().filter_map(|step| match step {
        Step::Announce(announcement) => {
            assert_eq!(announcement.key.address, MOVED.into());
            let hearers = announcement.hearers.iter().map(|(vport, guest)| {
                assert_eq!(*guest, mac(*vport));
                *vport
            });
            Some((announcement.mapping.mac, hearers.collect()))
        }
        _ => None,
    });
    announcements.collect()
}

#[test]
fn an_address_that_changes_hands_is_announced_to_the_others_of_its_subnet() {
    for unchecked in [&[][..], &[3, 4]] {
        let mut observed = Observed::default();
        settle(&mut observed, &region(Some(3), unchecked));
        for owner in [4, 5, 3] {
            let next = region(Some(owner), unchecked);
            let others: Vec<u32> = [3, 4, 5]
                .into_iter()
                .filter(|vport| *vport != owner)
                .collect();
            assert_eq!(told(&next, &observed), [(mac(owner), others)]);
            settle(&mut observed, &next);
        }
    }
}

#[test]
fn an_address_that_comes_is_announced_only_where_somebody_may_take_what_is_sent_elsewhere() {
    let cases: [(&[u32], bool); 5] = [
        (&[], false),
        (&[3], true),
        (&[4], false), // the new owner itself
        (&[6], false),
        (&[3, 4], true),
    ];
    for (unchecked, wanted) in cases {
        let mut observed = Observed::default();
        settle(&mut observed, &region(None, unchecked));
        let told = told(&region(Some(4), unchecked), &observed);
        assert_eq!(!told.is_empty(), wanted, "{unchecked:?}");
    }
}

#[test]
fn wherever_the_process_ends_the_next_one_tells_what_is_left() {
    let mut before = Observed::default();
    settle(&mut before, &region(Some(3), &[3, 4]));
    let next = region(Some(4), &[3, 4]);
    let steps = plan(&next, &before).now;
    assert!(
        matches!(steps.last(), Some(Step::Announce(_))),
        "last of all"
    );
    for done in 0..steps.len() {
        let mut crashed = before.clone();
        steps[..done].iter().for_each(|step| crashed.apply(step));
        assert_eq!(told(&next, &crashed), [(mac(4), vec![3, 5])], "{done}");
        // What guests have heard is not known then: also the way back is told, unless nothing has been written.
        let back = region(Some(3), &[3, 4]);
        let moved = crashed.tables.mappings != before.tables.mappings;
        assert_eq!(!told(&back, &crashed).is_empty(), moved, "{done}");
        settle(&mut crashed, &next);
    }
}

#[test]
fn what_was_told_is_written_only_over_the_row_that_was_told() {
    let mut observed = Observed::default();
    settle(&mut observed, &region(Some(3), &[]));
    let steps = plan(&region(Some(4), &[]), &observed).now;
    let (announce, before) = steps.split_last().unwrap();
    before.iter().for_each(|step| observed.apply(step));
    let Step::Announce(announcement) = announce else {
        panic!("{announce:?}");
    };
    let mut row = observed.tables.mappings[&announcement.key];
    assert!(announcement.is_of(&row));
    row.unannounced = 0;
    assert!(!announcement.is_of(&row), "told before");
    row.unannounced = 1;
    row.mac = mac(5);
    assert!(!announcement.is_of(&row), "moved on");
}
