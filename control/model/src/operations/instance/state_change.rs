//! `StartInstances`, `StopInstances`, `RebootInstances` and `TerminateInstances`.
//!
//! Each call is all or nothing. An instance that is already where the call would take it stays as it is. The answer
//! shows the states that the call leaves the instances in, such as `stopping`, and comes when they have left them again,
//! or after a bounded wait. A reboot has no state to wait for: EC2 answers it at once, and so does this.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::{InstanceId, InstanceState, Timestamp};

use crate::api::instance::{
    InstanceStateChange, InstanceStateChangesResponse, RebootInstances, StartInstances,
    StopInstances, TerminateInstances,
};
use crate::operations::address::pool;
use crate::operations::claims::Claims;
use crate::operations::network_interface::attribute::has_no_public_address;
use crate::resource::{Address, Instance, InstanceTransition};
use crate::{
    Await, ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World, describe,
};

/// The changes of one call so far.
#[derive(Default)]
struct Changes {
    changes: ChangeSet,
    shown: Vec<InstanceStateChange>,
}

impl Changes {
    fn stay(&mut self, instance: &Instance) {
        self.show(instance, instance.state);
    }

    fn replace(&mut self, before: &Instance, after: Instance) {
        self.show(before, after.state);
        self.changes.put(after);
    }

    fn show(&mut self, before: &Instance, after: InstanceState) {
        self.shown.push(InstanceStateChange {
            instance_id: before.instance_id,
            current_state: after.into(),
            previous_state: before.state.into(),
        });
    }

    fn into_answer(self) -> (ChangeSet, InstanceStateChangesResponse) {
        let response = InstanceStateChangesResponse {
            instances_set: self.shown.into(),
        };
        (self.changes, response)
    }
}

/// The instances that a call names, each once.
///
/// # Errors
/// `InvalidParameterCombination` for none, `InvalidInstanceID.NotFound`.
pub(super) fn named<'a>(
    ids: &[InstanceId],
    world: &'a World,
) -> Result<Vec<&'a Arc<Instance>>, Ec2Error> {
    if ids.is_empty() {
        return Err(ErrorCode::InvalidParameterCombination.with("No instances specified"));
    }
    let mut found = describe::named(&world.instances, ids)?;
    let mut seen = BTreeSet::new();
    found.retain(|instance| seen.insert(instance.instance_id));
    Ok(found)
}

fn wrong_state(instance: &Instance, done: &str) -> Ec2Error {
    let message = format!(
        "The instance '{}' is not in a state from which it can be {done}.",
        instance.instance_id
    );
    ErrorCode::IncorrectInstanceState.with(message)
}

fn protected(instance: &Instance, done: &str, attribute: &str) -> Ec2Error {
    let message = format!(
        "The instance '{}' may not be {done}. Modify its '{attribute}' instance attribute and try again.",
        instance.instance_id
    );
    ErrorCode::OperationNotPermitted.with(message)
}

/// The instance on its way to `state` because the user asked for it.
fn user_initiated(instance: &Instance, state: InstanceState, now: Timestamp) -> Instance {
    Instance {
        state,
        transition: Some(InstanceTransition {
            code: "Client.UserInitiatedShutdown".into(),
            message: "Client.UserInitiatedShutdown: User initiated shutdown".into(),
            time: now,
        }),
        ..instance.clone()
    }
}

/// The instance on its way to where its `InstanceInitiatedShutdownBehavior` says, because it has powered itself off (EC2 User
/// Guide, "Change the instance initiated shutdown behavior").
pub(crate) fn instance_initiated(instance: &Instance, now: Timestamp) -> Instance {
    let is_last = instance.instance_initiated_shutdown_behavior == "terminate";
    let state = match is_last {
        true => InstanceState::ShuttingDown,
        false => InstanceState::Stopping,
    };
    Instance {
        state,
        transition: Some(InstanceTransition {
            code: INSTANCE_INITIATED.into(),
            message: "Client.InstanceInitiatedShutdown: Instance initiated shutdown".into(),
            time: now,
        }),
        ..instance.clone()
    }
}

/// The state reason's code of an instance that has powered itself off (EC2 API, StateReason).
pub(super) const INSTANCE_INITIATED: &str = "Client.InstanceInitiatedShutdown";

