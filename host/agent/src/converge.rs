//! One pass: the steps of a plan, each on its own.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Instant;

use eni_abi::Vport;
use eni_plan::{Desired, Observed, Plan, Step, VportNumbers, plan};
use eni_types::InstanceId;

use crate::AgentError;
use crate::error::chain;
use crate::machine::Machine;

/// The machine, what is known of it, and which attachment has which vport.
pub(crate) struct Converger {
    pub(crate) machine: Machine,
    pub(crate) observed: Observed,
    pub(crate) numbers: VportNumbers,
    /// A step has failed since the last look: what is remembered may not be so.
    pub(crate) in_doubt: bool,
}

/// What has failed in this pass, and what must therefore be left out of it.
#[derive(Default)]
struct Failures {
    instances: BTreeSet<InstanceId>,
    vports: BTreeSet<u32>,
    /// Vports whose guest end could not be configured.
    unconfigured: BTreeSet<u32>,
    policies: BTreeSet<u32>,
}

impl Converger {
    /// Takes over what is on the machine.
    pub(crate) fn new(mut machine: Machine) -> Result<Self, AgentError> {
        let observed = machine.observe()?;
        let mut numbers = VportNumbers::default();
        for (vport, device) in &observed.devices {
            if let Some(plug) = device.plug {
                numbers.adopt(plug.attachment_id, *vport);
            }
        }
        Ok(Self {
            machine,
            observed,
            numbers,
            in_doubt: false,
        })
    }

    /// Looks at the machine again; at the tables only after a failure.
    pub(crate) fn look_again(&mut self) -> Result<(), AgentError> {
        if self.in_doubt {
            self.observed = self.machine.observe()?;
            self.in_doubt = false;
            return Ok(());
        }
        self.machine.observe_devices(&mut self.observed)
    }

    /// What is left to do.
    pub(crate) fn plan(&self, desired: &Desired) -> Plan {
        plan(desired, &self.observed)
    }

    /// Does `steps` in their order, but none that builds on one that failed. Stops early, and says so by `false`, when
    /// `interrupted` holds between two steps. The first is done in any case, so that every pass comes nearer to the end.
    pub(crate) fn execute(&mut self, steps: &[Step], interrupted: impl Fn() -> bool) -> bool {
        let mut failures = Failures::default();
        // A failure is that of the rows that need the room.
        if let Err(error) = self.machine.make_room(steps) {
            tracing::warn!(error = %chain(&error), "no room for instances in the data plane");
        }
        for (index, step) in steps.iter().enumerate() {
            if index > 0 && interrupted() {
                return false;
            }
            let Some(step) = failures.allow(step, &self.observed) else {
                continue;
            };
            let begun = Instant::now();
            let done = self.machine.apply(&step);
            tracing::debug!(step = %name(&step), took = ?begun.elapsed());
            match done {
                Ok(()) => self.observed.apply(&step),
                Err(error) => {
                    tracing::warn!(step = %name(&step), error = %chain(&error), "a step failed");
                    self.in_doubt = true;
                    failures.add(&step);
                }
            }
        }
        true
    }

    /// Frees the numbers of attachments that have left no trace.
    pub(crate) fn release_numbers(&mut self, desired: &Desired) {
        let gone: Vec<_> = self
            .numbers
            .iter()
            .filter(|(id, vport)| {
                !desired.interfaces.contains_key(id)
                    && !self.observed.devices.contains_key(vport)
                    && !self.observed.passes(*vport)
            })
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            self.numbers.release(id);
        }
    }
}

impl Failures {
    /// The step, if none that it builds on has failed. A vport whose new policy could not be written whole is cut: under
    /// its old one it would let in what a rule removed since has let in. A vport that passes gets its new row even if the
    /// guest's end could not be configured: what a guest does to its device must not keep rules from taking effect.
    fn allow<'a>(&self, step: &'a Step, observed: &Observed) -> Option<Cow<'a, Step>> {
        let vport_failed = step.vport().is_some_and(|vport| {
            self.vports.contains(&vport)
                || self.unconfigured.contains(&vport) && !observed.passes(vport)
        });
        let instance_failed = step
            .instance_id()
            .is_some_and(|id| self.instances.contains(&id));
        if vport_failed || instance_failed {
            return None;
        }
        match step {
            Step::WriteVport(vport, row) if self.lacks_policy(row) => {
                let cut = Vport {
                    flags: row.flags | Vport::BLOCKED,
                    ..*row
                };
                Some(Cow::Owned(Step::WriteVport(*vport, cut)))
            }
            _ => Some(Cow::Borrowed(step)),
        }
    }

    fn lacks_policy(&self, row: &Vport) -> bool {
        let named = [row.security_policy, row.network_acl_policy];
        named.iter().any(|policy| self.policies.contains(policy))
    }

    fn add(&mut self, step: &Step) {
        match step {
            // An interface that cannot be plugged says nothing about the instance's others.
            Step::Plug(..) => self.vports.extend(step.vport()),
            Step::Configure(..) => self.unconfigured.extend(step.vport()),
            Step::Table(change) => self.policies.extend(change.policy()),
            _ => {
                self.vports.extend(step.vport());
                self.instances.extend(step.instance_id());
            }
        }
    }
}

