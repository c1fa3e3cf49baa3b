//! Plans against a simulated machine: whatever happened before, and wherever it crashed, it converges and settles.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod machine;

use eni_plan::{Step, VportNumbers, plan};
use proptest::prelude::*;

use machine::{Machine, attachment_id, instance_id, lower, settle};

proptest! {
    #[test]
    fn any_history_of_wishes_and_crashes_converges(
        history in prop::collection::vec(
            (prop::collection::vec((0..3u8, 0..2u8, 0..3u8, 5..9u8, 1..4u32), 0..5), 1..3u64, any::<prop::sample::Index>()),
            1..6,
        )
    ) {
        let mut machine = Machine::default();
        for (wishes, boot_count, crash) in &history {
            let desired = lower(wishes, *boot_count, &mut machine.numbers());
            let plan = machine.plan(&desired);
            let steps: Vec<_> = plan.steps().collect();
            let done = crash.index(steps.len() + 1);
            for step in steps.iter().take(done) {
                machine.apply(step);
            }
            if let Some(step) = steps.get(done) {
                machine.crash_in(step);
            }
        }
        let (wishes, boot_count, _) = history.last().unwrap();
        let desired = lower(wishes, *boot_count, &mut machine.numbers());
        settle(&mut machine, &desired);
    }
}

#[test]
fn a_move_cuts_first_releases_last_and_defers_deletions() {
    let mut machine = Machine::default();
    let mut numbers = VportNumbers::default();
    let here = lower(
        &[(1, 0, 1, 5, 1), (2, 0, 2, 6, 1), (1, 1, 3, 7, 1)],
        1,
        &mut numbers,
    );
    settle(&mut machine, &here);
    let there = lower(
        &[(1, 0, 1, 5, 1), (2, 0, 2, 6, 1), (2, 1, 3, 7, 1)],
        1,
        &mut numbers,
    );
    let plan = plan(&there, &machine.observed);
    let names: Vec<_> = plan.steps().map(name_of).collect();
    assert_eq!(
        names,
        [
            "Cut",
            "Withdraw",
            "Plug",
            "Guard",
            "Configure",
            "Table",
            "WriteVport",
            "WriteGlobals",
            "Announce",
            "Forget",
            "Link",
            "Unplug",
        ]
    );
    assert_eq!((plan.then.len(), plan.deferred.len()), (1, 2));
}

#[test]
fn an_instance_that_died_stays_down_until_its_next_boot() {
    let mut machine = Machine::default();
    let mut numbers = VportNumbers::default();
    let first = lower(&[(1, 0, 1, 5, 1)], 1, &mut numbers);
    settle(&mut machine, &first);
    machine
        .observed
        .instances
        .get_mut(&instance_id(1))
        .unwrap()
        .alive = false;
    assert!(plan(&first, &machine.observed).is_empty());
    let second = lower(&[(1, 0, 1, 5, 1)], 2, &mut numbers);
    let steps: Vec<_> = plan(&second, &machine.observed)
        .steps()
        .map(name_of)
        .collect();
    assert_eq!(steps, [&REBOOT[..], &["Link"]].concat());
}

#[test]
fn a_running_instance_is_told_once_who_resolves_names_now() {
    let mut machine = Machine::default();
    let mut numbers = VportNumbers::default();
    let mut desired = lower(&[(1, 0, 1, 5, 1), (2, 0, 2, 6, 1)], 1, &mut numbers);
    settle(&mut machine, &desired);
    for instance in desired.instances.values_mut() {
        instance.resolver = "search corp.test\n".into();
    }
    // Whoever is dead is told at its next boot.
    let dead = machine.observed.instances.get_mut(&instance_id(2));
    dead.unwrap().alive = false;
    let told = machine.plan(&desired);
    let want = Step::Resolve(instance_id(1), "search corp.test\n".into());
    assert_eq!(told.steps().collect::<Vec<_>>(), [&want]);
    machine.apply(&want);
    assert!(machine.plan(&desired).is_empty());
}

/// A boot is a new kernel.
const REBOOT: [&str; 8] = [
    "Cut",
    "Unplug",
    "CreateInstance",
    "Plug",
    "Guard",
    "Configure",
    "WriteVport",
    "Boot",
];

