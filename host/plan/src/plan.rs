//! From observed to desired.
//!
//! The order of the steps carries the promises. An interface that goes is cut before anything else happens. A new one is
//! made, guarded by the program and configured before its row releases it. Rows a vport will name are written before
//! the vport's row flips to them, rows it named are removed afterwards. The generation is bumped when all rows stand.
//! Then guests are told of addresses that have moved.
//! What was brought into a guest for an interface that is gone is withdrawn before anything is brought.

use alloc::vec::Vec;

use eni_abi::{ABI_VERSION, Globals, SERVICES_VPORT, Vport};
use eni_lower::{Desired, DesiredInterface, TableChange, TableKey, UPLINK_VPORT};
use eni_types::{AttachmentId, InstanceId};

use crate::index::Index;
use crate::touched::Touched;
use crate::{Observed, ObservedDevice, Plan, Plug, Step, announce};

/// The steps that lead from `observed` to `desired`; none when nothing is left to do.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let comparison = Comparison {
        desired,
        observed,
        index: &Index::of(desired, observed),
        touched: &Touched::all(desired, observed),
    };
    comparison.plan()
}

/// Numbers that no row has had, one for each time that a plan may write the same row.
struct Generations {
    cut: u64,
    forget: u64,
    write: u64,
}

impl Generations {
    fn after(last: u64) -> Self {
        Self {
            cut: last + 1,
            forget: last + 2,
            write: last + 3,
        }
    }
}

/// What is wanted beside what is there, as far as it has been touched.
pub(crate) struct Comparison<'a> {
    pub(crate) desired: &'a Desired,
    pub(crate) observed: &'a Observed,
    pub(crate) index: &'a Index,
    pub(crate) touched: &'a Touched,
}

impl<'a> Comparison<'a> {
    pub(crate) fn plan(&self) -> Plan {
        let numbers = Generations::after(self.index.last_generation());
        let rows = self.touched.rows.iter();
        let rows = rows.filter_map(|key| self.change(*key));
        // A removed rule of a policy still in use must take effect now; all others only take up space.
        let is_unused = |policy| !self.desired.tables.policies.contains_key(&policy);
        let (later, mut now): (Vec<_>, Vec<_>) =
            rows.partition(|change| change.removes() && change.policy().is_some_and(is_unused));
        now.sort_by_key(|change| (change.policy().is_none(), change.removes()));
        let rows_change = !now.is_empty();
        let announcements = announce::steps(self, &now);

        let mut plan = Plan::default();
        self.cut(&numbers, &mut plan.now);
        self.withdraw(&mut plan.now);
        self.clear_the_way(&numbers, &mut plan.now);
        self.make_uplink(&mut plan.now);
        self.make_interfaces(&mut plan.now);
        plan.now.extend(now.into_iter().map(Step::Table));
        self.write_vports(&numbers, &mut plan.now);
        self.write_globals(rows_change, &numbers, &mut plan.now);
        plan.now.extend(announcements);
        self.renew_networks(&numbers, &mut plan.then);
        self.run_instances(&mut plan.then);
        self.forget(&numbers, &mut plan.then);
        plan.then.extend(later.into_iter().map(Step::Table));
        self.link(&mut plan.deferred);
        self.free(&mut plan.deferred);
        plan
    }

    /// Whether the instance's network is another boot's, or nobody's: a boot is a new kernel, so it is made anew first.
    fn is_renewed(&self, id: InstanceId) -> bool {
        let wanted = self.desired.instances.get(&id);
        let found = self.observed.instances.get(&id);
        match (wanted, found) {
            (Some(wanted), Some(found)) => found.network != Some(wanted.boot_count),
            _ => false,
        }
    }

    /// Whether there is, at the interface's vport, the device of exactly this attachment.
    fn is_plugged(&self, id: AttachmentId, interface: &DesiredInterface) -> bool {
        let device = self.observed.devices.get(&interface.vport);
        device.is_some_and(|device| device.plug == Some(Plug::of(id, interface)))
            && !self.is_renewed(interface.instance_id)
    }

    /// Whether the vport's device is that of an interface which is still wanted, in the network that its instance boots
    /// with; or one that a region has for all its life. An endpoint has none.
    fn is_kept(&self, vport: u32) -> bool {
        let interface = self.index.interface_at(vport).and_then(|id| {
            let interface = self.desired.interfaces.get(&id)?;
            Some((id, interface))
        });
        let row = self.desired.tables.vports.get(&vport);
        matches!(vport, UPLINK_VPORT | SERVICES_VPORT)
            || row.is_some_and(Vport::is_endpoint)
            || interface.is_some_and(|(id, interface)| self.is_plugged(id, interface))
    }

    /// The device's instance, if its network is to be made anew.
    fn renewed_instance(&self, device: &ObservedDevice) -> Option<InstanceId> {
        let instance = device.plug.map(|plug| plug.instance_id);
        instance.filter(|id| self.is_renewed(*id))
    }

    /// The interfaces of touched instances, the primary one of each first.
    fn interfaces(&self) -> impl Iterator<Item = (AttachmentId, &'a DesiredInterface)> {
        self.touched
            .instances
            .iter()
            .flat_map(|id| self.interfaces_of(*id))
    }

