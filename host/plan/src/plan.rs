//! From observed to desired.
//!
//! The order of the steps carries the promises. An interface that goes is cut before anything else happens. A new one is
//! made, guarded by the program and configured before its row releases it. Rows a vport will name are written before
//! the vport's row flips to them, rows it named are removed afterwards. The generation is bumped when all rows stand.
//! Then guests are told of addresses that have moved.
//! What was brought into a guest for an interface that is gone is withdrawn before anything is brought.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{ABI_VERSION, Globals, Vport};
use eni_lower::{Desired, DesiredInterface, TableChange, Tables, UPLINK_VPORT};
use eni_types::{AttachmentId, InstanceId};

use crate::{Observed, ObservedDevice, Plan, Plug, Step, announce};

/// The steps that lead from `observed` to `desired`; none when nothing is left to do.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let changes = table_changes(&desired.tables, &observed.tables);
    let named = named_policies(&desired.tables);
    let gap = Gap::between(desired, observed);
    let mut plan = Plan::default();
    gap.cut(&mut plan.now);
    gap.withdraw(&mut plan.now);
    gap.make_room(&mut plan.now);
    gap.make_uplink(&mut plan.now);
    gap.make_interfaces(&mut plan.now);
    // A removed rule of a policy still in use must take effect now; all others only take up space.
    let (later, mut now): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| {
        change.removes()
            && change
                .policy()
                .is_some_and(|policy| !named.contains(&policy))
    });
    now.sort_by_key(|change| change.policy().is_none());
    let tables_change = !now.is_empty();
    let mut announcements = Vec::new();
    announce::steps(&desired.tables, &observed.tables, &now, &mut announcements);
    plan.now.extend(now.into_iter().map(Step::Table));
    gap.write_vports(&mut plan.now);
    gap.write_globals(tables_change, &mut plan.now);
    plan.now.extend(announcements);
    gap.renew_networks(&mut plan.then);
    gap.run_instances(&mut plan.then);
    gap.forget(&mut plan.then);
    plan.then.extend(later.into_iter().map(Step::Table));
    gap.link(&mut plan.deferred);
    gap.free(&mut plan.deferred);
    plan
}

/// Numbers that no row has had, one for each time that a plan may write the same row.
struct Generations {
    cut: u64,
    forget: u64,
    write: u64,
}

impl Generations {
    fn after(observed: &Observed) -> Self {
        let vports = observed.tables.vports.values();
        let rows = vports.map(|row| row.generation & !Vport::IN_TRANSITION);
        let last = rows.fold(observed.globals.topology_generation, u64::max);
        Self {
            cut: last + 1,
            forget: last + 2,
            write: last + 3,
        }
    }
}

/// What is wanted beside what is there.
struct Gap<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    numbers: Generations,
    /// Instances whose network is another boot's, or nobody's: a boot is a new kernel, so it is made anew first.
    renewed: BTreeSet<InstanceId>,
    /// Vports whose device is that of an interface which is still wanted, in the network that its instance boots with.
    kept: BTreeSet<u32>,
}

impl<'a> Gap<'a> {
    fn between(desired: &'a Desired, observed: &'a Observed) -> Self {
        let is_renewed = |id: &InstanceId, boot_count: u64| {
            let found = observed.instances.get(id);
            found.is_some_and(|found| found.network != Some(boot_count))
        };
        let instances = desired.instances.iter();
        let mut gap = Self {
            desired,
            observed,
            numbers: Generations::after(observed),
            renewed: instances
                .filter(|(id, instance)| is_renewed(id, instance.boot_count))
                .map(|(id, _)| *id)
                .collect(),
            kept: BTreeSet::new(),
        };
        gap.kept = desired
            .interfaces
            .iter()
            .filter(|(id, interface)| gap.is_plugged(**id, interface))
            .map(|(_, interface)| interface.vport)
            .chain([UPLINK_VPORT])
            .collect();
        gap
    }