#[test]
fn a_reboot_and_a_start_at_once_after_a_stop_make_the_network_anew_and_delay_only_their_own() {
    let one = [(1, 0, 1, 5, 1)];
    for stopped in [false, true] {
        let mut machine = Machine::default();
        let mut numbers = VportNumbers::default();
        settle(&mut machine, &lower(&one, 1, &mut numbers));
        if stopped {
            // No deferred step is done yet.
            for step in machine.plan(&lower(&[], 1, &mut numbers)).now {
                machine.apply(&step);
            }
            machine.apply(&Step::Halt(instance_id(1)));
        }
        let again = lower(&one, 2, &mut numbers);
        let plan = machine.plan(&again);
        let changes_packets =
            |step: &&Step| !matches!(step, Step::Table(_) | Step::WriteGlobals(_));
        let names = |steps: &[Step]| -> Vec<_> {
            steps.iter().filter(changes_packets).map(name_of).collect()
        };
        if stopped {
            assert_eq!(names(&plan.now), [""; 0]);
            assert_eq!(names(&plan.then), REBOOT[1..]);
        } else {
            assert_eq!(names(&plan.now), ["Cut"]);
            assert_eq!(names(&plan.then), [&["Halt"], &REBOOT[1..]].concat());
        }
        assert_eq!(names(&plan.deferred), ["Link"]);
        settle(&mut machine, &again);
    }
}

#[test]
fn what_an_interface_left_in_an_instance_is_withdrawn_with_and_without_its_device() {
    let mut numbers = VportNumbers::default();
    let both = lower(&[(1, 0, 1, 5, 1), (1, 1, 2, 6, 1)], 1, &mut numbers);
    let gone = attachment_id(2, 1, 1);
    let alone = lower(&[(1, 0, 1, 5, 1)], 1, &mut numbers);
    // The guest, or a crash, may have deleted the device.
    for has_device in [true, false] {
        let mut machine = Machine::default();
        settle(&mut machine, &both);
        if !has_device {
            machine
                .observed
                .devices
                .remove(&both.interfaces[&gone].vport);
        }
        let plan = machine.plan(&alone);
        assert!(plan.now.contains(&Step::Withdraw(gone, instance_id(1))));
        settle(&mut machine, &alone);
    }
}

#[test]
fn a_device_that_lost_its_routes_is_configured_again_and_nothing_else_is_done() {
    let mut machine = Machine::default();
    let mut numbers = VportNumbers::default();
    let wanted = lower(&[(1, 0, 1, 5, 1), (1, 1, 2, 6, 1)], 1, &mut numbers);
    settle(&mut machine, &wanted);
    let second = attachment_id(2, 1, 1);
    let vport = wanted.interfaces[&second].vport;
    let device = machine.observed.devices.get_mut(&vport).unwrap();
    device.has_lost_routes = true;
    let plan = plan(&wanted, &machine.observed);
    let steps: Vec<_> = plan.steps().collect();
    let again = Step::Configure(second, wanted.interfaces[&second].clone());
    assert_eq!(steps, [&again]);
    assert_eq!(plan.now.len(), 1, "packets wait for it");
    settle(&mut machine, &wanted);
}

#[test]
fn a_block_that_is_delegated_or_taken_back_is_brought_like_an_address() {
    let mut machine = Machine::default();
    let mut numbers = VportNumbers::default();
    let without = lower(&[(1, 0, 1, 5, 1), (1, 1, 2, 6, 1)], 1, &mut numbers);
    let second = attachment_id(2, 1, 1);
    let mut with = without.clone();
    let interface = with.interfaces.get_mut(&second).unwrap();
    interface.prefixes = vec!["10.0.0.32/28".parse().unwrap()];
    settle(&mut machine, &without);
    for wanted in [&with, &without] {
        let plan = plan(wanted, &machine.observed);
        let steps: Vec<_> = plan.steps().collect();
        let again = Step::Configure(second, wanted.interfaces[&second].clone());
        assert_eq!(steps, [&again]);
        settle(&mut machine, wanted);
    }
}

fn name_of(step: &Step) -> String {
    let text = format!("{step:?}");
    text.split(['(', ' ']).next().unwrap().to_owned()
}