    fn interfaces_of(
        &self,
        id: InstanceId,
    ) -> impl Iterator<Item = (AttachmentId, &'a DesiredInterface)> + use<'a> {
        let (index, interfaces) = (self.index, &self.desired.interfaces);
        index
            .interfaces_of(id)
            .filter_map(|id| Some((id, interfaces.get(&id)?)))
    }

    /// Touched vports that have a row, with it.
    fn observed_rows(&self) -> impl Iterator<Item = (u32, &'a Vport)> {
        let rows = &self.observed.tables.vports;
        let touched = self.touched.vports.iter();
        touched.filter_map(|vport| Some((*vport, rows.get(vport)?)))
    }

    /// Touched vports that have a device, with it.
    fn devices(&self) -> impl Iterator<Item = (u32, &'a ObservedDevice)> {
        let devices = &self.observed.devices;
        let touched = self.touched.vports.iter();
        touched.filter_map(|vport| Some((*vport, devices.get(vport)?)))
    }

    /// The row at `key` as it is to be, if it is not so.
    fn change(&self, key: TableKey) -> Option<TableChange> {
        let (desired, observed) = (&self.desired.tables, &self.observed.tables);
        match key {
            TableKey::Mapping(key) => announce::change(self, key),
            key => (!desired.agree_at(observed, key)).then(|| desired.change(key)),
        }
    }

    fn cut(&self, numbers: &Generations, steps: &mut Vec<Step>) {
        for (vport, row) in self.observed_rows() {
            let wanted = self.is_kept(vport) && self.desired.tables.vports.contains_key(&vport);
            let is_cut = row.has(Vport::BLOCKED) && !row.is_in_transition();
            if row.has(Vport::PRESENT) && !is_cut && !wanted {
                let mut row = *row;
                row.flags |= Vport::BLOCKED;
                row.generation = numbers.cut;
                steps.push(Step::Cut(vport, row));
            }
        }
    }

    /// Before anything is brought: an address may be another interface's now. What was brought into a network that goes
    /// goes with it.
    fn withdraw(&self, steps: &mut Vec<Step>) {
        for instance in &self.touched.instances {
            if !self.desired.instances.contains_key(instance) || self.is_renewed(*instance) {
                continue;
            }
            let brought = self.index.brought_into(*instance);
            let left_over = brought.filter(|id| !self.desired.interfaces.contains_key(id));
            steps.extend(left_over.map(|id| Step::Withdraw(id, *instance)));
        }
    }

    /// Whether the device is in the way of a new one: at the same vport, or with the same name in the same instance.
    fn is_in_the_way(&self, vport: u32, device: &ObservedDevice) -> bool {
        let takes_a_name = device.plug.is_some_and(|plug| {
            let index = self.index;
            index.has_interface(plug.instance_id, plug.device_number)
        });
        (takes_a_name || self.index.interface_at(vport).is_some())
            && self.renewed_instance(device).is_none()
            && !self.is_kept(vport)
    }

    /// Takes away what new interfaces would meet in their places.
    fn clear_the_way(&self, numbers: &Generations, steps: &mut Vec<Step>) {
        for (id, interface) in self.interfaces() {
            // A row left over at this number belongs to somebody else, with or without a device.
            let row = self.observed.tables.vports.get(&interface.vport);
            let left_over = row.is_some_and(|row| row.has(Vport::PRESENT));
            let renewed = self.is_renewed(interface.instance_id);
            if left_over && !renewed && !self.is_plugged(id, interface) {
                steps.push(Step::Forget(interface.vport, tombstone(numbers)));
            }
        }
        let in_the_way = self
            .devices()
            .filter(|(vport, device)| self.is_in_the_way(*vport, device));
        steps.extend(in_the_way.map(|(vport, _)| Step::Unplug(vport)));
    }

    fn make_uplink(&self, steps: &mut Vec<Step>) {
        if !self.touched.vports.contains(&UPLINK_VPORT) {
            return;
        }
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
        for id in &self.touched.instances {
            if let Some(instance) = self.desired.instances.get(id)
                && !self.observed.instances.contains_key(id)
            {
                steps.push(Step::CreateInstance(*id, instance.boot_count));
            }
        }
        // A guest numbers what it sees in this order.
        for (id, interface) in self.interfaces() {
            if self.is_renewed(interface.instance_id) {
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
            interface.blocks().eq(device.configured.iter().copied()) && !device.has_lost_routes
        })
    }

    /// The vport's row as it is to be, if it is not so.
    fn row(&self, vport: u32, numbers: &Generations) -> Option<Step> {
        let row = self.desired.tables.vports.get(&vport)?;
        let found = self.observed.tables.vports.get(&vport);
        let same = found.is_some_and(|found| {
            self.is_kept(vport)
                && !found.is_in_transition()
                && with_generation(row, found.generation) == *found
        });
        let row = with_generation(row, numbers.write);
        (!same).then_some(Step::WriteVport(vport, row))
    }

    fn write_vports(&self, numbers: &Generations, steps: &mut Vec<Step>) {
        let waits = |vport: u32| {
            let interface = self.index.interface_at(vport);
            let interface = interface.and_then(|id| self.desired.interfaces.get(&id));
            interface.is_some_and(|interface| self.is_renewed(interface.instance_id))
        };
        let vports = self.touched.vports.iter().copied();
        let vports = vports.filter(|vport| !waits(*vport));
        steps.extend(vports.filter_map(|vport| self.row(vport, numbers)));
    }

    fn write_globals(&self, rows_change: bool, numbers: &Generations, steps: &mut Vec<Step>) {
        let found = self.observed.globals;
        let wanted = Globals {
            topology_generation: found.topology_generation,
            uplink_vport: UPLINK_VPORT,
            abi_version: ABI_VERSION,
        };
        if rows_change || wanted != found {
            steps.push(Step::WriteGlobals(Globals {
                topology_generation: numbers.write,
                ..wanted
            }));
        }
    }

    /// Reboots each instance that has another boot's network, network and all. Deleting devices takes long, and these
    /// interfaces' packets wait for the boot anyway: others' do not wait for it.
    fn renew_networks(&self, numbers: &Generations, steps: &mut Vec<Step>) {
        for id in &self.touched.instances {
            if !self.is_renewed(*id) {
                continue;
            }
            let Some(instance) = self.desired.instances.get(id) else {
                continue;
            };
            let found = self.observed.instances.get(id);
            if found.is_some_and(|found| found.alive) {
                steps.push(Step::Halt(*id));
            }
            let devices = self.index.devices_of(*id).into_iter();
            steps.extend(devices.map(Step::Unplug));
            steps.push(Step::CreateInstance(*id, instance.boot_count));
            for (attachment, interface) in self.interfaces_of(*id) {
                steps.push(Step::Plug(attachment, interface.clone()));
                steps.push(Step::Guard(interface.vport));
                steps.push(Step::Configure(attachment, interface.clone()));
                steps.extend(self.row(interface.vport, numbers));
            }
            steps.push(Step::Boot(*id, instance.clone()));
        }
    }

    fn run_instances(&self, steps: &mut Vec<Step>) {
        let instances = self.touched.instances.iter().copied();
        let others = instances.filter(|id| !self.is_renewed(*id));
        let (wanted, observed) = (&self.desired.instances, &self.observed.instances);
        for id in others.clone() {
            let boot_count = wanted.get(&id).map(|instance| instance.boot_count);
            let halts = observed.get(&id).is_some_and(|found| {
                found.alive && (boot_count.is_none() || boot_count != found.boot_count)
            });
            if halts {
                steps.push(Step::Halt(id));
            }
        }
        for id in others {
            let Some(instance) = wanted.get(&id) else {
                continue;
            };
            let found = observed.get(&id);
            // One that died on its own stays down, as on EC2, until it is rebooted, or stopped and started.
            if found.and_then(|found| found.boot_count) != Some(instance.boot_count) {
                steps.push(Step::Boot(id, instance.clone()));
            } else if found.is_some_and(|found| {
                found.alive && found.resolver.as_ref() != Some(&instance.resolver)
            }) {
                steps.push(Step::Resolve(id, instance.resolver.clone()));
            }
        }
    }

    fn forget(&self, numbers: &Generations, steps: &mut Vec<Step>) {
        for (vport, row) in self.observed_rows() {
            if row.has(Vport::PRESENT) && !self.desired.tables.vports.contains_key(&vport) {
                steps.push(Step::Forget(vport, tombstone(numbers)));
            }
        }
    }

    fn link(&self, steps: &mut Vec<Step>) {
        let uplink_is_new = self.observed.uplink.as_ref() != Some(&self.desired.uplink);
        let is_linked = |vport| self.observed.linked.contains(&vport);
        if self.touched.vports.contains(&UPLINK_VPORT)
            && (uplink_is_new || !is_linked(UPLINK_VPORT))
        {
            steps.push(Step::Link(UPLINK_VPORT));
        }
        for (id, interface) in self.interfaces() {
            if !self.is_plugged(id, interface) || !is_linked(interface.vport) {
                steps.push(Step::Link(interface.vport));
            }
        }
    }

    fn free(&self, steps: &mut Vec<Step>) {
        for (vport, device) in self.devices() {
            let goes_earlier =
                self.is_in_the_way(vport, device) || self.renewed_instance(device).is_some();
            if !goes_earlier && !self.is_kept(vport) {
                steps.push(Step::Unplug(vport));
            }
        }
        let (wanted, found) = (&self.desired.instances, &self.observed.instances);
        let instances = self.touched.instances.iter();
        let unwanted = instances.filter(|id| found.contains_key(id) && !wanted.contains_key(id));
        steps.extend(unwanted.map(|id| Step::DestroyInstance(*id)));
    }
}

fn with_generation(row: &Vport, generation: u64) -> Vport {
    Vport { generation, ..*row }
}

fn tombstone(numbers: &Generations) -> Vport {
    with_generation(&Vport::default(), numbers.forget)
}
