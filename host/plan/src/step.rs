//! What the agent can do, one thing at a time.

use alloc::string::String;
use alloc::vec::Vec;

use eni_abi::{Globals, Mac, Mapping, MappingKey, Vport};
use eni_lower::{DesiredInstance, DesiredInterface, DesiredUplink, TableChange, UPLINK_VPORT};
use eni_types::{AttachmentId, InstanceId};

/// The steps from observed to desired, each list in its order. A repeated step does no harm, and after any number of
/// them a new plan leads to the same end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What packets wait for: cuts first, releases last. Microseconds to milliseconds.
    pub now: Vec<Step>,
    /// What no packet waits for: instances boot and halt, rows nothing names any more go.
    pub then: Vec<Step>,
    /// What changes nothing for packets: programs are linked, what is left over is freed. Each holds up every other
    /// change of devices for tens of milliseconds, so this waits until the region has been quiet for a moment.
    pub deferred: Vec<Step>,
}

impl Plan {
    /// Whether the machine is as desired.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.now.is_empty() && self.then.is_empty() && self.deferred.is_empty()
    }

    /// All steps in their order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.now.iter().chain(&self.then).chain(&self.deferred)
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a policy's row is half a kilobyte; plans are short and live for one pass"
)]
pub enum Step {
    /// Cuts a vport: its row is replaced by one that passes nothing.
    Cut(u32, Vport),
    /// Deletes a veth pair and what belongs to its vport's program.
    Unplug(u32),
    /// Makes the way to the host, in place of one that differs.
    PlugUplink(DesiredUplink),
    /// Makes an instance's place, and a network namespace for this boot in it, in place of one of an earlier boot, whose
    /// devices and processes are gone before. No process runs there yet.
    CreateInstance(InstanceId, u64),
    /// Makes a veth pair into an instance's namespace. It passes nothing yet.
    Plug(AttachmentId, DesiredInterface),
    /// Puts the program on a fabric end, at once.
    Guard(u32),
    /// Puts the program on a guarded fabric end by a link that a restart takes over. This takes the kernel a grace
    /// period.
    Link(u32),
    /// Brings addresses, routes and rules of the guest end up to date.
    Configure(AttachmentId, DesiredInterface),
    /// Takes from an instance what was brought into it for an attachment that it has no more, beside the device.
    Withdraw(AttachmentId, InstanceId),
    /// Writes or removes a row of a packet table.
    Table(TableChange),
    /// Writes a vport's row: new rules and checks take effect, a new interface is released.
    WriteVport(u32, Vport),
    /// Writes the globals: flows decided before are decided again.
    WriteGlobals(Globals),
    /// Tells a subnet's guests where an address lives now, then writes its row without [`Mapping::unannounced`] if it is still
    /// the one that was told ([`Announcement::is_of`]).
    Announce(Announcement),
    /// Ends all processes of an instance.
    Halt(InstanceId),
    /// Boots an instance.
    Boot(InstanceId, DesiredInstance),
    /// Tells an instance that runs who resolves its names now, as resolv.conf(5) has it.
    Resolve(InstanceId, String),
    /// Forgets the connections and counters of a vport, then replaces its row by one that only keeps the generation.
    Forget(u32, Vport),
    /// Removes an instance's place. Its devices are gone before.
    DestroyInstance(InstanceId),
}

impl Step {
    /// The instance without which the step makes no sense: when an earlier step for it failed, this one is left out.
    #[must_use]
    pub fn instance_id(&self) -> Option<InstanceId> {
        match self {
            Self::CreateInstance(id, _)
            | Self::Halt(id)
            | Self::Boot(id, _)
            | Self::Resolve(id, _)
            | Self::DestroyInstance(id) => Some(*id),
            Self::Plug(_, interface) | Self::Configure(_, interface) => Some(interface.instance_id),
            _ => None,
        }
    }

    /// The vport without which the step makes no sense: when an earlier step for it failed, this one is left out, so
    /// that an interface is never released half made.
    #[must_use]
    pub fn vport(&self) -> Option<u32> {
        match self {
            Self::Cut(vport, _)
            | Self::Unplug(vport)
            | Self::Guard(vport)
            | Self::Link(vport)
            | Self::WriteVport(vport, _)
            | Self::Forget(vport, _) => Some(*vport),
            Self::Plug(_, interface) | Self::Configure(_, interface) => Some(interface.vport),
            Self::PlugUplink(_) => Some(UPLINK_VPORT),
            _ => None,
        }
    }
}

/// What guests are told of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The address.
    pub key: MappingKey,
    /// Where it lives.
    pub mapping: Mapping,
    /// Vports of its subnet and their guests' MACs, the owner left out.
    pub hearers: Vec<(u32, Mac)>,
}
