//! What the region does not know yet: states it waits for that the machine has reached.

use std::collections::BTreeSet;

use eni_model::resource::{Attachment, Instance};
use eni_model::{Transition, World};
use eni_plan::{GuestEnd, Observed, Step, VportNumbers};
use eni_types::{AttachmentId, AttachmentStatus, InstanceId, InstanceState};

/// Of which instances the region may have to be told something: those that are asked for another state, or for which
/// something has been done, until the region shows it.
#[derive(Debug)]
pub(crate) struct News {
    instances: BTreeSet<InstanceId>,
    attachments: BTreeSet<AttachmentId>,
    all: bool,
}

impl Default for News {
    /// Nothing is known of what the region knows.
    fn default() -> Self {
        Self {
            instances: BTreeSet::new(),
            attachments: BTreeSet::new(),
            all: true,
        }
    }
}

impl News {
    /// Anything may have come about.
    pub(crate) fn may_be_of_all(&mut self) {
        self.all = true;
    }

    /// These may be asked for another state.
    pub(crate) fn may_be_of(&mut self, instances: impl IntoIterator<Item = InstanceId>) {
        self.instances.extend(instances);
    }

    /// A step has been done.
    pub(crate) fn add(&mut self, step: &Step, vports: &VportNumbers) {
        self.instances.extend(step.instance_id());
        let attachment = step.vport().and_then(|vport| vports.attachment(vport));
        self.attachments.extend(attachment);
    }

    /// What the region is to be told. It is told again until it shows it.
    pub(crate) fn transitions(
        &mut self,
        world: &World,
        observed: &Observed,
        vports: &VportNumbers,
    ) -> Vec<Transition> {
        let attachments = std::mem::take(&mut self.attachments).into_iter();
        let enis = attachments.filter_map(|id| world.network_interface_of_attachment(id));
        let attachments = enis.filter_map(|eni| eni.attachment.as_ref());
        self.instances
            .extend(attachments.map(|attachment| attachment.instance_id));
        if std::mem::take(&mut self.all) {
            let all = world.instances.iter();
            self.instances.extend(all.map(|one| one.instance_id));
        }
        let mut transitions = Vec::new();
        self.instances.retain(|id| {
            let Some(instance) = world.instances.get(*id) else {
                return false;
            };
            let of_instance = of_instance_and_interfaces(world, instance, observed, vports);
            let is_news = !of_instance.is_empty();
            transitions.extend(of_instance);
            is_news
        });
        transitions
    }
}

/// The transitions that bring `world` up to what is `observed` of an instance. The world may be newer than what was last
/// brought about: a state that is asked for is reported only when the machine shows it.
fn of_instance_and_interfaces(
    world: &World,
    instance: &Instance,
    observed: &Observed,
    vports: &VportNumbers,
) -> Vec<Transition> {
    let mut transitions = Vec::new();
    let mut cut = true;
    let found = observed.instances.get(&instance.instance_id);
    let alive = found.is_some_and(|found| found.alive);
    for eni in world.network_interfaces_of(instance.instance_id) {
        if let Some(attachment) = &eni.attachment {
            let vport = vports.get(attachment.attachment_id);
            let passes = vport.is_some_and(|vport| observed.passes(vport));
            cut &= !passes;
            // Without IP there is no vport: such an interface is in its instance while that lives.
            let there = if eni.interface_type.carries_ip() {
                passes
            } else {
                alive
            };
            transitions.extend(of_attachment(attachment, instance.state, there));
        }
    }
    transitions.extend(of_instance(instance, cut, observed));
    transitions
}

fn of_attachment(
    attachment: &Attachment,
    instance: InstanceState,
    there: bool,
) -> Option<Transition> {
    let attachment_id = attachment.attachment_id;
    match attachment.status {
        // Into a stopped instance: there is nothing to do before it starts.
        AttachmentStatus::Attaching if there || instance == InstanceState::Stopped => {
            Some(Transition::AttachmentAttached { attachment_id })
        }
        AttachmentStatus::Detaching if !there => {
            Some(Transition::AttachmentDetached { attachment_id })
        }
        _ => None,
    }
}

