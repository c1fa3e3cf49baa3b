//! A simulated machine with the promises that must hold at every moment, and what a user might want of it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use eni_abi::{
    IdentityKey, Location, Mac, Mapping, MappingKey, Policy, PolicyKey, RuleBits, Vport,
};
use eni_plan::{
    Desired, DesiredInstance, DesiredInterface, DesiredUplink, Observed, ObservedDevice, Plan,
    Plug, Step, TableChange, Tables, UPLINK_VPORT, VportNumbers, plan,
};
use eni_types::{AttachmentId, InstanceId, Ipv4Cidr, MacAddress};

/// One interface as the user might want it: instance, device index, attachment, last address, policy.
pub(crate) type Wish = (u8, u8, u8, u8, u32);

pub(crate) fn instance_id(number: u8) -> InstanceId {
    format!("i-{number:017x}").parse().unwrap()
}

pub(crate) fn attachment_id(number: u8, instance: u8, index: u8) -> AttachmentId {
    // An attachment is to one instance and index for all its life.
    format!(
        "eni-attach-{:017x}",
        u32::from(number) << 16 | u32::from(instance) << 8 | u32::from(index)
    )
    .parse()
    .unwrap()
}

pub(crate) fn nothing() -> Desired {
    let mut desired = Desired {
        instances: BTreeMap::new(),
        interfaces: BTreeMap::new(),
        endpoints: BTreeMap::new(),
        uplink: DesiredUplink {
            host_address: Ipv4Addr::new(203, 0, 113, 1),
            public_pool: "203.0.113.0/24".parse().unwrap(),
            host_mac_address: MacAddress([2, 0, 0, 0, 0, 1]),
            mtu_bytes: 1500,
        },
        tables: Tables::default(),
    };
    let uplink = Vport {
        flags: Vport::PRESENT | Vport::UPLINK,
        ..Vport::default()
    };
    desired.tables.vports.insert(UPLINK_VPORT, uplink);
    desired
}

pub(crate) fn lower(wishes: &[Wish], boot_count: u64, numbers: &mut VportNumbers) -> Desired {
    let mut desired = nothing();
    let mut names = BTreeSet::new();
    for (instance, index, attachment, address, policy) in wishes.iter().copied() {
        if !names.insert((instance, index)) {
            continue; // EC2 refuses a second interface at an index
        }
        let instance_id = instance_id(instance);
        let id = attachment_id(attachment, instance, index);
        let vport = numbers.assign(id).unwrap();
        desired.instances.insert(
            instance_id,
            DesiredInstance {
                boot_count,
                hostname: "ip-10-0-0-5".to_owned(),
                domain: "ec2.internal".to_owned(),
                resolver: String::new(),
                user_data: Default::default(),
                first_boot: true,
                efa_devices: 0,
                instance_type: "t3.micro".to_owned(),
                is_xen: false,
            },
        );
        let address = Ipv4Addr::new(10, 0, 0, address);
        desired.interfaces.insert(
            id,
            DesiredInterface {
                vport,
                instance_id,
                network_interface_id: format!("eni-{attachment:017x}").parse().unwrap(),
                device_number: index.into(),
                mac_address: MacAddress([2, 0, 0, 0, 0, attachment]),
                mtu_bytes: 9001,
                subnet: Ipv4Cidr::new(address, 24).unwrap(),
                router_address: Ipv4Addr::new(10, 0, 0, 1),
                private_ip_addresses: vec![address],
                ipv6_subnet: None,
                ipv6_addresses: Vec::new(),
                prefixes: Vec::new(),
                primary_subnet: None,
                primary_ipv6_subnet: None,
            },
        );
        let row = Vport {
            flags: Vport::PRESENT,
            security_policy: policy,
            ..Vport::default()
        };
        desired.tables.vports.insert(vport, row);
        desired.tables.policies.insert(policy, Policy::default());
        let key = IdentityKey {
            policy: PolicyKey(policy << 1),
            identity: 1,
        };
        desired.tables.identity_rules.insert(key, RuleBits::EMPTY);
        let key = MappingKey {
            vpc: 1,
            address: address.into(),
        };
        desired.tables.mappings.insert(
            key,
            Mapping {
                location: Location::here(vport),
                mac: Mac::from_bytes([2, 0, 0, 0, instance, index]),
                ..Mapping::default()
            },
        );
    }
    desired
}