    /// Whether there is, at the interface's vport, the device of exactly this attachment.
    fn is_plugged(&self, id: AttachmentId, interface: &DesiredInterface) -> bool {
        let device = self.observed.devices.get(&interface.vport);
        device.is_some_and(|device| device.plug == Some(Plug::of(id, interface)))
            && !self.renewed.contains(&interface.instance_id)
    }

    /// The device's instance, if its network is to be made anew.
    fn renewed_instance(&self, device: &ObservedDevice) -> Option<InstanceId> {
        let instance = device.plug.map(|plug| plug.instance_id);
        instance.filter(|id| self.renewed.contains(id))
    }

    /// Interfaces, the primary one of each instance first: a guest numbers what it sees in that order.
    fn interfaces(&self) -> Vec<(AttachmentId, &'a DesiredInterface)> {
        let interfaces = self.desired.interfaces.iter();
        let mut interfaces: Vec<_> = interfaces.map(|(id, found)| (*id, found)).collect();
        interfaces.sort_by_key(|(_, interface)| (interface.instance_id, interface.device_number));
        interfaces
    }

    fn cut(&self, steps: &mut Vec<Step>) {
        for (vport, row) in &self.observed.tables.vports {
            let wanted =
                self.kept.contains(vport) && self.desired.tables.vports.contains_key(vport);
            let is_cut = row.has(Vport::BLOCKED) && !row.is_in_transition();
            if row.has(Vport::PRESENT) && !is_cut && !wanted {
                let mut row = *row;
                row.flags |= Vport::BLOCKED;
                row.generation = self.numbers.cut;
                steps.push(Step::Cut(*vport, row));
            }
        }
    }

    /// Before anything is brought: an address may be another interface's now. What was brought into a network that goes
    /// goes with it.
    fn withdraw(&self, steps: &mut Vec<Step>) {
        for (id, instance) in &self.observed.brought {
            let stays =
                self.desired.instances.contains_key(instance) && !self.renewed.contains(instance);
            if stays && !self.desired.interfaces.contains_key(id) {
                steps.push(Step::Withdraw(*id, *instance));
            }
        }
    }

    /// Devices in the way of new ones: at the same vport, or with the same name in the same instance.
    fn in_the_way(&self) -> BTreeSet<u32> {
        let interfaces = self.desired.interfaces.values();
        let names: BTreeSet<_> = interfaces
            .clone()
            .map(|interface| (interface.instance_id, interface.device_number))
            .collect();
        let vports: BTreeSet<u32> = interfaces.map(|interface| interface.vport).collect();
        let takes_a_name = |plug: &Plug| names.contains(&(plug.instance_id, plug.device_number));
        let devices = self.observed.devices.iter();
        devices
            .filter(|(_, device)| self.renewed_instance(device).is_none())
            .filter(|(vport, device)| {
                vports.contains(vport) || device.plug.as_ref().is_some_and(takes_a_name)
            })
            .map(|(vport, _)| *vport)
            .filter(|vport| !self.kept.contains(vport))
            .collect()
    }

    fn make_room(&self, steps: &mut Vec<Step>) {
        for (id, interface) in &self.desired.interfaces {
            // A row left over at this number belongs to somebody else, with or without a device.
            let row = self.observed.tables.vports.get(&interface.vport);
            let left_over = row.is_some_and(|row| row.has(Vport::PRESENT));
            let renewed = self.renewed.contains(&interface.instance_id);
            if left_over && !renewed && !self.is_plugged(*id, interface) {
                steps.push(Step::Forget(interface.vport, tombstone(&self.numbers)));
            }
        }
        steps.extend(self.in_the_way().into_iter().map(Step::Unplug));
    }

    fn make_uplink(&self, steps: &mut Vec<Step>) {
        let uplink = &self.desired.uplink;
        let replaced = self.observed.uplink.as_ref() != Some(uplink);
        if replaced {
            steps.push(Step::PlugUplink(uplink.clone()));
        }
        if replaced || !self.observed.guarded.contains(&UPLINK_VPORT) {
            steps.push(Step::Guard(UPLINK_VPORT));
        }
    }

