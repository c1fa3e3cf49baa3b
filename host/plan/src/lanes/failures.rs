//! What has failed, and what is left out because of it.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use eni_abi::Vport;
use eni_types::InstanceId;

use crate::{Observed, Step};

/// The steps that have failed since they were last tried. They, and what builds on them, are left out until then.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    steps: Vec<Step>,
    instances: BTreeSet<InstanceId>,
    vports: BTreeSet<u32>,
    /// Vports that could not be guarded, or whose guest end could not be configured.
    unready: BTreeSet<u32>,
    policies: BTreeSet<u32>,
}

impl Failures {
    /// Whether nothing has failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The step, if none that it builds on has failed, nor itself. A vport whose new policy could not be written whole is
    /// cut: under its old one it would let in what a rule removed since has let in. A vport that passes gets its new row even
    /// if it could not be guarded again, or the guest's end not be configured: what a guest does to its device, or a kernel that
    /// refuses, must not keep rules from taking effect.
    #[must_use]
    pub fn allow<'a>(&self, step: &'a Step, observed: &Observed) -> Option<Cow<'a, Step>> {
        let vport_failed = step.vport().is_some_and(|vport| {
            self.vports.contains(&vport) || self.unready.contains(&vport) && !observed.passes(vport)
        });
        let instance_failed = step
            .instance_id()
            .is_some_and(|id| self.instances.contains(&id));
        if vport_failed || instance_failed || self.steps.contains(step) {
            return None;
        }
        match step {
            Step::WriteVport(vport, row) if self.lacks_policy(row) => {
                let cut = Vport {
                    flags: row.flags | Vport::BLOCKED,
                    ..*row
                };
                let found = observed.tables.vports.get(vport);
                let is_cut = found.is_some_and(|found| {
                    let generation = cut.generation;
                    Vport {
                        generation,
                        ..*found
                    } == cut
                });
                (!is_cut).then_some(Cow::Owned(Step::WriteVport(*vport, cut)))
            }
            _ => Some(Cow::Borrowed(step)),
        }
    }

    fn lacks_policy(&self, row: &Vport) -> bool {
        let named = [row.security_policy, row.network_acl_policy];
        named.iter().any(|policy| self.policies.contains(policy))
    }

    /// A step has failed.
    pub fn add(&mut self, step: Step) {
        match &step {
            // An interface that cannot be plugged says nothing about the instance's others.
            Step::Plug(..) => self.vports.extend(step.vport()),
            Step::Guard(_) | Step::Configure(..) => self.unready.extend(step.vport()),
            Step::Table(change) => self.policies.extend(change.policy()),
            // It keeps nothing else from being done.
            Step::Link(_) => {}
            _ => {
                self.vports.extend(step.vport());
                self.instances.extend(step.instance_id());
            }
        }
        self.steps.push(step);
    }

    /// All is tried again.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use core::net::Ipv4Addr;

    use eni_abi::Policy;

    use super::*;
    use crate::{DesiredInterface, TableChange};

    fn row(security_policy: u32) -> Vport {
        Vport {
            flags: Vport::PRESENT,
            security_policy,
            ..Vport::default()
        }
    }

    #[test]
    fn a_vport_whose_new_policy_could_not_be_written_is_cut_once_and_others_are_not() {
        let mut failures = Failures::default();
        failures.add(Step::Table(TableChange::Policy(7, Some(Policy::default()))));
        let mut observed = Observed::default();
        let written = |observed: &Observed, policy| {
            let step = Step::WriteVport(3, row(policy));
            match failures.allow(&step, observed).as_deref() {
                Some(Step::WriteVport(3, row)) => Some(*row),
                None => None,
                other => panic!("{other:?}"),
            }
        };
        let cut = written(&observed, 7).unwrap();
        assert_eq!(cut.flags, Vport::PRESENT | Vport::BLOCKED);
        assert_eq!(written(&observed, 8), Some(row(8)));
        observed.tables.vports.insert(3, cut);
        assert_eq!(written(&observed, 7), None);
    }

    #[test]
    fn what_cannot_be_guarded_or_configured_keeps_no_rule_from_taking_effect() {
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
            ipv6_subnet: None,
            ipv6_addresses: Vec::new(),
            prefixes: Vec::new(),
            primary_subnet: None,
            primary_ipv6_subnet: None,
        };
        let id = "eni-attach-00000000000000001".parse().unwrap();
        let mut failures = Failures::default();
        let configure = Step::Configure(id, interface);
        failures.add(configure.clone());
        failures.add(Step::Guard(3));
        let write = Step::WriteVport(3, row(1));
        let mut observed = Observed::default();
        assert_eq!(
            failures.allow(&write, &observed),
            None,
            "not released half made"
        );
        observed.tables.vports.insert(3, row(1));
        assert_eq!(failures.allow(&write, &observed).as_deref(), Some(&write));
        assert_eq!(failures.allow(&configure, &observed), None, "not yet again");
        failures.clear();
        assert!(failures.allow(&configure, &observed).is_some());
    }
}