fn of_instance(instance: &Instance, cut: bool, observed: &Observed) -> Option<Transition> {
    let Instance {
        instance_id,
        boot_count,
        ..
    } = *instance;
    let found = observed.instances.get(&instance_id);
    let gone = cut && found.is_none_or(|found| !found.alive);
    let alive = found
        .filter(|found| found.boot_count == Some(boot_count))
        .map(|found| found.alive);
    match instance.state {
        InstanceState::Pending if alive.is_some() => Some(Transition::InstanceRunning {
            instance_id,
            boot_count,
        }),
        InstanceState::Running => {
            let is_reachable = alive?;
            match found.and_then(|found| found.guest_end) {
                Some(GuestEnd::PoweredOff) if !is_reachable => {
                    return Some(Transition::GuestPoweredOff {
                        instance_id,
                        boot_count,
                    });
                }
                Some(GuestEnd::Rebooted) if !is_reachable => {
                    return Some(Transition::GuestRebooted {
                        instance_id,
                        boot_count,
                    });
                }
                _ => {}
            }
            let is_news = is_reachable != instance.impaired_since.is_none();
            is_news.then_some(Transition::InstanceReachable {
                instance_id,
                boot_count,
                is_reachable,
            })
        }
        InstanceState::Stopping if gone => Some(Transition::InstanceStopped {
            instance_id,
            boot_count,
        }),
        InstanceState::ShuttingDown if gone => Some(Transition::InstanceTerminated { instance_id }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use eni_model::testing::{TestRng, TestWorld, differing_rows, random_step};
    use eni_model::{Change, plan_transitions};
    use eni_plan::{Planner, plan};
    use rand::Rng;

    use super::*;

    /// A region with an agent that does every step at once, on a machine that is only remembered.
    struct Simulation {
        region: TestWorld,
        observed: Observed,
        numbers: eni_lower::Numbers,
        vports: VportNumbers,
    }

    impl Simulation {
        fn new() -> Self {
            Self {
                region: TestWorld::bootstrapped(),
                observed: Observed::default(),
                numbers: eni_lower::Numbers::default(),
                vports: VportNumbers::default(),
            }
        }

        /// Launches one instance and gives its id.
        fn launch(&mut self, more: &[(&str, &str)]) -> String {
            let images = self.region.must("DescribeImages", &[("Owner.1", "amazon")]);
            let image = images["imagesSet"]["item"][0].clone();
            // A type of two cards that each take an Elastic Fabric Adapter.
            let instance_type = match image["architecture"].as_str() {
                Some("arm64") => "c8gn.48xlarge",
                _ => "c6in.32xlarge",
            };
            let launch = [
                ("ImageId", image["imageId"].as_str().unwrap()),
                ("InstanceType", instance_type),
                ("MinCount", "1"),
                ("MaxCount", "1"),
            ];
            let id = "/instancesSet/item/0/instanceId";
            self.region
                .make("RunInstances", &[&launch, more].concat(), id)
        }

        fn pass(&mut self) {
            let world = &self.region.world;
            let (settings, vports) = (&self.region.region, &mut self.vports);
            let desired = eni_lower::lower(world, settings, &mut self.numbers, vports);
            let plan = plan(&desired, &self.observed);
            for step in plan.now.iter().chain(&plan.then) {
                self.observed.apply(step);
            }
            let news = News::default().transitions(world, &self.observed, &self.vports);
            let changes = plan_transitions(world, &news, self.region.now);
            self.region.world.apply(&changes);
        }

        fn states(&self) -> Vec<&'static str> {
            let world = &self.region.world;
            world.instances.iter().map(|i| i.state.as_str()).collect()
        }

        fn attachments(&self) -> Vec<String> {
            let enis = self.region.world.network_interfaces.iter();
            enis.map(|eni| eni.status().as_str().to_owned()).collect()
        }
    }

    #[test]
    fn what_the_region_waits_for_is_reported_when_the_machine_shows_it() {
        let mut simulation = Simulation::new();
        let id = simulation.launch(&[]);
        assert_eq!(simulation.states(), ["pending"]);
        simulation.pass();
        assert_eq!(simulation.states(), ["running"]);
        assert_eq!(simulation.attachments(), ["in-use"]);
        for (action, asked, reached) in [
            ("StopInstances", "stopping", "stopped"),
            ("StartInstances", "pending", "running"),
            ("TerminateInstances", "shutting-down", "terminated"),
        ] {
            simulation.region.must(action, &[("InstanceId.1", &id)]);
            assert_eq!(simulation.states(), [asked]);
            let early = News::default().transitions(
                &simulation.region.world,
                &simulation.observed,
                &simulation.vports,
            );
            assert_eq!(early, [], "{action} is not yet done");
            simulation.pass();
            assert_eq!(simulation.states(), [reached]);
        }
    }

    #[test]
    fn a_guest_that_powers_itself_off_is_stopped_or_terminated_and_one_that_reboots_runs() {
        for (behavior, end, want) in [
            ("stop", GuestEnd::PoweredOff, "stopped"),
            ("terminate", GuestEnd::PoweredOff, "terminated"),
            ("terminate", GuestEnd::Rebooted, "running"),
        ] {
            let mut simulation = Simulation::new();
            let behavior = ("InstanceInitiatedShutdownBehavior", behavior);
            let protected = ("DisableApiTermination", "true");
            simulation.launch(&[behavior, protected]);
            simulation.pass();
            for found in simulation.observed.instances.values_mut() {
                (found.alive, found.guest_end) = (false, Some(end));
            }
            simulation.pass();
            let boots = |simulation: &Simulation| {
                let instance = simulation.region.world.instances.iter().next().unwrap();
                assert!(instance.impaired_since.is_none());
                instance.boot_count
            };
            let reboots = u64::from(end == GuestEnd::Rebooted);
            assert_eq!(boots(&simulation), 1 + reboots, "{behavior:?} {end:?}");
            simulation.pass();
            simulation.pass();
            assert_eq!(simulation.states(), [want], "{behavior:?} {end:?}");
            assert_eq!(boots(&simulation), 1 + reboots, "once");
        }
    }

    #[test]
    fn an_instance_without_processes_is_impaired_until_it_has_some_again() {
        let mut simulation = Simulation::new();
        let id = simulation.launch(&[]);
        simulation.pass();
        let is_impaired = |simulation: &Simulation| {
            let mut instances = simulation.region.world.instances.iter();
            instances.any(|instance| instance.impaired_since.is_some())
        };
        let set_alive = |simulation: &mut Simulation, alive| {
            let instances = simulation.observed.instances.values_mut();
            instances.for_each(|instance| instance.alive = alive);
            simulation.pass();
        };
        assert!(!is_impaired(&simulation));
        set_alive(&mut simulation, false);
        assert!(is_impaired(&simulation));
        assert_eq!(simulation.states(), ["running"]);
        set_alive(&mut simulation, true);
        assert!(!is_impaired(&simulation));
        for (action, reached) in [
            ("RebootInstances", "running"),
            ("StopInstances", "stopped"),
            ("StartInstances", "running"),
        ] {
            set_alive(&mut simulation, false);
            simulation.region.must(action, &[("InstanceId.1", &id)]);
            simulation.pass();
            assert_eq!(simulation.states(), [reached], "{action}");
            assert!(
                reached != "running" || !is_impaired(&simulation),
                "{action}"
            );
        }
    }

    #[test]
    fn an_adapter_without_ip_is_attached_when_its_instance_lives_and_needs_no_vport() {
        let mut simulation = Simulation::new();
        let id = simulation.launch(&[
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.InterfaceType", "efa"),
            ("NetworkInterface.2.DeviceIndex", "1"),
            ("NetworkInterface.2.NetworkCardIndex", "1"),
            ("NetworkInterface.2.InterfaceType", "efa-only"),
        ]);
        assert_eq!(simulation.attachments(), ["attaching", "attaching"]);
        simulation.pass();
        assert_eq!(simulation.states(), ["running"]);
        assert_eq!(simulation.attachments(), ["in-use", "in-use"]);
        assert_eq!(simulation.observed.devices.len(), 1);
        for (action, reached) in [
            ("StopInstances", "stopped"),
            ("StartInstances", "running"),
            ("RebootInstances", "running"),
        ] {
            simulation.region.must(action, &[("InstanceId.1", &id)]);
            simulation.pass();
            assert_eq!(simulation.states(), [reached], "{action}");
            assert_eq!(simulation.attachments(), ["in-use", "in-use"], "{action}");
        }
        simulation
            .region
            .must("TerminateInstances", &[("InstanceId.1", &id)]);
        simulation.pass();
        assert_eq!(simulation.states(), ["terminated"]);
        assert_eq!(simulation.region.world.network_interfaces.len(), 0);
    }

    #[test]
    fn what_is_news_is_found_where_something_has_changed() {
        let mut told = 0;
        for seed in 0..16 {
            let mut rng = TestRng::new(seed);
            let mut region = TestWorld::bootstrapped();
            let (settings, observed) = (region.region.clone(), Observed::default());
            let vports = VportNumbers::default();
            let mut planner = Planner::new(&region.world, &settings, observed, vports);
            let mut news = News::default();
            for _ in 0..120 {
                let before = region.world.clone();
                random_step(rng.next_u32(), rng.next_u64(), &mut region);
                let changed = differing_rows(&before, &region.world);
                let update = planner.follow(&before, &region.world, &changed);
                news.may_be_of(update.instances);
                let plan = planner.plan();
                let done = rng.next_u64();
                for (number, step) in plan.steps().enumerate() {
                    if done.rotate_right(number as u32) & 1 == 1 {
                        planner.done(step);
                        news.add(step, planner.vports());
                    }
                }
                let (observed, vports) = (planner.observed(), planner.vports());
                let some = news.transitions(&region.world, observed, vports);
                let all = News::default().transitions(&region.world, observed, vports);
                assert_eq!(some, all);
                // A report may be lost, or not be committed yet.
                if rng.next_u64().is_multiple_of(2) {
                    told += some.len();
                    let before = region.world.clone();
                    let changes = plan_transitions(&region.world, &some, region.now);
                    region.world.apply(&changes);
                    let changed: Vec<_> = changes.iter().map(Change::key).collect();
                    let update = planner.follow(&before, &region.world, &changed);
                    news.may_be_of(update.instances);
                }
                planner.release_vports();
            }
        }
        assert!(told > 100, "{told} reports try nothing");
    }
}