    fn make_interfaces(&self, steps: &mut Vec<Step>) {
        for (id, instance) in &self.desired.instances {
            if !self.observed.instances.contains_key(id) {
                steps.push(Step::CreateInstance(*id, instance.boot_count));
            }
        }
        for (id, interface) in self.interfaces() {
            if self.renewed.contains(&interface.instance_id) {
                continue;
            }
            let plugged = self.is_plugged(id, interface);
            if !plugged {
                steps.push(Step::Plug(id, interface.clone()));
            }
            if !plugged || !self.observed.guarded.contains(&interface.vport) {
                steps.push(Step::Guard(interface.vport));
            }
            if !plugged || !self.is_configured(interface) {
                steps.push(Step::Configure(id, interface.clone()));
            }
        }
    }

    fn is_configured(&self, interface: &DesiredInterface) -> bool {
        let device = self.observed.devices.get(&interface.vport);
        device.is_some_and(|device| {
            device.configured == interface.private_ip_addresses && !device.has_lost_routes
        })
    }

    /// The vport's row as it is to be, if it is not so.
    fn row(&self, vport: u32) -> Option<Step> {
        let row = self.desired.tables.vports.get(&vport)?;
        let found = self.observed.tables.vports.get(&vport);
        let same = found.is_some_and(|found| {
            self.kept.contains(&vport)
                && !found.is_in_transition()
                && with_generation(row, found.generation) == *found
        });
        let row = with_generation(row, self.numbers.write);
        (!same).then_some(Step::WriteVport(vport, row))
    }

    fn write_vports(&self, steps: &mut Vec<Step>) {
        let interfaces = self.desired.interfaces.values();
        let waiting: BTreeSet<u32> = interfaces
            .filter(|interface| self.renewed.contains(&interface.instance_id))
            .map(|interface| interface.vport)
            .collect();
        let vports = self.desired.tables.vports.keys();
        let vports = vports.filter(|vport| !waiting.contains(vport));
        steps.extend(vports.filter_map(|vport| self.row(*vport)));
    }

    fn write_globals(&self, tables_change: bool, steps: &mut Vec<Step>) {
        let found = self.observed.globals;
        let wanted = Globals {
            topology_generation: found.topology_generation,
            uplink_vport: UPLINK_VPORT,
            abi_version: ABI_VERSION,
        };
        if tables_change || wanted != found {
            steps.push(Step::WriteGlobals(Globals {
                topology_generation: self.numbers.write,
                ..wanted
            }));
        }
    }

    /// Reboots each instance that has another boot's network, network and all. Deleting devices takes long, and these
    /// interfaces' packets wait for the boot anyway: others' do not wait for it.
    fn renew_networks(&self, steps: &mut Vec<Step>) {
        let interfaces = self.interfaces();
        for id in &self.renewed {
            let Some(instance) = self.desired.instances.get(id) else {
                continue;
            };
            if self
                .observed
                .instances
                .get(id)
                .is_some_and(|found| found.alive)
            {
                steps.push(Step::Halt(*id));
            }
            let devices = self.observed.devices.iter();
            let devices = devices.filter(|(_, device)| self.renewed_instance(device) == Some(*id));
            steps.extend(devices.map(|(vport, _)| Step::Unplug(*vport)));
            steps.push(Step::CreateInstance(*id, instance.boot_count));
            for (attachment, interface) in &interfaces {
                if interface.instance_id == *id {
                    steps.push(Step::Plug(*attachment, (*interface).clone()));
                    steps.push(Step::Guard(interface.vport));
                    steps.push(Step::Configure(*attachment, (*interface).clone()));
                    steps.extend(self.row(interface.vport));
                }
            }
            steps.push(Step::Boot(*id, instance.clone()));
        }
    }

