//! From observed to desired.
//!
//! The order of the steps carries the promises. An interface that goes is cut before anything else happens. A new one is
//! made, guarded by the program and configured before its row releases it. Rows a vport will name are written before
//! the vport's row flips to them, rows it named are removed afterwards. The generation is bumped when all rows stand.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{ABI_VERSION, Globals, Vport};

use crate::{
    Desired, DesiredInterface, Observed, ObservedDevice, Plan, Plug, Step, TableChange, Tables,
    UPLINK_VPORT,
};
use eni_types::AttachmentId;

/// The steps that lead from `observed` to `desired`; none when nothing is left to do.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let numbers = Generations::after(observed);
    let changes = table_changes(&desired.tables, &observed.tables);
    let named = named_policies(&desired.tables);
    let mut plan = Plan::default();
    cut(desired, observed, &numbers, &mut plan.now);
    make_room(desired, observed, &numbers, &mut plan.now);
    make_uplink(desired, observed, &mut plan.now);
    make_interfaces(desired, observed, &mut plan.now);
    // A removed rule of a policy still in use must take effect now; all others only take up space.
    let (later, mut now): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| {
        change.removes()
            && change
                .policy()
                .is_some_and(|policy| !named.contains(&policy))
    });
    now.sort_by_key(|change| change.policy().is_none());
    let tables_change = !now.is_empty();
    plan.now.extend(now.into_iter().map(Step::Table));
    write_vports(desired, observed, &numbers, &mut plan.now);
    write_globals(tables_change, observed, &numbers, &mut plan.now);
    reroute(desired, observed, &mut plan.then);
    run_instances(desired, observed, &mut plan.then);
    forget(desired, observed, &numbers, &mut plan.then);
    plan.then.extend(later.into_iter().map(Step::Table));
    link(desired, observed, &mut plan.at_leisure);
    free(desired, observed, &mut plan.at_leisure);
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

/// Whether `observed` has, at the interface's vport, the device of exactly this attachment.
fn is_plugged(id: AttachmentId, interface: &DesiredInterface, observed: &Observed) -> bool {
    observed
        .devices
        .get(&interface.vport)
        .is_some_and(|device| device.plug == Some(Plug::of(id, interface)))
}

/// Vports whose device is that of an interface which is still wanted.
fn kept(desired: &Desired, observed: &Observed) -> BTreeSet<u32> {
    desired
        .interfaces
        .iter()
        .filter(|(id, interface)| is_plugged(**id, interface, observed))
        .map(|(_, interface)| interface.vport)
        .chain([UPLINK_VPORT])
        .collect()
}

fn cut(desired: &Desired, observed: &Observed, numbers: &Generations, steps: &mut Vec<Step>) {
    let kept = kept(desired, observed);
    for (vport, row) in &observed.tables.vports {
        let wanted = kept.contains(vport) && desired.tables.vports.contains_key(vport);
        let is_cut = row.has(Vport::BLOCKED) && !row.is_in_transition();
        if row.has(Vport::PRESENT) && !is_cut && !wanted {
            let mut row = *row;
            row.flags |= Vport::BLOCKED;
            row.generation = numbers.cut;
            steps.push(Step::Cut(*vport, row));
        }
    }
}

/// Devices in the way of new ones: at the same vport, or with the same name in the same instance.
fn in_the_way(desired: &Desired, observed: &Observed) -> BTreeSet<u32> {
    let kept = kept(desired, observed);
    let names: BTreeSet<_> = desired
        .interfaces
        .values()
        .map(|interface| (interface.instance_id, interface.device_number))
        .collect();
    let vports: BTreeSet<u32> = desired.interfaces.values().map(|i| i.vport).collect();
    let takes_a_name = |plug: &Plug| names.contains(&(plug.instance_id, plug.device_number));
    observed
        .devices
        .iter()
        .filter(|(vport, device)| {
            vports.contains(vport) || device.plug.as_ref().is_some_and(takes_a_name)
        })
        .map(|(vport, _)| *vport)
        .filter(|vport| !kept.contains(vport))
        .collect()
}

fn make_room(desired: &Desired, observed: &Observed, numbers: &Generations, steps: &mut Vec<Step>) {
    for (id, interface) in &desired.interfaces {
        // A row left over at this number belongs to somebody else, with or without a device.
        let row = observed.tables.vports.get(&interface.vport);
        let left_over = row.is_some_and(|row| row.has(Vport::PRESENT));
        if left_over && !is_plugged(*id, interface, observed) {
            steps.push(Step::Forget(interface.vport, tombstone(numbers)));
        }
    }
    steps.extend(in_the_way(desired, observed).into_iter().map(Step::Unplug));
}

fn make_uplink(desired: &Desired, observed: &Observed, steps: &mut Vec<Step>) {
    let replaced = observed.uplink.as_ref() != Some(&desired.uplink);
    if replaced {
        steps.push(Step::PlugUplink(desired.uplink.clone()));
    }
    if replaced || !observed.guarded.contains(&UPLINK_VPORT) {
        steps.push(Step::Guard(UPLINK_VPORT));
    }
}

