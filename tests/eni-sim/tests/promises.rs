//! What SRD promises, in networks that break every rule but physics. Each case is one seed and replays exactly.

mod support;

use eni_sim::World;
use eni_sim::network::{Direction, Faults, NetworkSpec, Outage};
use eni_srd::{Admission, Event, Failure, PairKey};
use eni_srd_seal::AesPairKey;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use support::{any_faults, cases};

const MS: u64 = 1_000_000;

fn any_outage() -> impl Strategy<Value = Outage> {
    let direction = prop_oneof![
        Just(None),
        Just(Some(Direction::Left)),
        Just(Some(Direction::Right))
    ];
    (0..16_usize, direction, 0..5 * MS, 0..50 * MS).prop_map(
        |(core, direction, from_ns, length)| Outage {
            core,
            direction,
            from_ns,
            until_ns: from_ns + length,
        },
    )
}

proptest! {
    #![proptest_config(cases())]

    /// Loss of up to 10 %, repetition, reordering and up to 15 paths dead in any direction: everything arrives, once, whole.
    #[test]
    fn every_message_arrives_exactly_once(
        seed in any::<u64>(),
        faults in any_faults(0.1, 0.3),
        mut outages in prop::collection::vec(any_outage(), 0..15),
        paths in 1..=64_u8,
        window_log2 in 6..=12_u8,
        sizes in prop::collection::vec(0..40_000_u32, 1..300),
        is_sealed in any::<bool>(),
    ) {
        outages.retain(|outage| outage.core != 0 && paths > 16);
        let mut spec = NetworkSpec::data_centre(1, 1);
        (spec.faults, spec.outages) = (faults, outages);
        let mut world = World::new(spec, seed);
        let key = is_sealed.then(|| Arc::new(AesPairKey::new(&[1; 32])) as Arc<dyn PairKey>);
        let (left, right) = world.open_srd((0, 1), None, key, |config| {
            (config.paths, config.window_log2) = (paths, window_log2);
        }).unwrap();
        for (index, bytes) in sizes.iter().enumerate() {
            world.plan(if index % 3 == 0 { right } else { left }, *bytes, index as u64 * 5_000);
        }
        world.run(2_000 * MS);
        prop_assert_eq!(world.undelivered(), 0);
        let end = world.now_ns() + 500 * MS;
        world.run_on(end);
        prop_assert!(world.messages().iter().all(|message| message.completed_ns.is_some()));
        for end in [left, right] {
            let endpoint = world.srd(end).unwrap();
            prop_assert_eq!(endpoint.repeated_pieces(), 0);
            prop_assert_eq!(endpoint.malformed_pieces(), 0);
            prop_assert!(endpoint.failures().is_empty());
            prop_assert!(endpoint.connection().is_idle());
        }
    }

    /// Whichever path dies, whenever, in whichever direction: no message is later than 2 ms.
    #[test]
    fn no_message_waits_long_after_a_path_died(
        seed in any::<u64>(),
        core in 0..16_usize,
        direction in prop_oneof![Just(None), Just(Some(Direction::Left)), Just(Some(Direction::Right))],
        from_ns in 10 * MS..12 * MS,
        bytes in 1..60_000_u32,
    ) {
        let mut spec = NetworkSpec::data_centre(1, 1);
        spec.outages.push(Outage { core, direction, from_ns, until_ns: u64::MAX });
        let mut world = World::new(spec, seed);
        let (left, _) = world.open_srd((0, 1), None, None, |_| {}).unwrap();
        // Half of what the link carries.
        let interval = (u64::from(bytes) * 8 / 50).max(1_000);
        for index in 0..2_000 {
            world.plan(left, bytes, 9 * MS + index * interval);
        }
        world.run(10_000 * MS);
        prop_assert_eq!(world.undelivered(), 0);
        let slowest = world.messages().iter().filter_map(|message| message.latency_ns()).max();
        prop_assert!(slowest < Some(2 * MS), "{slowest:?}");
    }

    /// Goodput stays above half the line's rate with 1 % of packets lost, and above nine tenths without loss.
    #[test]
    fn goodput_has_a_floor(seed in any::<u64>(), is_lossy in any::<bool>(), reordering in 0.0..0.1) {
        let mut spec = NetworkSpec::data_centre(1, 1);
        if is_lossy {
            spec.faults = Faults { loss: 0.01, reordering, reordering_ns: 20_000, ..Faults::default() };
        }
        let mut world = World::new(spec, seed);
        let (left, _) = world.open_srd((0, 1), None, None, |_| {}).unwrap();
        const BYTES: u64 = 100_000_000;
        for _ in 0..BYTES / 50_000 {
            world.plan(left, 50_000, MS);
        }
        world.run(1_000 * MS);
        prop_assert_eq!(world.undelivered(), 0);
        let gigabits = BYTES as f64 * 8.0 / (world.now_ns() - MS) as f64;
        let floor = if is_lossy { 50.0 } else { 90.0 };
        prop_assert!(gigabits > floor, "{gigabits} Gb/s");
    }

    /// Two connections with as much to send as they like share a link: neither gets more than twice the other's part.
    #[test]
    fn two_connections_share_fairly(seed in any::<u64>(), head_start_ns in 0..3 * MS) {
        let mut world = World::new(NetworkSpec::data_centre(2, 1), seed);
        let senders = [0, 1].map(|host| world.open_srd((host, 2), None, None, |_| {}).unwrap().0);
        for (sender, start) in senders.into_iter().zip([0, head_start_ns]) {
            for _ in 0..10_000 {
                world.plan(sender, 50_000, MS + start);
            }
        }
        let from = 10 * MS + head_start_ns;
        world.run(from + 20 * MS);
        let [first, second] = senders.map(|sender| {
            let arrived = world.messages().iter().filter(|message| {
                message.endpoint == sender && message.delivered_ns.is_some_and(|at| at > from)
            });
            arrived.count()
        });
        let ratio = first.max(second) as f64 / first.min(second).max(1) as f64;
        prop_assert!(ratio < 2.0, "{first} and {second} messages");
        prop_assert!((first + second) * 50_000 * 8 / 20 > 85_000_000, "{first} and {second} messages");
    }

    /// A peer that nobody reaches is given up in time, and every message with it.
    #[test]
    fn a_dead_peer_is_noticed_in_bounded_time(seed in any::<u64>(), dies_ns in 0..10 * MS) {
        let mut spec = NetworkSpec::data_centre(1, 1);
        spec.outages = (0..16).map(|core| Outage { core, direction: None, from_ns: dies_ns, until_ns: u64::MAX }).collect();
        let mut world = World::new(spec, seed);
        let (left, right) = world.open_srd((0, 1), None, None, |config| {
            config.peer_dead_after = Duration::from_millis(500);
            config.keepalive_after = Some(Duration::from_millis(200));
        }).unwrap();
        for index in 0..1_000 {
            world.plan(left, 10_000, index * 20_000);
        }
        // Silence, then an unanswered question; the last planned message is at 20 ms.
        world.run_on(20 * MS + 700 * MS + MS);
        let planned = world.messages().len();
        let arrived = world.messages().iter().filter(|message| message.completed_ns.is_some()).count();
        for end in [left, right] {
            let endpoint = world.srd(end).unwrap();
            let is_closed = endpoint.events().contains(&Event::Closed { reason: Failure::PeerDead });
            let was_there = end == left || endpoint.events().contains(&Event::Connected);
            prop_assert!(is_closed || !was_there, "{:?}", endpoint.events());
        }
        let endpoint = world.srd(left).unwrap();
        let failed: std::collections::HashSet<u32> = endpoint.failures().iter().map(|(message, _)| *message).collect();
        prop_assert!(arrived + failed.len() + endpoint.unsent_messages() >= planned);
        prop_assert!(endpoint.connection().poll_timeout().is_none());
    }

    /// Paths may be dead and packets lost for long while nothing is said: the peer is not given up for it.
    #[test]
    fn an_idle_peer_behind_dead_paths_is_not_given_up(seed in any::<u64>(), dead in 1..13_usize, loss in 0.0..0.1) {
        let mut spec = NetworkSpec::data_centre(1, 1);
        spec.faults.loss = loss;
        spec.outages = (0..dead).map(|core| Outage { core, direction: None, from_ns: 0, until_ns: u64::MAX }).collect();
        let mut world = World::new(spec, seed);
        let (left, right) = world.open_srd((0, 1), None, None, |_| {}).unwrap();
        world.plan(left, 100_000, 0);
        world.run_on(30_000 * MS);
        prop_assert_eq!(world.undelivered(), 0);
        for end in [left, right] {
            let endpoint = world.srd(end).unwrap();
            let is_closed = endpoint.events().iter().any(|event| matches!(event, Event::Closed { .. }));
            prop_assert!(!is_closed, "{:?}", endpoint.events());
        }
    }

    /// A network that becomes up to a thousand times slower than it was measured is learned anew, not given up.
    #[test]
    fn a_network_that_becomes_slow_is_learned_anew(seed in any::<u64>(), slow_ns in 100_000..5 * MS) {
        let mut world = World::new(NetworkSpec::data_centre(1, 1), seed);
        let (left, _) = world.open_srd((0, 1), None, None, |_| {}).unwrap();
        for index in 0..20_000 {
            world.plan(left, 1_000, index * 200_000);
        }
        world.run(100 * MS);
        world.set_core_delay(slow_ns);
        world.run_on(4_500 * MS);
        prop_assert!(world.messages().iter().all(|message| message.completed_ns.is_some()));
        // By the last second nobody takes the new way for a queue: messages take its time and little more.
        let late: Vec<u64> = world.messages()[15_000..].iter().filter_map(|message| message.latency_ns()).collect();
        let prompt = late.iter().filter(|latency| **latency < slow_ns + slow_ns / 2 + MS).count();
        prop_assert!(prompt * 10 > late.len() * 9, "{prompt} of {}", late.len());
        let again = world.srd(left).unwrap().counters().messages_retransmitted;
        prop_assert!(again < 3_000, "{again} sent again");
    }

    /// Receivers that are not ready, or refuse: the rest arrives, once, and the sender learns what did not.
    #[test]
    fn a_receiver_may_be_slow_or_refuse(
        seed in any::<u64>(),
        loss in 0.0..0.05,
        answers in prop::collection::vec(prop_oneof![
            3 => Just(Admission::Accept),
            2 => Just(Admission::NotReady),
            1 => Just(Admission::Refuse(9)),
        ], 0..200),
    ) {
        let mut spec = NetworkSpec::data_centre(1, 1);
        spec.faults.loss = loss;
        let mut world = World::new(spec, seed);
        let (left, right) = world.open_srd((0, 1), None, None, |_| {}).unwrap();
        world.srd(right).unwrap().answer(answers.iter().copied());
        for index in 0..200 {
            world.plan(left, 1_000, index * 3_000);
        }
        world.run(1_000 * MS);
        world.run_on(1_500 * MS);
        let endpoint = world.srd(left).unwrap();
        let failures = endpoint.failures().to_vec();
        prop_assert!(endpoint.connection().is_idle());
        for (message, reason) in &failures {
            prop_assert_eq!(*reason, Failure::Refused(9));
            prop_assert_eq!(world.messages()[*message as usize].delivered_ns, None);
        }
        prop_assert_eq!(failures.len(), world.undelivered());
        let receiver = world.srd(right).unwrap();
        prop_assert_eq!(receiver.repeated_pieces(), 0);
        prop_assert!(receiver.counters().not_ready_sent as usize <= 200);
    }
}
