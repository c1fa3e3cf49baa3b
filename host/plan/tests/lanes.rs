//! Two lanes at work on a simulated machine: in whatever order they take turns, the promises hold and all is brought about.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod machine;

use std::collections::{BTreeMap, BTreeSet};

use eni_abi::Vport;
use eni_lower::Delta;
use eni_plan::lanes::{
    Failures, InstanceMaps, Outcome, Queue, QueuedStep, Queues, Scope, SeenDevices, Turn, Urgency,
    Walk,
};
use eni_plan::{ChangedPlan, Convergence, Desired, Observed, Plan, Step, VportNumbers, plan};
use proptest::prelude::*;
use proptest::sample::Index;

use machine::{Machine, Wish, check_settled, instance_id, lower};

/// What the tables lane knows beside what really is.
struct Lanes {
    actual: Machine,
    known: Convergence,
    numbers: VportNumbers,
    maps: InstanceMaps,
    /// Instances whose maps are being made, and the vports whose rows wait for them.
    asked_for: BTreeMap<u32, BTreeSet<u32>>,
    failures: Failures,
    queues: Queues<()>,
    does_deferred: bool,
    running: Vec<(Queue, Step)>,
    desired: Desired,
    /// How many of the next device steps fail.
    fail: usize,
}

/// What a pass comes to if nothing else happens meanwhile: the steps on tables, those that wait in queues, and the instances
/// that need maps.
type Passed = (Vec<Step>, BTreeMap<Queue, Vec<Step>>, BTreeSet<u32>);

impl Lanes {
    fn new(fail: usize) -> Self {
        let mut numbers = VportNumbers::default();
        let desired = want(&[], 1, &mut numbers);
        let mut known = Convergence::new(Observed::default());
        known.begin(&desired);
        Self {
            actual: Machine::default(),
            known,
            desired,
            numbers,
            maps: InstanceMaps::default(),
            asked_for: BTreeMap::new(),
            failures: Failures::default(),
            queues: Queues::default(),
            does_deferred: false,
            running: Vec::new(),
            fail,
        }
    }

    fn want(&mut self, wishes: &[Wish], boot_count: u64) {
        self.try_again();
        let desired = want(wishes, boot_count, &mut self.numbers);
        let delta = Delta::between(&self.desired, &desired);
        self.known.follow(&delta, &desired);
        self.desired = desired;
    }

    fn try_again(&mut self) {
        if !self.failures.is_empty() {
            self.failures.clear();
            self.known.plan_all_again();
        }
    }

    fn take_outcomes(&mut self) -> bool {
        let outcomes = self.queues.take_outcomes();
        let any = !outcomes.is_empty();
        for Outcome {
            queue,
            step,
            result,
        } in outcomes
        {
            self.known.plan_again_in(queue);
            match result {
                Ok(()) => self.known.done(&step),
                Err(()) => {
                    self.known.plan_again(&step);
                    self.failures.add(step);
                }
            }
        }
        any
    }

    /// One pass of the tables lane. The devices lane goes on between its parts, and what no packet waits for may be
    /// interrupted; or nothing happens meanwhile, and the pass is to come to what one that plans everything comes to.
    fn pass(&mut self, does_deferred: bool, script: &mut Script) {
        let is_alone = script.next(2) == 0;
        self.pass_with(does_deferred, is_alone, script);
    }