fn make_interfaces(desired: &Desired, observed: &Observed, steps: &mut Vec<Step>) {
    let missing = |id: &&_| !observed.instances.contains_key(*id);
    let instances = desired.instances.keys().filter(missing);
    steps.extend(instances.map(|id| Step::CreateInstance(*id)));
    // The primary interface first: a guest numbers what it sees in that order.
    let mut interfaces: Vec<_> = desired.interfaces.iter().collect();
    interfaces.sort_by_key(|(_, interface)| (interface.instance_id, interface.device_number));
    for (id, interface) in interfaces {
        let plugged = is_plugged(*id, interface, observed);
        if !plugged {
            steps.push(Step::Plug(*id, interface.clone()));
        }
        if !plugged || !observed.guarded.contains(&interface.vport) {
            steps.push(Step::Guard(interface.vport));
        }
        if !plugged || !is_configured(interface, observed) {
            steps.push(Step::Configure(*id, interface.clone()));
        }
    }
}

fn is_configured(interface: &DesiredInterface, observed: &Observed) -> bool {
    let device = observed.devices.get(&interface.vport);
    device.is_some_and(|device| {
        device.configured == interface.private_ip_addresses && !device.has_lost_routes
    })
}

/// Interfaces that stay, and are no longer alone in their instance, or alone again. What moves is not kept waiting.
fn reroute(desired: &Desired, observed: &Observed, steps: &mut Vec<Step>) {
    for (id, interface) in &desired.interfaces {
        let routing = |device: &ObservedDevice| device.source_routing == interface.source_routing;
        let routed = observed.devices.get(&interface.vport).is_some_and(routing);
        // What is yet to be configured is so with its routing.
        if !routed && is_plugged(*id, interface, observed) && is_configured(interface, observed) {
            steps.push(Step::Configure(*id, interface.clone()));
        }
    }
}

fn write_vports(
    desired: &Desired,
    observed: &Observed,
    numbers: &Generations,
    steps: &mut Vec<Step>,
) {
    let kept = kept(desired, observed);
    for (vport, row) in &desired.tables.vports {
        let found = observed.tables.vports.get(vport);
        let same = found.is_some_and(|found| {
            kept.contains(vport)
                && !found.is_in_transition()
                && with_generation(row, found.generation) == *found
        });
        if !same {
            steps.push(Step::WriteVport(
                *vport,
                with_generation(row, numbers.write),
            ));
        }
    }
}

fn write_globals(
    tables_change: bool,
    observed: &Observed,
    numbers: &Generations,
    steps: &mut Vec<Step>,
) {
    let wanted = Globals {
        topology_generation: observed.globals.topology_generation,
        uplink_vport: UPLINK_VPORT,
        abi_version: ABI_VERSION,
    };
    if tables_change || wanted != observed.globals {
        steps.push(Step::WriteGlobals(Globals {
            topology_generation: numbers.write,
            ..wanted
        }));
    }
}

fn run_instances(desired: &Desired, observed: &Observed, steps: &mut Vec<Step>) {
    for (id, found) in &observed.instances {
        let wanted = desired
            .instances
            .get(id)
            .map(|instance| instance.boot_count);
        if found.alive && (wanted.is_none() || wanted != found.boot_count) {
            steps.push(Step::Halt(*id));
        }
    }
    for (id, instance) in &desired.instances {
        let booted = observed
            .instances
            .get(id)
            .and_then(|found| found.boot_count);
        // One that died on its own stays down, as on EC2, until it is rebooted, or stopped and started.
        if booted != Some(instance.boot_count) {
            steps.push(Step::Boot(*id, instance.clone()));
        }
    }
}

fn forget(desired: &Desired, observed: &Observed, numbers: &Generations, steps: &mut Vec<Step>) {
    for (vport, row) in &observed.tables.vports {
        if row.has(Vport::PRESENT) && !desired.tables.vports.contains_key(vport) {
            steps.push(Step::Forget(*vport, tombstone(numbers)));
        }
    }
}

fn link(desired: &Desired, observed: &Observed, steps: &mut Vec<Step>) {
    let uplink_is_new = observed.uplink.as_ref() != Some(&desired.uplink);
    if uplink_is_new || !observed.linked.contains(&UPLINK_VPORT) {
        steps.push(Step::Link(UPLINK_VPORT));
    }
    for (id, interface) in &desired.interfaces {
        let vport = interface.vport;
        if !is_plugged(*id, interface, observed) || !observed.linked.contains(&vport) {
            steps.push(Step::Link(vport));
        }
    }
}

fn free(desired: &Desired, observed: &Observed, steps: &mut Vec<Step>) {
    let mut stays = kept(desired, observed);
    stays.extend(in_the_way(desired, observed)); // gone already
    let devices = observed
        .devices
        .keys()
        .filter(|vport| !stays.contains(vport));
    steps.extend(devices.map(|vport| Step::Unplug(*vport)));
    let unwanted = |id: &&_| !desired.instances.contains_key(*id);
    let instances = observed.instances.keys().filter(unwanted);
    steps.extend(instances.map(|id| Step::DestroyInstance(*id)));
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
    differ(
        &desired.mappings,
        &observed.mappings,
        TableChange::Mapping,
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
