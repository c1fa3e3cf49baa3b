//! A machine for tests: namespaces that play the host, what is desired of it, and steps done one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use eni_abi::{
    Address, Direction, DirectionPolicy, Ipv4, Location, Mac, MacKey, Mapping, MappingKey, Policy,
    PolicyKey, Port, PortKey, Prefix, PublicAddress, RemoteKey, Route, RouteKey, RuleBits, Vport,
};
use eni_instance::{NoAdapterFiles, RunDirectory, exec};
use eni_plan::lanes::InFlight;
use eni_plan::{
    Desired, DesiredInstance, DesiredInterface, DesiredUplink, Plan, Step, Tables, UPLINK_VPORT,
    VportNumbers,
};
use eni_types::{AttachmentId, InstanceId, Ipv4Cidr, MacAddress};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::converge::Knowledge;
use crate::machine::Machine;
use crate::{AgentError, NoAdapterService};

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

pub(crate) fn pool() -> Ipv4Cidr {
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

pub(crate) fn open_machine(run: RunDirectory, init: Vec<OsString>) -> Result<Machine, AgentError> {
    let (files, service) = (Arc::new(NoAdapterFiles), Arc::new(NoAdapterService));
    Machine::open(run, init, files, service, pool(), None)
}

/// Does the steps of plans one after the other, on the test's own thread.
pub(crate) struct Converger {
    pub(crate) machine: Machine,
    knowledge: Knowledge,
}

impl Deref for Converger {
    type Target = Knowledge;

    fn deref(&self) -> &Knowledge {
        &self.knowledge
    }
}

impl DerefMut for Converger {
    fn deref_mut(&mut self) -> &mut Knowledge {
        &mut self.knowledge
    }
}

impl Converger {
    /// What is left to do on the way to `desired`, whatever was desired before.
    pub(crate) fn plan(&mut self, desired: &Desired) -> Plan {
        self.knowledge.convergence.begin(desired);
        self.knowledge.plan(desired)
    }

    /// Does all of `steps`, but none that builds on one that failed.
    pub(crate) fn execute(&mut self, steps: &[Step]) {
        let Self { machine, knowledge } = self;
        for step in steps {
            if let Step::WriteVport(_, row) | Step::Cut(_, row) = step
                && !knowledge.maps.is_ready(row.instance)
            {
                machine.instance_maps.create(&[row.instance]).unwrap();
                knowledge.maps.made(row.instance);
            }
            let Some(step) = knowledge
                .failures
                .allow(step, knowledge.convergence.observed())
            else {
                continue;
            };
            let done = if step.is_of_tables() {
                machine.tables.apply(&step)
            } else {
                machine.devices.apply(&step)
            };
            match done {
                Ok(()) => knowledge.has_done(&step),
                Err(_) => knowledge.failures.add(step.into_owned()),
            }
        }
    }

    pub(crate) fn look_again(&mut self) {
        let seen = self.machine.devices.look().unwrap();
        self.take_over(seen, &BTreeSet::new());
        self.try_again();
    }
}

pub(crate) fn open(data: &Path) -> Converger {
    let init = example("instance_init");
    let run = RunDirectory::of(data).unwrap();
    let machine = open_machine(run, vec![init]).unwrap();
    let observed = machine.observe().unwrap();
    let maps = machine.instance_maps.instances();
    Converger {
        knowledge: Knowledge::found(observed, maps),
        machine,
    }
}

pub(crate) fn settle(converger: &mut Converger, desired: &Desired) {
    let plan = converger.plan(desired);
    for steps in [&plan.now, &plan.then, &plan.deferred] {
        converger.execute(steps);
    }
    converger.release_vports(desired, &InFlight::default());
    assert!(!converger.has_failures(), "a step failed");
    converger.look_again();
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
        endpoints: BTreeMap::new(),
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
                resolver: String::new(),
                user_data: Default::default(),
                first_boot: true,
                efa_devices: 0,
                instance_type: "t3.micro".to_owned(),
                is_xen: false,
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
            ipv6_subnet: None,
            ipv6_addresses: Vec::new(),
            prefixes: Vec::new(),
            primary_subnet: None,
            primary_ipv6_subnet: None,
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
    let location = Location::here(vport);
    let mapping = Mapping {
        location,
        subnet: SUBNET,
        public_address: public,
        mac: mac(mac_address),
        ..Mapping::default()
    };
    tables
        .mappings
        .values_mut()
        .for_each(|other| other.public_address = Address::NONE);
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
        location,
    );
    let owner = PublicAddress {
        vpc: VPC,
        private_address: address,
        location,
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
        let anyone = RemoteKey::prefix(policy, Prefix::ALL_IPV4);
        tables.remote_rules.insert(anyone, first);
        let anything = PortKey::prefix(policy, eni_abi::RuleProtocol::ALL, Port::default(), 0);
        tables.port_rules.insert(anything, first);
    }
    let local = RouteKey::prefix(
        ROUTE_TABLE,
        Prefix::v4(Ipv4Addr::new(10, 0, 0, 0).into(), 16),
    );
    tables.routes.insert(local, Route::of_kind(Route::LOCAL));
    let default = RouteKey::prefix(ROUTE_TABLE, Prefix::ALL_IPV4);
    tables
        .routes
        .insert(default, Route::of_kind(Route::INTERNET_GATEWAY));
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
            None,
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
