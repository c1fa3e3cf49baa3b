//! The whole machine under one agent, in a network and a mount namespace that play the host.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use eni_abi::{
    Direction, DirectionPolicy, Ipv4, Mac, MacKey, Mapping, MappingKey, Policy, PolicyKey, Port,
    PortKey, PublicAddress, RemoteKey, Route, RouteKey, RuleBits, Vport,
};
use eni_instance::{RunDirectory, exec};
use eni_plan::{
    Desired, DesiredInstance, DesiredInterface, DesiredUplink, Tables, UPLINK_VPORT, VportNumbers,
};
use eni_types::{AttachmentId, InstanceId, Ipv4Cidr, MacAddress};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::converge::Converger;
use crate::machine::Machine;

/// The longest that the kernel takes to end a namespace.
const PATIENCE: Duration = Duration::from_secs(30);
const VPC: u32 = 1;
const SUBNET: u32 = 1;
const ROUTE_TABLE: u32 = 1;
const ALLOW_ALL: u32 = 1;
const ROUTER_MAC: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 1]);

/// Turns the calling thread's surroundings into a host of the test's own, which ends with the thread.
pub(crate) fn become_a_host() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    run("ip", &["link", "set", "lo", "up"]);
}

fn pool() -> Ipv4Cidr {
    "203.0.113.0/24".parse().unwrap()
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

/// A helper program of the instance driver's own tests.
fn example(name: &str) -> OsString {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(2).unwrap();
    target.join("examples").join(name).into()
}

pub(crate) fn open(data: &Path) -> Converger {
    let init = example("instance_init");
    let run = RunDirectory::of(data).unwrap();
    let init = vec![init];
    Converger::new(Machine::open(run, init, PathBuf::new(), pool()).unwrap()).unwrap()
}

pub(crate) fn settle(converger: &mut Converger, desired: &Desired) {
    let plan = converger.plan(desired);
    for steps in [&plan.now, &plan.then, &plan.deferred] {
        assert!(converger.execute(steps, || false));
    }
    converger.release_numbers(desired);
    assert!(!converger.in_doubt, "a step failed");
    converger.look_again().unwrap();
    let again = converger.plan(desired);
    assert!(again.is_empty(), "{again:?}");
}

pub(crate) fn instance_id(number: u8) -> InstanceId {
    format!("i-{number:017x}").parse().unwrap()
}

pub(crate) fn attachment_id(number: u8) -> AttachmentId {
    format!("eni-attach-{number:017x}").parse().unwrap()
}

fn mac(bytes: MacAddress) -> Mac {
    Mac::from_bytes(bytes.0)
}

/// Interfaces of one open subnet: attachment, instance, device index, last byte of the address. The last one has the
/// public address 203.0.113.9.
pub(crate) fn lower(interfaces: &[(u8, u8, u8, u8)], numbers: &mut VportNumbers) -> Desired {
    let mut desired = Desired {
        instances: BTreeMap::new(),
        interfaces: BTreeMap::new(),
        uplink: DesiredUplink {
            host_address: Ipv4Addr::new(203, 0, 113, 1),
            public_pool: pool(),
            host_mac_address: MacAddress([0x02, 0, 0, 0, 0, 2]),
            mtu_bytes: 1500,
        },
        tables: open_tables(),
    };
    for (attachment, instance, device_index, last) in interfaces.iter().copied() {
        let id = attachment_id(attachment);
        let vport = numbers.assign(id).unwrap();
        let address = Ipv4Addr::new(10, 0, 0, last);
        let mac_address = MacAddress([0x02, 0, 0, 0, 1, attachment]);
        let instance_id = instance_id(instance);
        desired.instances.insert(
            instance_id,
            DesiredInstance {
                boot_count: 1,
                hostname: format!("ip-10-0-0-{last}"),
                domain: "ec2.internal".to_owned(),
                user_data: Vec::new(),
                first_boot: true,
                efa_devices: 0,
            },
        );
        let interface = DesiredInterface {
            vport,
            instance_id,
            network_interface_id: format!("eni-{attachment:017x}").parse().unwrap(),
            device_number: device_index.into(),
            mac_address,
            mtu_bytes: 9001,
            subnet: Ipv4Cidr::new(address, 24).unwrap(),
            router_address: Ipv4Addr::new(10, 0, 0, 1),
            private_ip_addresses: vec![address],
            primary_subnet: None,
        };
        add_rows(&mut desired.tables, &interface);
        desired.interfaces.insert(id, interface);
    }
    desired
}

fn add_rows(tables: &mut Tables, interface: &DesiredInterface) {
    let (vport, mac_address) = (interface.vport, interface.mac_address);
    let address = interface.private_ip_addresses[0];
    let public = Ipv4Addr::new(203, 0, 113, 9).into();
    let mapping = Mapping {
        vport,
        subnet: SUBNET,
        public_address: public,
        mac: mac(mac_address),
        ..Mapping::default()
    };
    tables
        .mappings
        .values_mut()
        .for_each(|other| other.public_address = Ipv4::default());
    let address = address.into();
    tables
        .mappings
        .insert(MappingKey { vpc: VPC, address }, mapping);
    tables.macs.insert(
        MacKey {
            subnet: SUBNET,
            mac: mac(mac_address),
            reserved: 0,
        },
        vport,
    );
    let owner = PublicAddress {
        vpc: VPC,
        private_address: address,
        vport,
    };
    tables.public_addresses.insert(public, owner);
    let row = Vport {
        instance: vport,
        ..vport_row(mac_address)
    };
    tables.vports.insert(vport, row);
}

fn vport_row(mac_address: MacAddress) -> Vport {
    Vport {
        flags: Vport::PRESENT | Vport::SOURCE_DEST_CHECK,
        vpc: VPC,
        subnet: SUBNET,
        subnet_address: Ipv4Addr::new(10, 0, 0, 0).into(),
        subnet_mask: Ipv4Addr::new(255, 255, 255, 0).into(),
        router_address: Ipv4Addr::new(10, 0, 0, 1).into(),
        route_table: ROUTE_TABLE,
        security_policy: ALLOW_ALL,
        network_acl_policy: ALLOW_ALL,
        mtu: 9001,
        tcp_established_seconds: 350,
        udp_stream_seconds: 180,
        udp_single_seconds: 30,
        mac: mac(mac_address),
        router_mac: mac(ROUTER_MAC),
        ..Vport::default()
    }
}

fn open_tables() -> Tables {
    let mut tables = Tables::default();
    let mut first = RuleBits::EMPTY;
    first.insert(0);
    let direction = DirectionPolicy {
        flags: DirectionPolicy::ALL_OPEN_TCP | DirectionPolicy::ALL_OPEN_UDP,
        world_open: first,
        allow: first,
    };
    tables.policies.insert(
        ALLOW_ALL,
        Policy {
            ingress: direction,
            egress: direction,
        },
    );
    for direction in [Direction::Ingress, Direction::Egress] {
        let policy = PolicyKey::new(ALLOW_ALL, direction);
        let anyone = RemoteKey::prefix(policy, Ipv4::default(), 0);
        tables.remote_rules.insert(anyone, first);
        let anything = PortKey::prefix(policy, eni_abi::RuleProtocol::ALL, Port::default(), 0);
        tables.port_rules.insert(anything, first);
    }
    let local = RouteKey::prefix(ROUTE_TABLE, Ipv4Addr::new(10, 0, 0, 0).into(), 16);
    tables.routes.insert(
        local,
        Route {
            kind: Route::LOCAL,
            vport: 0,
        },
    );
    let default = RouteKey::prefix(ROUTE_TABLE, Ipv4::default(), 0);
    tables.routes.insert(
        default,
        Route {
            kind: Route::INTERNET_GATEWAY,
            vport: 0,
        },
    );
    let uplink = Vport {
        flags: Vport::PRESENT | Vport::UPLINK,
        mtu: 1500,
        subnet_address: Ipv4Addr::new(203, 0, 113, 0).into(),
        subnet_mask: Ipv4::mask(24),
        host_address: Ipv4Addr::new(203, 0, 113, 1).into(),
        router_address: Ipv4Addr::new(203, 0, 113, 2).into(),
        mac: mac(MacAddress([0x02, 0, 0, 0, 0, 2])),
        router_mac: mac(ROUTER_MAC),
        ..Vport::default()
    };
    tables.vports.insert(UPLINK_VPORT, uplink);
    tables
}

pub(crate) struct Host {
    pub(crate) data: tempfile::TempDir,
}

impl Host {
    pub(crate) fn exec(&self, instance: u8, command: &[&str]) -> i32 {
        let run = RunDirectory::of(self.data.path()).unwrap();
        let command: Vec<_> = command.iter().map(OsString::from).collect();
        exec(
            &run,
            &[example("instance_exec")],
            instance_id(instance),
            &command,
        )
        .unwrap()
    }

    pub(crate) fn shell(&self, instance: u8, script: &str) {
        assert_eq!(self.exec(instance, &["sh", "-c", script]), 0, "{script}");
    }

    pub(crate) fn pings(&self, instance: u8, address: &str) -> bool {
        self.exec(instance, &["ping", "-nqc1", "-W1", address]) == 0
    }
}

#[test]
fn root_interfaces_are_made_moved_and_taken_over_by_the_next_agent() {
    become_a_host();
    let host = Host {
        data: tempfile::tempdir().unwrap(),
    };
    let mut converger = open(host.data.path());
    let here = [(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)];
    let desired = lower(&here, &mut converger.numbers);
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
        &mut converger.numbers,
    );
    let start = Instant::now();
    let plan = converger.plan(&there);
    assert!(converger.execute(&plan.now, || false));
    eprintln!("moved in {:?}", start.elapsed());
    assert!(host.pings(1, "10.0.0.7"));
    run("ping", &["-nqc1", "-W1", "203.0.113.9"]);
    settle(&mut converger, &there);

    let nothing = lower(&[], &mut converger.numbers);
    settle(&mut converger, &nothing);
    assert_eq!(converger.numbers, VportNumbers::default());
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
        &mut converger.numbers,
    );
    let broken = desired.interfaces.get_mut(&attachment_id(3)).unwrap();
    broken.mac_address = MacAddress([0xff; 6]); // the kernel takes no group address
    let vport = broken.vport;
    let plan = converger.plan(&desired);
    assert!(converger.execute(&plan.now, || false));
    assert!(converger.execute(&plan.then, || false));
    assert!(converger.in_doubt);
    assert!(
        !converger.observed.passes(vport),
        "released without a device"
    );
    assert!(host.pings(1, "10.0.0.6"));
    converger.look_again().unwrap();
    let repaired = lower(
        &[(1, 1, 0, 5), (2, 2, 0, 6), (3, 1, 1, 7)],
        &mut converger.numbers,
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
    let desired = lower(&interfaces, &mut converger.numbers);
    settle(&mut converger, &desired);
    host.shell(1, "ip link delete eth1");
    converger.look_again().unwrap();
    settle(&mut converger, &desired);
    assert!(host.pings(2, "10.0.0.7"), "made again");
    host.shell(
        1,
        "ip link set eth1 down && ip link set eth1 name spare && ip link set spare up",
    );
    converger.look_again().unwrap();
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
    let desired = lower(&interfaces, &mut converger.numbers);
    settle(&mut converger, &desired);
    host.shell(1, "ip link set eth1 down");
    converger.look_again().unwrap();
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
    converger.look_again().unwrap();
    settle(&mut converger, &more);
    host.shell(1, "ip route show table 10001 | grep -q default");

    // A route that the guest takes away by itself stays away.
    host.shell(1, "ip route delete default dev eth1");
    converger.look_again().unwrap();
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
    let desired = lower(&interfaces, &mut converger.numbers);
    settle(&mut converger, &desired);
    let script = "unshare --net sleep 1000 </dev/null >/dev/null 2>&1 &
        while [ $(readlink /proc/$!/ns/net) = $(readlink /proc/self/ns/net) ]; do sleep 0.01; done
        ip link set eth1 netns $! && nsenter --net --target $! ip link set eth1 up";
    host.shell(1, script);
    converger.look_again().unwrap();
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
    let nothing = lower(&[], &mut converger.numbers);
    settle(&mut converger, &nothing);
    let refuse = || {
        let run = RunDirectory::of(second.path()).unwrap();
        let refused = Machine::open(run, Vec::new(), PathBuf::new(), pool())
            .err()
            .unwrap();
        let made: Vec<_> = std::fs::read_dir(second.path()).unwrap().collect();
        assert!(made.is_empty(), "{made:?}");
        refused.to_string()
    };
    let text = refuse();
    assert!(text.contains(first.path().to_str().unwrap()), "{text}");
    assert!(converger.plan(&nothing).is_empty());
    drop(converger); // killed: the device stays, and is still the first one's
    assert!(refuse().contains(first.path().to_str().unwrap()));
    let converger = open(first.path());
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
    let desired = lower(&[(1, 1, 0, 5), (2, 2, 0, 6)], &mut converger.numbers);
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
        let desired = lower(&[(1, 1, 0, 5), (2, 2, 0, 6)], &mut converger.numbers);
        let steps: Vec<_> = converger.plan(&desired).steps().cloned().collect();
        if steps.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{steps:?}");
        converger.execute(&steps, || false);
        converger.look_again().unwrap();
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
        let desired = lower(wanted, &mut converger.numbers);
        let plan = converger.plan(&desired);
        let steps: Vec<_> = plan.steps().cloned().collect();
        if steps.len() < survived {
            settle(&mut converger, &desired);
            converger.machine.remove().unwrap();
            return;
        }
        converger.execute(&steps[..survived], || false);
        drop(converger);
        let mut converger = open(host.data.path());
        let desired = lower(wanted, &mut converger.numbers);
        settle(&mut converger, &desired);
        assert!(host.pings(peer, "10.0.0.7"), "after {survived} steps");
    }
}
