use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use eni_abi::{Location, Mac};

use super::*;

/// That an address is at the device of this number.
fn announcement(address: u8, vport: u8) -> Announcement {
    Announcement {
        key: MappingKey {
            vpc: 1,
            address: std::net::Ipv4Addr::new(10, 0, 0, address).into(),
        },
        mapping: Mapping {
            location: Location::here(vport.into()),
            mac: Mac::from_bytes([2, 0, 0, 0, 0, vport]),
            ..Mapping::default()
        },
        hearers: Vec::new(),
    }
}

/// An announcer whose announcements begin and end when they are let, and what tells that one has ended.
fn stopped() -> (Announcer, SyncSender<Result<(), AgentError>>, Receiver<()>) {
    let (go_on, goes_on) = sync_channel(0);
    let (wake, woken) = sync_channel(8);
    let tell = move |_: &Announcement| goes_on.recv().unwrap_or(Ok(()));
    let wake = move || wake.send(()).unwrap();
    (Announcer::start_with(tell, wake).unwrap(), go_on, woken)
}

fn told(announcer: &mut Announcer) -> Vec<(Announcement, bool)> {
    let told = announcer.take_told().into_iter();
    told.map(|(announcement, result)| (announcement, result.is_ok()))
        .collect()
}

#[test]
fn what_is_being_told_delays_nothing_and_is_told_once() {
    let (mut announcer, go_on, woken) = stopped();
    announcer.begin(announcement(9, 3));
    announcer.begin(announcement(8, 3));
    // Planned again by each pass until it is done.
    announcer.begin(announcement(9, 3));
    assert_eq!(told(&mut announcer), []);
    go_on.send(Ok(())).unwrap();
    woken.recv().unwrap();
    assert_eq!(told(&mut announcer), [(announcement(9, 3), true)]);
    go_on.send(Err(AgentError::Stopped)).unwrap();
    woken.recv().unwrap();
    assert_eq!(told(&mut announcer), [(announcement(8, 3), false)]);
    announcer.begin(announcement(8, 3));
    go_on.send(Ok(())).unwrap();
    woken.recv().unwrap();
    assert_eq!(told(&mut announcer), [(announcement(8, 3), true)]);
}

#[test]
fn an_address_that_comes_back_is_told_when_all_between_has_been_told() {
    let (mut announcer, go_on, woken) = stopped();
    for vport in [3, 4, 3] {
        announcer.begin(announcement(9, vport));
    }
    for _ in 0..2 {
        go_on.send(Ok(())).unwrap();
        woken.recv().unwrap();
        assert_eq!(told(&mut announcer), []);
    }
    go_on.send(Ok(())).unwrap();
    woken.recv().unwrap();
    assert_eq!(told(&mut announcer), [(announcement(9, 3), true)]);
}

#[test]
fn dropped_it_ends_with_what_is_under_way() {
    let (mut announcer, go_on, woken) = stopped();
    for address in 1..9 {
        announcer.begin(announcement(address, 3));
    }
    let shared = Arc::clone(&announcer.shared);
    let dropping = thread::spawn(move || drop(announcer));
    while !shared.stop.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    // From now on nothing waits; the thread may not have begun at all.
    drop(go_on);
    dropping.join().unwrap();
    assert!(woken.try_iter().count() <= 1);
}

/// As RFC 4861 has it, for one guest: it overrides what the guest remembers.
#[test]
fn an_address_of_ipv6_is_announced_by_an_advertisement() {
    let address: std::net::Ipv6Addr = "2001:db8::9".parse().unwrap();
    let (mac, guest) = ([2, 0, 0, 0, 0, 3], [2, 0, 0, 0, 0, 4]);
    let frame = neighbor_frame(address.into(), Mac::from_bytes(mac), Mac::from_bytes(guest));
    let (ethernet, rest) = frame.split_at(14);
    let (ip, message) = rest.split_at(40);
    assert_eq!(ethernet, [&guest[..], &mac[..], &[0x86, 0xdd][..]].concat());
    assert_eq!(ip[..8], [0x60, 0, 0, 0, 0, 32, 58, 255]);
    assert_eq!(ip[8..24], address.octets());
    assert_eq!(message[..2], [136, 0]);
    assert_eq!(message[4..8], [0x20, 0, 0, 0]);
    assert_eq!(message[8..24], address.octets());
    assert_eq!(message[24..], [&[2, 1][..], &mac].concat());
    let words = |bytes: &[u8]| -> u32 {
        let pairs = bytes.chunks(2);
        pairs
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum()
    };
    let sum = words(&ip[8..]) + words(message) + 32 + 58;
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
}