/// The running instance in another boot.
pub(crate) fn booted_anew(instance: &Instance) -> Instance {
    Instance {
        boot_count: instance.boot_count + 1,
        impaired_since: None,
        ..instance.clone()
    }
}

/// Starts stopped instances.
impl Operation for StartInstances {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (mut changes, mut claims) = (Changes::default(), Claims::default());
        for instance in named(&self.instance_ids, world)? {
            match instance.state {
                InstanceState::Pending | InstanceState::Running => changes.stay(instance),
                InstanceState::Stopped => {
                    let after = Instance {
                        state: InstanceState::Pending,
                        transition: None,
                        impaired_since: None,
                        launch_time: context.now,
                        boot_count: instance.boot_count + 1,
                        ..Instance::clone(instance)
                    };
                    let lent = lent_at_start(instance, &mut claims, world, context)?;
                    lent.into_iter()
                        .for_each(|address| changes.changes.put(address));
                    changes.replace(instance, after);
                }
                InstanceState::Stopping
                | InstanceState::ShuttingDown
                | InstanceState::Terminated => return Err(wrong_state(instance, "started")),
            }
        }
        Ok(changes.into_answer())
    }

    fn awaits(&self) -> Option<Await> {
        Some(Await::Instances(self.instance_ids.clone()))
    }
}

/// The public address that EC2 lends at a start: to the only interface, if it asks for one and has none.
fn lent_at_start(
    instance: &Instance,
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Option<Address>, Ec2Error> {
    let mut interfaces = world.network_interfaces_of(instance.instance_id);
    let (Some(eni), None) = (interfaces.next(), interfaces.next()) else {
        return Ok(None);
    };
    if !eni.map_public_ip_on_launch || !has_no_public_address(eni, world) {
        return Ok(None);
    }
    pool::lend(eni, claims, world, context)
}

/// Stops running instances: they keep their interfaces and private addresses.
impl Operation for StopInstances {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let mut changes = Changes::default();
        for instance in named(&self.instance_ids, world)? {
            match instance.state {
                InstanceState::Stopping | InstanceState::Stopped => changes.stay(instance),
                InstanceState::Running if instance.disable_api_stop => {
                    return Err(protected(instance, "stopped", "disableApiStop"));
                }
                InstanceState::Running => {
                    let after = user_initiated(instance, InstanceState::Stopping, context.now);
                    changes.replace(instance, after);
                }
                InstanceState::Pending
                | InstanceState::ShuttingDown
                | InstanceState::Terminated => return Err(wrong_state(instance, "stopped")),
            }
        }
        Ok(changes.into_answer())
    }

    fn awaits(&self) -> Option<Await> {
        Some(Await::Instances(self.instance_ids.clone()))
    }
}

/// Boots running instances anew.
impl Operation for RebootInstances {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut changes = ChangeSet::none();
        for instance in named(&self.instance_ids, world)? {
            match instance.state {
                // It boots anyway.
                InstanceState::Pending => {}
                InstanceState::Running => changes.put(booted_anew(instance)),
                InstanceState::Stopping
                | InstanceState::Stopped
                | InstanceState::ShuttingDown
                | InstanceState::Terminated => return Err(wrong_state(instance, "rebooted")),
            }
        }
        Ok((changes, ReturnTrue::default()))
    }
}

/// Ends instances for good.
impl Operation for TerminateInstances {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let mut changes = Changes::default();
        for instance in named(&self.instance_ids, world)? {
            match instance.state {
                InstanceState::ShuttingDown | InstanceState::Terminated => changes.stay(instance),
                _ if instance.disable_api_termination => {
                    return Err(protected(instance, "terminated", "disableApiTermination"));
                }
                InstanceState::Pending
                | InstanceState::Running
                | InstanceState::Stopping
                | InstanceState::Stopped => {
                    let after = user_initiated(instance, InstanceState::ShuttingDown, context.now);
                    changes.replace(instance, after);
                }
            }
        }
        Ok(changes.into_answer())
    }

    fn awaits(&self) -> Option<Await> {
        Some(Await::Instances(self.instance_ids.clone()))
    }
}
