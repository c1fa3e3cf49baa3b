//! What the region does not know yet: states it waits for that the machine has reached.

use eni_model::resource::{Attachment, Instance};
use eni_model::{Transition, World};
use eni_plan::{Observed, VportNumbers};
use eni_types::{AttachmentStatus, InstanceState};

/// The transitions that bring `world` up to what is `observed`. The world may be newer than what was last brought about:
/// a state that is asked for is reported only when the machine shows it.
pub(crate) fn transitions(
    world: &World,
    observed: &Observed,
    numbers: &VportNumbers,
) -> Vec<Transition> {
    let mut transitions = Vec::new();
    for instance in world.instances.iter() {
        let mut cut = true;
        for eni in world.network_interfaces_of(instance.instance_id) {
            if let Some(attachment) = &eni.attachment {
                let vport = numbers.get(attachment.attachment_id);
                let passes = vport.is_some_and(|vport| observed.passes(vport));
                cut &= !passes;
                transitions.extend(of_attachment(attachment, instance.state, passes));
            }
        }
        transitions.extend(of_instance(instance, cut, observed));
    }
    transitions
}

fn of_attachment(
    attachment: &Attachment,
    instance: InstanceState,
    passes: bool,
) -> Option<Transition> {
    let attachment_id = attachment.attachment_id;
    match attachment.status {
        // Into a stopped instance: there is nothing to do before it starts.
        AttachmentStatus::Attaching if passes || instance == InstanceState::Stopped => {
            Some(Transition::AttachmentAttached { attachment_id })
        }
        AttachmentStatus::Detaching if !passes => {
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
    match instance.state {
        InstanceState::Pending if found.is_some_and(|f| f.boot_count == Some(boot_count)) => {
            Some(Transition::InstanceRunning {
                instance_id,
                boot_count,
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
    use eni_model::plan_transitions;
    use eni_model::testing::TestWorld;
    use eni_plan::plan;

    use super::*;

    /// A region with an agent that does every step at once, on a machine that is only remembered.
    struct Simulation {
        region: TestWorld,
        observed: Observed,
        numbers: VportNumbers,
    }

    impl Simulation {
        fn pass(&mut self) {
            let world = &self.region.world;
            for id in eni_lower::wanted_attachments(world) {
                self.numbers.assign(id).unwrap();
            }
            let desired = eni_lower::lower(world, &self.region.region, &self.numbers);
            let plan = plan(&desired, &self.observed);
            for step in plan.now.iter().chain(&plan.then) {
                self.observed.apply(step);
            }
            let news = transitions(world, &self.observed, &self.numbers);
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
        let mut simulation = Simulation {
            region: TestWorld::bootstrapped(),
            observed: Observed::default(),
            numbers: VportNumbers::default(),
        };
        let image = [("Owner.1", "amazon")];
        let image = simulation
            .region
            .make("DescribeImages", &image, "/imagesSet/item/0/imageId");
        let launch = [
            ("ImageId", image.as_str()),
            ("InstanceType", "t3.medium"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ];
        let id = "/instancesSet/item/0/instanceId";
        let id = simulation.region.make("RunInstances", &launch, id);
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
            let early = transitions(
                &simulation.region.world,
                &simulation.observed,
                &simulation.numbers,
            );
            assert_eq!(early, [], "{action} is not yet done");
            simulation.pass();
            assert_eq!(simulation.states(), [reached]);
        }
    }
}