/// The step without the contents of rows and boot scripts.
fn name(step: &Step) -> String {
    match step {
        Step::Plug(id, interface) => format!("plug {id} into {}", interface.instance_id),
        Step::Configure(id, interface) => format!("configure {id} in {}", interface.instance_id),
        Step::Boot(id, instance) => format!("boot {id} for the time {}", instance.boot_count),
        Step::Halt(id) => format!("halt {id}"),
        Step::Withdraw(id, instance_id) => format!("withdraw {id} from {instance_id}"),
        Step::CreateInstance(id, boot_count) => format!("create {id} for the time {boot_count}"),
        Step::DestroyInstance(id) => format!("destroy {id}"),
        Step::PlugUplink(_) => "plug the uplink".to_owned(),
        Step::Cut(vport, _) => format!("cut vport {vport}"),
        Step::Unplug(vport) => format!("unplug vport {vport}"),
        Step::Guard(vport) => format!("guard vport {vport}"),
        Step::Link(vport) => format!("link the program to vport {vport}"),
        Step::WriteVport(vport, _) => format!("write vport {vport}"),
        Step::Forget(vport, _) => format!("forget vport {vport}"),
        Step::WriteGlobals(_) => "write the globals".to_owned(),
        Step::Announce(announcement) => {
            let address = std::net::Ipv4Addr::from(announcement.key.address);
            format!(
                "announce {address} to {} guests",
                announcement.hearers.len()
            )
        }
        Step::Table(change) => match change.policy() {
            Some(policy) => format!("change a rule of policy {policy}"),
            None => "change a forwarding table".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eni_abi::Policy;
    use eni_plan::{DesiredInterface, TableChange};
    use std::net::Ipv4Addr;

    #[test]
    fn a_vport_whose_new_policy_could_not_be_written_is_cut_and_others_are_not() {
        let mut failures = Failures::default();
        failures.add(&Step::Table(TableChange::Policy(
            7,
            Some(Policy::default()),
        )));
        let row = |security_policy| Vport {
            flags: Vport::PRESENT,
            security_policy,
            ..Vport::default()
        };
        let written = |policy| {
            let step = Step::WriteVport(3, row(policy));
            match failures.allow(&step, &Observed::default()).as_deref() {
                Some(Step::WriteVport(3, row)) => row.flags,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(written(7), Vport::PRESENT | Vport::BLOCKED);
        assert_eq!(written(8), Vport::PRESENT);
    }

    #[test]
    fn a_guest_that_cannot_be_configured_keeps_no_rule_from_taking_effect() {
        let interface = DesiredInterface {
            vport: 3,
            instance_id: "i-00000000000000001".parse().unwrap(),
            network_interface_id: "eni-00000000000000001".parse().unwrap(),
            device_number: 1,
            mac_address: eni_types::MacAddress([2, 0, 0, 0, 0, 1]),
            mtu_bytes: 9001,
            subnet: "10.0.0.0/24".parse().unwrap(),
            router_address: Ipv4Addr::new(10, 0, 0, 1),
            private_ip_addresses: vec![Ipv4Addr::new(10, 0, 0, 5)],
            primary_subnet: None,
        };
        let id = "eni-attach-00000000000000001".parse().unwrap();
        let mut failures = Failures::default();
        failures.add(&Step::Configure(id, interface));
        let row = Vport {
            flags: Vport::PRESENT,
            ..Vport::default()
        };
        let write = Step::WriteVport(3, row);
        let mut observed = Observed::default();
        assert_eq!(
            failures.allow(&write, &observed),
            None,
            "not released half made"
        );
        observed.tables.vports.insert(3, row);
        assert_eq!(failures.allow(&write, &observed).as_deref(), Some(&write));
    }
}
