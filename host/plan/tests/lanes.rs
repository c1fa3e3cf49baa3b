//! Two lanes at work on a simulated machine: in whatever order they take turns, the promises hold and all is brought about.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod machine;

use std::collections::{BTreeMap, BTreeSet};

use eni_abi::Vport;
use eni_plan::lanes::{
    Failures, InstanceMaps, Outcome, Queue, QueuedStep, Queues, Turn, Urgency, Walk,
};
use eni_plan::{Desired, Observed, Step, VportNumbers, plan};
use proptest::prelude::*;
use proptest::sample::Index;

use machine::{Machine, Wish, check_settled, instance_id, lower};

/// What the tables lane knows beside what really is.
struct Lanes {
    actual: Machine,
    known: Observed,
    numbers: VportNumbers,
    maps: InstanceMaps,
    /// Instances whose maps are being made.
    asked_for: BTreeSet<u32>,
    failures: Failures,
    queues: Queues<()>,
    running: Vec<(Queue, Step)>,
    desired: Desired,
    /// How many of the next device steps fail.
    fail: usize,
}

impl Lanes {
    fn new(fail: usize) -> Self {
        let mut numbers = VportNumbers::default();
        Self {
            actual: Machine::default(),
            known: Observed::default(),
            desired: want(&[], 1, &mut numbers),
            numbers,
            maps: InstanceMaps::default(),
            asked_for: BTreeSet::new(),
            failures: Failures::default(),
            queues: Queues::default(),
            running: Vec::new(),
            fail,
        }
    }

    fn want(&mut self, wishes: &[Wish], boot_count: u64) {
        self.failures.clear();
        self.desired = want(wishes, boot_count, &mut self.numbers);
    }

    fn take_outcomes(&mut self) -> bool {
        let outcomes = self.queues.take_outcomes();
        let any = !outcomes.is_empty();
        for Outcome { step, result, .. } in outcomes {
            match result {
                Ok(()) => self.known.apply(&step),
                Err(()) => self.failures.add(step),
            }
        }
        any
    }

    /// One pass of the tables lane. The devices lane goes on between its parts.
    fn pass(&mut self, script: &mut Script) {
        let plan = plan(&self.desired, &self.known);
        self.work(script.next(2), script);
        let mut walk = Walk::along(&plan, &self.queues.in_flight());
        self.work(script.next(2), script);
        let parts = [
            (&plan.now, Urgency::Now),
            (&plan.then, Urgency::Then),
            (&plan.deferred, Urgency::Deferred),
        ];
        for (steps, urgency) in parts {
            for step in steps {
                let (maps, failures) = (&self.maps, &self.failures);
                let rows = &self.known.tables.vports;
                let is_named = |policy| {
                    rows.values().any(|row| {
                        row.has(Vport::PRESENT)
                            && [row.security_policy, row.network_acl_policy].contains(&policy)
                    })
                };
                let turn = walk.turn(step, urgency, &self.known, maps, failures, is_named);
                if let Turn::Tables(step) = turn {
                    self.actual.apply(&step);
                    self.known.apply(&step);
                    if let Step::WriteVport(vport, row) | Step::Forget(vport, row) = &*step {
                        assert!(self.maps.is_ready(row.instance));
                        self.maps.row_written(*vport, row.instance);
                    }
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
        self.queues.replace(queues);
        self.asked_for.extend(maps);
        let in_flight = self.queues.in_flight();
        let gone: Vec<_> = self
            .numbers
            .iter()
            .filter(|(id, vport)| {
                !self.desired.interfaces.contains_key(id)
                    && !self.known.devices.contains_key(vport)
                    && !self.known.passes(*vport)
                    && !in_flight.touches_vport(*vport)
            })
            .collect();
        gone.into_iter()
            .for_each(|(id, _)| self.numbers.release(id));
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
            } else if let Some(instance) = self.asked_for.pop_first() {
                self.maps.made(instance);
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
            let failed = self.failures.allow(&row, &self.known).is_none();
            assert!(
                interface.instance_id != *id || failed || self.known.passes(interface.vport),
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
            if !self.failures.is_empty() && self.queues.is_idle() {
                self.failures.clear();
            }
            self.pass(script);
            if self.queues.is_idle() && self.asked_for.is_empty() {
                check_settled(&self.actual.observed, &self.desired);
                assert_eq!(self.actual.observed, self.known);
                return;
            }
            self.work(5, script);
        }
        panic!("no end: {:?}", plan(&self.desired, &self.known));
    }
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
                lanes.pass(&mut script);
                let times = script.next(6);
                lanes.work(times, &mut script);
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
    queues.replace(wanted(&[(1, Urgency::Deferred), (2, Urgency::Deferred)]));
    assert_eq!(queues.begin().unwrap().0, queue(1));
    assert_eq!(queues.begin(), None, "one idle step at a time");
    queues.replace(wanted(&[
        (1, Urgency::Deferred),
        (3, Urgency::Then),
        (4, Urgency::Now),
    ]));
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
    queues.replace(boot_next(1));
    let (_, begun) = queues.begin().unwrap();
    queues.replace(boot_next(2));
    queues.end(Outcome {
        queue: queue(1),
        step: begun,
        result: Ok(()),
    });
    assert_eq!(queues.begin(), None);
    assert_eq!(queues.take_outcomes().len(), 1);
    queues.replace(boot_next(2));
    assert_eq!(queues.begin().unwrap().1, Step::Halt(instance_id(2)));
}

#[test]
fn a_look_tells_nothing_of_queues_that_change_meanwhile() {
    let mut queues = Queues::<()>::default();
    let all: BTreeMap<_, _> = (1..4)
        .map(|id| (queue(id), vec![step(id, Urgency::Now)]))
        .collect();
    queues.replace(all);
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
