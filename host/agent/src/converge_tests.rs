//! The whole machine under one agent, in a network and a mount namespace that play the host.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use eni_instance::RunDirectory;
use eni_plan::VportNumbers;
use eni_types::MacAddress;
use nix::mount::{MntFlags, umount2};

use crate::test_machine::{
    Host, attachment_id, become_a_host, instance_id, lower, open, open_machine, run, settle,
};

/// The longest that the kernel takes to end a namespace.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn root_interfaces_are_made_moved_and_taken_over_by_the_next_agent() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let mut converger = open(host.data.path());
    let here = [(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)];
    let desired = lower(&here, &mut converger.vports);
    settle(&mut converger, &desired);
    assert!(host.pings(1, "10.0.0.6"));
    assert!(host.pings(2, "10.0.0.7"));
    run("ping", &["-nqc1", "-W1", "203.0.113.9"]);

    drop(converger); // as kill -9 would
    assert!(host.pings(2, "10.0.0.5"), "no agent, no interruption");
    let mut converger = open(host.data.path());
    let plan = converger.plan(&desired);
    assert!(
        plan.is_empty(),
        "nothing is to be done after a restart: {plan:?}"
    );

    let there = lower(
        &[(1, 1, 0, 5), (2, 2, 0, 6), (4, 2, 1, 7)],
        &mut converger.vports,
    );
    let start = Instant::now();
    let plan = converger.plan(&there);
    converger.execute(&plan.now);
    eprintln!("moved in {:?}", start.elapsed());
    assert!(host.pings(1, "10.0.0.7"));
    run("ping", &["-nqc1", "-W1", "203.0.113.9"]);
    settle(&mut converger, &there);

    let nothing = lower(&[], &mut converger.vports);
    settle(&mut converger, &nothing);
    assert_eq!(converger.vports, VportNumbers::default());
    converger.machine.remove().unwrap();
    assert!(!Path::new("/sys/class/net/openeni0").exists());
    let left: Vec<_> = std::fs::read_dir(host.data.path().join("run"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn root_one_interface_that_cannot_be_made_keeps_no_other_waiting() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let mut converger = open(host.data.path());
    let mut desired = lower(
        &[(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)],
        &mut converger.vports,
    );
    let broken = desired.interfaces.get_mut(&attachment_id(3)).unwrap();
    broken.mac_address = MacAddress([0xff; 6]); // the kernel takes no group address
    let vport = broken.vport;
    let plan = converger.plan(&desired);
    converger.execute(&plan.now);
    converger.execute(&plan.then);
    assert!(converger.has_failures());
    assert!(
        !converger.observed().passes(vport),
        "released without a device"
    );
    assert!(host.pings(1, "10.0.0.6"));
    converger.look_again();
    let repaired = lower(
        &[(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)],
        &mut converger.vports,
    );
    settle(&mut converger, &repaired);
    assert!(host.pings(2, "10.0.0.7"));
    converger.machine.remove().unwrap();
}

#[test]
fn root_what_a_guest_deletes_is_made_again_and_what_it_renames_stays() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let mut converger = open(host.data.path());
    let interfaces = [(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)];
    let desired = lower(&interfaces, &mut converger.vports);
    settle(&mut converger, &desired);
    host.shell(1, "ip link delete eth1");
    converger.look_again();
    settle(&mut converger, &desired);
    assert!(host.pings(2, "10.0.0.7"), "made again");
    host.shell(
        1,
        "ip link set eth1 down && ip link set eth1 name spare && ip link set spare up",
    );
    converger.look_again();
    settle(&mut converger, &desired);
    host.shell(1, "ip route show default | grep -q 'dev spare'");
    host.shell(1, "! ip link show eth1 2>/dev/null");
    let mut more = desired.clone();
    let interface = more.interfaces.get_mut(&attachment_id(3)).unwrap();
    let secondary = Ipv4Addr::new(10, 0, 0, 8);
    interface.private_ip_addresses.push(secondary);
    settle(&mut converger, &more);
    host.shell(1, "ip addr show spare | grep -q 10.0.0.8");
    converger.machine.remove().unwrap();
}

#[test]
fn root_a_device_set_down_and_up_gets_its_routes_back_and_one_left_down_is_left_alone() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let mut converger = open(host.data.path());
    let interfaces = [(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)];
    let desired = lower(&interfaces, &mut converger.vports);
    settle(&mut converger, &desired);
    host.shell(1, "ip link set eth1 down");
    converger.look_again();
    let plan = converger.plan(&desired);
    assert!(plan.is_empty(), "a guest may set its device down: {plan:?}");
    host.shell(1, "ip link set eth1 up");
    host.shell(1, "! ip route show table 10001 | grep -q default");
    drop(converger); // a restart in between sees it as well
    let mut converger = open(host.data.path());
    settle(&mut converger, &desired);
    host.shell(
        1,
        "ip route show table 10001 | grep -q 'default via 10.0.0.1 dev eth1'",
    );
    host.shell(1, "ip route show default | grep -q 'dev eth1 .*metric 513'");

    // What is asked for while the device is down is done as far as it goes, and completed when it is up.
    host.shell(1, "ip link set eth1 down");
    let mut more = desired.clone();
    let interface = more.interfaces.get_mut(&attachment_id(3)).unwrap();
    let secondary = Ipv4Addr::new(10, 0, 0, 8);
    interface.private_ip_addresses.push(secondary);
    settle(&mut converger, &more);
    host.shell(1, "ip addr show eth1 | grep -q 10.0.0.8");
    host.shell(1, "ip link set eth1 up");
    converger.look_again();
    settle(&mut converger, &more);
    host.shell(1, "ip route show table 10001 | grep -q default");

    // A route that the guest takes away by itself stays away.
    host.shell(1, "ip route delete default dev eth1");
    converger.look_again();
    let plan = converger.plan(&more);
    assert!(
        plan.is_empty(),
        "a guest may have routes of its own: {plan:?}"
    );
    converger.machine.remove().unwrap();
}