    fn pass_with(&mut self, does_deferred: bool, is_alone: bool, script: &mut Script) {
        if does_deferred && !self.does_deferred {
            self.known.plan_all_again();
        }
        self.does_deferred = does_deferred;
        self.queues.hold_deferred(!does_deferred);
        let expected = is_alone.then(|| self.pass_over_everything());
        let ChangedPlan { plan, scope } = self.known.plan_changed(&self.desired);
        let mut written = Vec::new();
        if !is_alone {
            self.work(script.next(2), script);
        }
        let mut walk = Walk::along(&plan, &self.queues.in_flight());
        if !is_alone {
            self.work(script.next(2), script);
        }
        for (steps, urgency) in parts(&plan, does_deferred) {
            for step in steps {
                let observed = self.known.observed();
                let is_named = |policy| self.known.names(policy);
                let (maps, failures) = (&self.maps, &self.failures);
                let turn = walk.turn(step, urgency, observed, maps, failures, is_named);
                let Turn::Tables(step) = turn else {
                    continue;
                };
                if !is_alone && urgency == Urgency::Then && script.next(4) == 0 {
                    walk.hold(&step, observed);
                    self.known.plan_again(&step);
                    continue;
                }
                if let Step::Announce(announcement) = &*step {
                    let owner = announcement.mapping.location.vport_here();
                    assert!(
                        owner.is_some_and(|vport| observed.passes(vport)),
                        "guests are told of an owner that passes nothing"
                    );
                }
                self.actual.apply(&step);
                self.known.done(&step);
                if let Step::WriteVport(vport, row) | Step::Forget(vport, row) = &*step {
                    assert!(self.maps.is_ready(row.instance));
                    self.maps.row_written(*vport, row.instance);
                }
                written.push(step.into_owned());
                if !is_alone {
                    self.work(script.next(2), script);
                }
            }
        }
        let (queues, maps) = walk.finish();
        self.actual.expect(&self.desired);
        queues
            .values()
            .flatten()
            .for_each(|queued| self.check_boot(&queued.step));
        if let Scope::Only(scope) = &scope {
            assert!(queues.keys().all(|queue| scope.contains(queue)));
        }
        self.queues.replace(&scope, queues);
        for (instance, vports) in maps {
            self.asked_for.entry(instance).or_default().extend(vports);
        }
        if let Some((expected, queues, maps)) = expected {
            assert_eq!(written, expected);
            assert_eq!(drain(self.queues.clone(), &self.running), queues);
            assert!(maps.iter().all(|map| self.asked_for.contains_key(map)));
        }
        let in_flight = self.queues.in_flight();
        let numbers = &mut self.numbers;
        self.known
            .release_vports(&self.desired, &in_flight, numbers);
    }

    /// Something of the machine changes by itself, and is seen and planned upon before a step meets it.
    fn disturb(&mut self, script: &mut Script) {
        if !self.running.is_empty() {
            return;
        }
        let observed = &mut self.actual.observed;
        let devices: Vec<u32> = observed.devices.keys().copied().collect();
        let vport = devices.get(script.next(8)).copied();
        match (script.next(4), vport) {
            (0 | 1, Some(vport)) => {
                observed.devices.remove(&vport);
                observed.guarded.remove(&vport);
                observed.linked.remove(&vport);
            }
            (2, Some(vport)) => {
                let device = observed.devices.get_mut(&vport);
                device.unwrap().has_lost_routes = true;
            }
            _ => {
                let instances = observed.instances.values_mut();
                instances.for_each(|instance| instance.alive = false);
            }
        }
        self.take_outcomes();
        self.look();
        self.pass_with(self.does_deferred, true, script);
    }

    fn look(&mut self) {
        self.queues.begin_look();
        let changed = self.queues.end_look();
        let observed = self.actual.observed.clone();
        let seen = SeenDevices {
            instances: observed.instances,
            brought: observed.brought,
            devices: observed.devices,
            linked: observed.linked,
            uplink: observed.uplink,
        };
        self.known.take_over(seen, &changed);
    }

    /// What the next pass would come to if it planned everything, whatever has been planned before.
    fn pass_over_everything(&self) -> Passed {
        let mut known = self.known.observed().clone();
        let plan = plan(&self.desired, &known);
        let mut walk = Walk::along(&plan, &self.queues.in_flight());
        let mut maps = self.maps.clone();
        let mut written = Vec::new();
        for (steps, urgency) in parts(&plan, self.does_deferred) {
            for step in steps {
                let rows = &known.tables.vports;
                let is_named = |policy| {
                    rows.values().any(|row| {
                        row.has(Vport::PRESENT)
                            && [row.security_policy, row.network_acl_policy].contains(&policy)
                    })
                };
                let turn = walk.turn(step, urgency, &known, &maps, &self.failures, is_named);
                if let Turn::Tables(step) = turn {
                    known.apply(&step);
                    if let Step::WriteVport(vport, row) | Step::Forget(vport, row) = &*step {
                        maps.row_written(*vport, row.instance);
                    }
                    written.push(step.into_owned());
                }
            }
        }
        let (steps, maps) = walk.finish();
        let mut queues = self.queues.clone();
        queues.replace(&Scope::All, steps);
        let queues = drain(queues, &self.running);
        (written, queues, maps.into_keys().collect())
    }