/// The machine, with the promises that must hold at every moment.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) observed: Observed,
    /// What the step under way is part of.
    boots: BTreeMap<InstanceId, u64>,
    wanted: BTreeSet<AttachmentId>,
    generations: BTreeMap<u32, BTreeSet<u64>>,
}

impl Machine {
    pub(crate) fn numbers(&self) -> VportNumbers {
        let mut numbers = VportNumbers::default();
        for (vport, device) in &self.observed.devices {
            if let Some(plug) = device.plug {
                numbers.adopt(plug.attachment_id, *vport);
            }
        }
        numbers
    }

    pub(crate) fn plan(&mut self, desired: &Desired) -> Plan {
        self.expect(desired);
        plan(desired, &self.observed)
    }

    /// The steps from now on lead there.
    pub(crate) fn expect(&mut self, desired: &Desired) {
        self.boots = desired
            .instances
            .iter()
            .map(|(id, instance)| (*id, instance.boot_count))
            .collect();
        self.wanted = desired.interfaces.keys().copied().collect();
    }

    pub(crate) fn apply(&mut self, step: &Step) {
        self.check(step);
        self.end(step);
    }

    /// A step that was begun when [`Machine::check`] allowed it has ended.
    pub(crate) fn end(&mut self, step: &Step) {
        if let Step::Cut(vport, row) | Step::Forget(vport, row) | Step::WriteVport(vport, row) =
            step
        {
            let fresh = self
                .generations
                .entry(*vport)
                .or_default()
                .insert(row.generation);
            assert!(
                fresh,
                "generation {} of vport {vport} came twice",
                row.generation
            );
        }
        self.observed.apply(step);
        if let Step::Cut(vport, _) | Step::Forget(vport, _) = step {
            assert!(!self.observed.passes(*vport));
        }
    }

    /// What must be so before the step.
    pub(crate) fn check(&self, step: &Step) {
        let observed = &self.observed;
        match step {
            Step::Unplug(vport) => {
                assert!(!observed.passes(*vport), "deleted before it was cut");
            }
            Step::CreateInstance(id, boot_count) => {
                let found = observed.instances.get(id);
                assert!(found.is_none_or(|found| found.network != Some(*boot_count)));
                assert!(
                    found.is_none_or(|found| !found.alive),
                    "renewed under processes"
                );
                assert!(!self.has_devices(*id), "renewed under devices");
            }
            Step::Plug(id, interface) => self.check_plug(&Plug::of(*id, interface), interface),
            Step::Guard(vport) => {
                assert!(*vport == UPLINK_VPORT || observed.devices.contains_key(vport));
            }
            Step::Link(vport) => assert!(observed.guarded.contains(vport)),
            Step::Configure(_, interface) => {
                assert!(observed.devices.contains_key(&interface.vport));
                let mut others = observed.brought.iter();
                let left_over = others.find(|(id, instance)| {
                    **instance == interface.instance_id && !self.wanted.contains(id)
                });
                assert_eq!(left_over, None, "brought beside what a gone one has left");
            }
            Step::Table(TableChange::Policy(policy, None)) => {
                let named = |row: &Vport| row.has(Vport::PRESENT) && row.security_policy == *policy;
                let rows = &observed.tables.vports;
                assert!(!rows.values().any(named), "a policy in use was removed");
            }
            Step::WriteVport(vport, row) => {
                assert!(
                    observed.guarded.contains(vport) || observed.passes(*vport),
                    "released without its program"
                );
                assert!(
                    *vport == UPLINK_VPORT
                        || observed.tables.policies.contains_key(&row.security_policy),
                    "flipped to a policy that is not there"
                );
            }
            Step::WriteGlobals(globals) => {
                assert!(globals.topology_generation > observed.globals.topology_generation);
            }
            Step::Announce(announcement) => {
                let found = observed.tables.mappings[&announcement.key];
                assert_eq!(found.unannounced, 1, "told twice");
                let told = announcement.mapping;
                assert_eq!((found.location, found.mac), (told.location, told.mac));
            }
            Step::Boot(id, instance) => {
                assert!(!observed.instances[id].alive, "booted while it runs");
                assert_eq!(observed.instances[id].network, Some(instance.boot_count));
            }
            Step::DestroyInstance(id) => {
                assert!(!self.has_devices(*id), "devices before their instance");
            }
            _ => {}
        }
    }