    fn run_instances(&self, steps: &mut Vec<Step>) {
        let wanted = &self.desired.instances;
        for (id, found) in &self.observed.instances {
            let boot_count = wanted.get(id).map(|instance| instance.boot_count);
            let other = boot_count.is_none() || boot_count != found.boot_count;
            if found.alive && other && !self.renewed.contains(id) {
                steps.push(Step::Halt(*id));
            }
        }
        for (id, instance) in wanted {
            let found = self.observed.instances.get(id);
            let booted = found.and_then(|found| found.boot_count);
            // One that died on its own stays down, as on EC2, until it is rebooted, or stopped and started.
            if booted != Some(instance.boot_count) && !self.renewed.contains(id) {
                steps.push(Step::Boot(*id, instance.clone()));
            }
        }
    }

    fn forget(&self, steps: &mut Vec<Step>) {
        for (vport, row) in &self.observed.tables.vports {
            if row.has(Vport::PRESENT) && !self.desired.tables.vports.contains_key(vport) {
                steps.push(Step::Forget(*vport, tombstone(&self.numbers)));
            }
        }
    }

    fn link(&self, steps: &mut Vec<Step>) {
        let uplink_is_new = self.observed.uplink.as_ref() != Some(&self.desired.uplink);
        if uplink_is_new || !self.observed.linked.contains(&UPLINK_VPORT) {
            steps.push(Step::Link(UPLINK_VPORT));
        }
        for (id, interface) in &self.desired.interfaces {
            let vport = interface.vport;
            if !self.is_plugged(*id, interface) || !self.observed.linked.contains(&vport) {
                steps.push(Step::Link(vport));
            }
        }
    }

    fn free(&self, steps: &mut Vec<Step>) {
        let in_the_way = self.in_the_way(); // gone already
        for (vport, device) in &self.observed.devices {
            let goes_earlier =
                in_the_way.contains(vport) || self.renewed_instance(device).is_some();
            if !goes_earlier && !self.kept.contains(vport) {
                steps.push(Step::Unplug(*vport));
            }
        }
        let unwanted = |id: &&_| !self.desired.instances.contains_key(*id);
        let instances = self.observed.instances.keys().filter(unwanted);
        steps.extend(instances.map(|id| Step::DestroyInstance(*id)));
    }
}

fn with_generation(row: &Vport, generation: u64) -> Vport {
    Vport { generation, ..*row }
}

fn tombstone(numbers: &Generations) -> Vport {
    with_generation(&Vport::default(), numbers.forget)
}

/// Policies that a desired row names.
fn named_policies(tables: &Tables) -> BTreeSet<u32> {
    tables
        .vports
        .values()
        .flat_map(|row| [row.security_policy, row.network_acl_policy])
        .collect()
}

fn table_changes(desired: &Tables, observed: &Tables) -> Vec<TableChange> {
    let mut changes = Vec::new();
    let add = &mut changes;
    differ(
        &desired.remote_rules,
        &observed.remote_rules,
        TableChange::RemoteRule,
        add,
    );
    differ(
        &desired.identity_rules,
        &observed.identity_rules,
        TableChange::IdentityRule,
        add,
    );
    differ(
        &desired.port_rules,
        &observed.port_rules,
        TableChange::PortRule,
        add,
    );
    differ(
        &desired.policies,
        &observed.policies,
        TableChange::Policy,
        add,
    );
    announce::changes(desired, observed, add);
    differ(
        &desired.vpc_blocks,
        &observed.vpc_blocks,
        TableChange::VpcBlock,
        add,
    );
    differ(&desired.macs, &observed.macs, TableChange::Mac, add);
    differ(&desired.routes, &observed.routes, TableChange::Route, add);
    differ(
        &desired.public_addresses,
        &observed.public_addresses,
        TableChange::PublicAddress,
        add,
    );
    changes
}

fn differ<K: Ord + Copy, V: PartialEq + Copy>(
    desired: &BTreeMap<K, V>,
    observed: &BTreeMap<K, V>,
    change: impl Fn(K, Option<V>) -> TableChange,
    changes: &mut Vec<TableChange>,
) {
    for (key, row) in desired {
        if observed.get(key) != Some(row) {
            changes.push(change(*key, Some(*row)));
        }
    }
    for key in observed.keys() {
        if !desired.contains_key(key) {
            changes.push(change(*key, None));
        }
    }
}