    /// So many things happen in the devices lane.
    fn work(&mut self, times: usize, script: &mut Script) {
        for _ in 0..times {
            if script.next(2) == 0 && !self.running.is_empty() {
                let one = self.running.remove(script.next(self.running.len()));
                self.end(one);
            } else if let Some((queue, step)) = self.queues.begin() {
                self.check_begin(queue, &step);
                self.running.push((queue, step));
            } else if let Some((instance, vports)) = self.asked_for.pop_first() {
                self.maps.made(instance);
                self.known.plan_again_at(vports);
            }
        }
    }

    fn check_begin(&self, queue: Queue, step: &Step) {
        self.actual.check(step);
        assert!(
            self.running.iter().all(|(other, _)| *other != queue),
            "two steps of one queue at once"
        );
    }

    /// An instance's boot waits until its interfaces pass.
    fn check_boot(&self, step: &Step) {
        let Step::Boot(id, _) = step else {
            return;
        };
        for interface in self.desired.interfaces.values() {
            let row = Step::WriteVport(interface.vport, Default::default());
            let known = self.known.observed();
            let failed = self.failures.allow(&row, known).is_none();
            assert!(
                interface.instance_id != *id || failed || known.passes(interface.vport),
                "booted before its interfaces pass"
            );
        }
    }

    fn end(&mut self, (queue, step): (Queue, Step)) {
        let fails = self.fail > 0 && !matches!(step, Step::PlugUplink(_));
        let result = if fails {
            self.fail -= 1;
            Err(())
        } else {
            self.actual.end(&step);
            Ok(())
        };
        self.queues.end(Outcome {
            queue,
            step,
            result,
        });
    }

    fn settle(&mut self, script: &mut Script) {
        for _ in 0..1_000 {
            self.take_outcomes();
            if self.queues.is_idle() {
                self.try_again();
            }
            self.pass(true, script);
            // What ended during that pass is for the next one.
            self.take_outcomes();
            self.pass_with(true, true, script);
            let is_idle = self.queues.is_idle() && self.asked_for.is_empty();
            if is_idle && self.failures.is_empty() {
                check_settled(&self.actual.observed, &self.desired);
                assert_eq!(&self.actual.observed, self.known.observed());
                return;
            }
            self.work(5, script);
        }
        panic!("no end: {:?}", plan(&self.desired, self.known.observed()));
    }
}

fn parts(plan: &Plan, does_deferred: bool) -> Vec<(&[Step], Urgency)> {
    let mut parts = vec![
        (&plan.now[..], Urgency::Now),
        (&plan.then[..], Urgency::Then),
    ];
    if does_deferred {
        parts.push((&plan.deferred[..], Urgency::Deferred));
    }
    parts
}

/// The steps that queues come to, when those that run have ended and nobody plans any more.
fn drain(mut queues: Queues<()>, running: &[(Queue, Step)]) -> BTreeMap<Queue, Vec<Step>> {
    let mut drained = BTreeMap::<_, Vec<_>>::new();
    let end = |queues: &mut Queues<()>, queue, step| {
        queues.end(Outcome {
            queue,
            step,
            result: Ok(()),
        });
    };
    for (queue, step) in running {
        end(&mut queues, *queue, step.clone());
    }
    while let Some((queue, step)) = queues.begin() {
        drained.entry(queue).or_default().push(step.clone());
        end(&mut queues, queue, step);
    }
    drained
}

/// Rows name their instances, as lowering has it.
fn want(wishes: &[Wish], boot_count: u64, numbers: &mut VportNumbers) -> Desired {
    let mut desired = lower(wishes, boot_count, numbers);
    let mut instances = BTreeMap::new();
    for interface in desired.interfaces.values() {
        let instance = *instances
            .entry(interface.instance_id)
            .or_insert(interface.vport);
        let row = desired.tables.vports.get_mut(&interface.vport).unwrap();
        row.instance = instance;
    }
    desired
}

/// Whose turn it is.
struct Script {
    choices: Vec<Index>,
    position: usize,
}