    pub(crate) fn has_devices(&self, id: InstanceId) -> bool {
        let has = |device: &ObservedDevice| device.plug.is_some_and(|p| p.instance_id == id);
        self.observed.devices.values().any(has)
    }

    pub(crate) fn check_plug(&self, plug: &Plug, interface: &DesiredInterface) {
        let observed = &self.observed;
        assert_eq!(
            observed.instances[&plug.instance_id].network,
            Some(self.boots[&plug.instance_id]),
            "plugged into another boot's network"
        );
        assert!(
            !observed.passes(interface.vport),
            "plugged into a vport that passes"
        );
        assert!(
            !observed.devices.contains_key(&interface.vport),
            "the vport is taken"
        );
        let name = |device: &&ObservedDevice| {
            device.plug.is_some_and(|found| {
                (found.instance_id, found.device_number) == (plug.instance_id, plug.device_number)
            })
        };
        assert_eq!(
            observed.devices.values().find(name),
            None,
            "the name is taken"
        );
    }

    /// A crash: the step under way may have been left half done.
    pub(crate) fn crash_in(&mut self, step: &Step) {
        if let Step::Plug(_, interface) = step {
            self.observed
                .devices
                .insert(interface.vport, ObservedDevice::default());
        }
        if let Step::CreateInstance(id, _) = step {
            self.observed.instances.entry(*id).or_default().network = None;
        }
        if let Step::Configure(id, interface) = step {
            self.observed.brought.insert(*id, interface.instance_id);
        }
        if let Step::Cut(vport, row) | Step::WriteVport(vport, row) = step {
            let mut row = *row;
            row.generation |= Vport::IN_TRANSITION;
            self.observed.tables.vports.insert(*vport, row);
        }
    }
}

pub(crate) fn without_generations(tables: &Tables) -> Tables {
    let mut tables = tables.clone();
    tables.vports.retain(|_, row| row.has(Vport::PRESENT));
    for row in tables.vports.values_mut() {
        row.generation = 0;
    }
    tables
}

pub(crate) fn settle(machine: &mut Machine, desired: &Desired) {
    for step in machine.plan(desired).steps() {
        machine.apply(step);
    }
    check_settled(&machine.observed, desired);
}

/// Nothing is left to do, and everything is as it is desired.
pub(crate) fn check_settled(observed: &Observed, desired: &Desired) {
    let again = plan(desired, observed);
    assert!(again.is_empty(), "not settled: {again:?}");
    let mut rows = observed.tables.vports.values();
    assert!(!rows.any(|row| row.has(Vport::PRESENT) && row.is_in_transition()));
    assert_eq!(without_generations(&observed.tables), desired.tables);
    assert!(observed.instances.keys().eq(desired.instances.keys()));
    let plugs: BTreeSet<_> = observed
        .devices
        .values()
        .map(|d| d.plug.unwrap().attachment_id)
        .collect();
    assert!(plugs.iter().eq(desired.interfaces.keys()));
    assert!(observed.brought.keys().eq(desired.interfaces.keys()));
    for (id, instance) in &desired.instances {
        assert_eq!(observed.instances[id].network, Some(instance.boot_count));
    }
}