#[test]
fn root_a_device_that_a_guest_moves_into_a_namespace_of_its_own_is_its_own() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let mut converger = open(host.data.path());
    let interfaces = [(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)];
    let desired = lower(&interfaces, &mut converger.vports);
    settle(&mut converger, &desired);
    let script = "unshare --net sleep 1000 </dev/null >/dev/null 2>&1 &
        while [ $(readlink /proc/$!/ns/net) = $(readlink /proc/self/ns/net) ]; do sleep 0.01; done
        ip link set eth1 netns $! && nsenter --net --target $! ip link set eth1 up";
    host.shell(1, script);
    converger.look_again();
    settle(&mut converger, &desired);
    let mut more = desired.clone();
    let interface = more.interfaces.get_mut(&attachment_id(3)).unwrap();
    let secondary = Ipv4Addr::new(10, 0, 0, 8);
    interface.private_ip_addresses.push(secondary);
    settle(&mut converger, &more);
    converger.machine.remove().unwrap();
}

#[test]
fn root_a_host_with_the_uplink_of_another_region_is_refused_before_anything_is_made() {
    become_a_host();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut converger = open(first.path());
    let nothing = lower(&[], &mut converger.vports);
    settle(&mut converger, &nothing);
    let refuse = || {
        let run = RunDirectory::of(second.path()).unwrap();
        let refused = open_machine(run, Vec::new()).err().unwrap();
        let made: Vec<_> = std::fs::read_dir(second.path()).unwrap().collect();
        assert!(made.is_empty(), "{made:?}");
        refused.to_string()
    };
    let text = refuse();
    assert!(text.contains(first.path().to_str().unwrap()), "{text}");
    assert!(converger.plan(&nothing).is_empty());
    drop(converger); // killed: the device stays, and is still the first one's
    assert!(refuse().contains(first.path().to_str().unwrap()));
    let mut converger = open(first.path());
    let plan = converger.plan(&nothing);
    assert!(plan.is_empty(), "taken over: {plan:?}");
    converger.machine.remove().unwrap();

    run(
        "ip",
        &["link", "add", "openeni0", "type", "veth", "peer", "other"],
    );
    let text = refuse();
    assert!(text.contains("ip link delete openeni0"), "{text}");
    run("ip", &["link", "delete", "openeni0"]);
    let mut converger = open(second.path());
    settle(&mut converger, &lower(&[], &mut VportNumbers::default()));
    converger.machine.remove().unwrap();
}

#[test]
fn root_what_cannot_be_reached_any_more_is_made_anew() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let mut converger = open(host.data.path());
    let desired = lower(&[(1, 1, 0, 5), (2, 2, 0, 6)], &mut converger.vports);
    settle(&mut converger, &desired);
    drop(converger);
    // As for an agent in a mount namespace of its own, which ended with it.
    let run_directory = RunDirectory::of(host.data.path()).unwrap();
    for mounted in [
        run_directory.fabric(),
        run_directory.bpf(),
        run_directory.network_namespace(instance_id(1)),
        run_directory.network_namespace(instance_id(2)),
    ] {
        umount2(&mounted, MntFlags::MNT_DETACH).unwrap();
    }
    let mut converger = open(host.data.path());
    // The old uplink ends with the old fabric, in the kernel's time.
    let begun = Instant::now();
    loop {
        let desired = lower(&[(1, 1, 0, 5), (2, 2, 0, 6)], &mut converger.vports);
        let steps: Vec<_> = converger.plan(&desired).steps().cloned().collect();
        if steps.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{steps:?}");
        converger.execute(&steps);
        converger.look_again();
    }
    assert!(host.pings(1, "10.0.0.6"));
    run("ping", &["-nqc1", "-W1", "203.0.113.9"]);
    converger.machine.remove().unwrap();
}

#[test]
fn root_an_agent_that_dies_after_any_step_is_followed_by_one_that_converges() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let here: &[_] = &[(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)];
    let there: &[_] = &[(1, 1, 0, 5), (2, 2, 0, 6), (4, 2, 1, 7)];
    let moves = [(here, 2), (there, 1)].into_iter().cycle();
    for (survived, (wanted, peer)) in moves.enumerate() {
        let mut converger = open(host.data.path());
        let desired = lower(wanted, &mut converger.vports);
        let plan = converger.plan(&desired);
        let steps: Vec<_> = plan.steps().cloned().collect();
        if steps.len() < survived {
            settle(&mut converger, &desired);
            converger.machine.remove().unwrap();
            return;
        }
        converger.execute(&steps[..survived]);
        drop(converger);
        let mut converger = open(host.data.path());
        let desired = lower(wanted, &mut converger.vports);
        settle(&mut converger, &desired);
        assert!(host.pings(peer, "10.0.0.7"), "after {survived} steps");
    }
}