impl Script {
    fn next(&mut self, below: usize) -> usize {
        self.position += 1;
        let choice = &self.choices[self.position % self.choices.len()];
        choice.index(below)
    }
}

proptest! {
    #[test]
    fn lanes_in_any_order_keep_the_promises_and_come_to_an_end(
        history in prop::collection::vec(
            (prop::collection::vec((0..3u8, 0..2u8, 0..3u8, 5..9u8, 1..4u32), 0..5), 0..6usize),
            1..6,
        ),
        fail in 0..3usize,
        choices in prop::collection::vec(any::<Index>(), 97),
    ) {
        let mut script = Script { choices, position: 0 };
        let mut lanes = Lanes::new(fail);
        let mut boot_count = 1;
        for (number, (wishes, passes)) in history.iter().enumerate() {
            boot_count += number as u64 % 2;
            lanes.want(wishes, boot_count);
            for _ in 0..*passes {
                lanes.take_outcomes();
                let does_deferred = script.next(2) == 0;
                lanes.pass(does_deferred, &mut script);
                let times = script.next(6);
                lanes.work(times, &mut script);
                if script.next(4) == 0 {
                    lanes.disturb(&mut script);
                }
            }
        }
        lanes.settle(&mut script);
    }
}

fn step(id: u8, urgency: Urgency) -> QueuedStep {
    QueuedStep {
        urgency,
        step: Step::Halt(instance_id(id)),
    }
}

fn queue(id: u8) -> Queue {
    Queue::Instance(instance_id(id))
}

#[test]
fn steps_begin_by_urgency_and_age_and_idle_ones_one_at_a_time() {
    let mut queues = Queues::<()>::default();
    let wanted = |urgencies: &[(u8, Urgency)]| {
        let steps = urgencies.iter();
        steps
            .map(|(id, urgency)| (queue(*id), vec![step(*id, *urgency)]))
            .collect::<BTreeMap<_, _>>()
    };
    queues.replace(
        &Scope::All,
        wanted(&[(1, Urgency::Deferred), (2, Urgency::Deferred)]),
    );
    assert_eq!(queues.begin().unwrap().0, queue(1));
    assert_eq!(queues.begin(), None, "one idle step at a time");
    queues.replace(
        &Scope::All,
        wanted(&[
            (1, Urgency::Deferred),
            (3, Urgency::Then),
            (4, Urgency::Now),
        ]),
    );
    assert_eq!(queues.begin().unwrap().0, queue(4));
    assert_eq!(queues.begin().unwrap().0, queue(3));
    assert_eq!(
        queues.begin(),
        None,
        "what is not wanted any more is not begun"
    );
}

#[test]
fn a_queue_rests_while_its_begun_steps_are_not_what_is_wanted() {
    let mut queues = Queues::<()>::default();
    let boot_next = |first: u8| -> BTreeMap<_, _> {
        let steps = vec![step(first, Urgency::Now), step(9, Urgency::Then)];
        [(queue(1), steps)].into()
    };
    queues.replace(&Scope::All, boot_next(1));
    let (_, begun) = queues.begin().unwrap();
    queues.replace(&Scope::All, boot_next(2));
    queues.end(Outcome {
        queue: queue(1),
        step: begun,
        result: Ok(()),
    });
    assert_eq!(queues.begin(), None);
    assert_eq!(queues.take_outcomes().len(), 1);
    queues.replace(&Scope::All, boot_next(2));
    assert_eq!(queues.begin().unwrap().1, Step::Halt(instance_id(2)));
}

#[test]
fn a_look_tells_nothing_of_queues_that_change_meanwhile() {
    let mut queues = Queues::<()>::default();
    let all: BTreeMap<_, _> = (1..4)
        .map(|id| (queue(id), vec![step(id, Urgency::Now)]))
        .collect();
    queues.replace(&Scope::All, all);
    let (_, first) = queues.begin().unwrap();
    queues.begin_look();
    queues.begin().unwrap();
    queues.end(Outcome {
        queue: queue(1),
        step: first,
        result: Ok(()),
    });
    queues.take_outcomes();
    assert_eq!(queues.end_look(), [queue(1), queue(2)].into());
}
