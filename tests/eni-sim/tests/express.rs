//! What ENA Express claims, beside the same TCP with one path for each flow.

mod support;

use eni_ena_express::{DropReason, MAX_MEMORY_BYTES, Ordinary};
use eni_sim::World;
use eni_sim::express::ExpressOptions;
use eni_sim::network::{NetworkSpec, Outage};
use eni_sim::scenario::{Incast, Outcome, Transport};
use eni_sim::tcp::{EXPRESS_SEGMENT_BYTES, TcpOptions};
use eni_sim::zone::{Bulk, Goodput, Requests, Trouble};
use proptest::prelude::*;
use support::{any_faults, cases};

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const SEEDS: [u64; 3] = [1, 2, 3];
/// Each TCP, and the same over ENA Express.
const PAIRS: [[Transport; 2]; 2] = [
    [Transport::TcpCubic, Transport::ExpressTcpCubic],
    [Transport::TcpCubicRack, Transport::ExpressTcpCubicRack],
];

/// Runs each TCP without and with ENA Express.
fn each_pair<T>(mut run: impl FnMut(Transport, u64) -> T, mut check: impl FnMut(u64, T, T)) {
    for seed in SEEDS {
        for [ordinary, express] in PAIRS {
            check(seed, run(ordinary, seed), run(express, seed));
        }
    }
}

fn requests(trouble: Trouble) -> impl FnMut(Transport, u64) -> Outcome {
    let scenario = Requests {
        requests: 20_000,
        ..Requests::default()
    };
    move |transport, seed| {
        let outcome = scenario.run(transport, trouble, seed);
        assert_eq!(outcome.missing, 0);
        outcome
    }
}

#[test]
fn one_flow_takes_what_its_host_can_although_each_path_has_a_fifth_of_that() {
    let bulk = Bulk {
        bytes: 100_000_000,
        ..Bulk::default()
    };
    for trouble in Trouble::OF_THE_NETWORK {
        let run = |transport, seed| {
            let goodput = bulk.run(transport, trouble, seed);
            goodput.bits_per_second.expect("it arrives")
        };
        each_pair(run, |seed, ordinary, express| {
            assert!(
                ordinary < 5_000_000_000,
                "{trouble:?}, seed {seed}: {ordinary}"
            );
            // Of 25 Gb/s; headers take 2 %, the beginning some more.
            assert!(
                express > 20_000_000_000,
                "{trouble:?}, seed {seed}: {express}"
            );
        });
    }
}

/// The rows of the first table in docs/ENA-EXPRESS.md, in Gb/s.
#[test]
fn one_flow_of_250_mb_is_as_fast_as_the_documents_say() {
    // What one path gives, at least and at most, and what ENA Express gives at least.
    let rows = [
        (Trouble::Nothing, 4.8..5.0, 24.0),
        (Trouble::CrossTraffic, 1.0..1.7, 23.8),
        (Trouble::Incast, 2.9..3.6, 22.7),
        (Trouble::Loss, 4.8..5.0, 23.3),
        (Trouble::DeadPath, 2.9..3.6, 24.0),
    ];
    assert_eq!(rows.clone().map(|row| row.0), Trouble::OF_THE_NETWORK);
    for (trouble, one_path, express) in rows {
        for seed in SEEDS {
            let [before, after] =
                PAIRS[1].map(|transport| Bulk::default().run(transport, trouble, seed));
            let [before_gbps, after_gbps] = [before, after].map(gigabits);
            assert!(
                one_path.contains(&before_gbps) && after_gbps > express,
                "{trouble:?}, seed {seed}: {before_gbps} and {after_gbps}"
            );
            let expected = trouble == Trouble::DeadPath || trouble == Trouble::CrossTraffic;
            assert_eq!((before.timeouts > 0, after.timeouts), (expected, 0));
        }
    }
}

/// TCP pushes aside who keeps queues short, also on another host's account. Here no other path helps.
#[test]
fn others_tcp_into_the_same_receiver_leaves_it_something() {
    let bulk = Bulk {
        bytes: 50_000_000,
        ..Bulk::default()
    };
    for seed in SEEDS {
        for (trouble, least) in Trouble::OF_THE_RECEIVER.into_iter().zip([7.0, 0.7, 0.0]) {
            let rate = gigabits(bulk.run(Transport::ExpressTcpCubicRack, trouble, seed));
            assert!(rate > least, "{trouble:?}, seed {seed}: {rate}");
        }
    }
}

/// In Gb/s; not a number where the flow did not arrive, which is neither more nor less than anything.
fn gigabits(goodput: Goodput) -> f64 {
    goodput
        .bits_per_second
        .map_or(f64::NAN, |rate| rate as f64 / 1e9)
}

/// What one flow gets, and what requests wait at most but for one in a thousand, beside others' bulk transfers.
fn beside_others(express: ExpressOptions, seed: u64) -> (f64, u64) {
    let (transport, trouble) = (Transport::ExpressTcpCubicRack, Trouble::CrossTraffic);
    let bulk = Bulk {
        bytes: 100_000_000,
        express,
    };
    let requests = Requests {
        requests: 20_000,
        express,
        ..Requests::default()
    };
    let latency = requests.run(transport, trouble, seed).latency;
    (
        gigabits(bulk.run(transport, trouble, seed)),
        latency.p999_ns,
    )
}

#[test]
fn frames_delivered_as_they_come_cost_a_flow_a_fifth_beside_others() {
    let unordered = ExpressOptions {
        restores_order: false,
        ..ExpressOptions::FULL
    };
    for seed in SEEDS {
        let [full, unordered] =
            [ExpressOptions::FULL, unordered].map(|options| beside_others(options, seed).0);
        assert!(
            unordered < 0.8 * full,
            "seed {seed}: {unordered} beside {full}"
        );
    }
}

#[test]
fn order_needs_paths_that_are_not_slow() {
    let slow = ExpressOptions {
        avoids_slow_paths: false,
        ..ExpressOptions::FULL
    };
    for seed in SEEDS {
        let [full, slow] = [ExpressOptions::FULL, slow].map(|options| beside_others(options, seed));
        assert!(
            3.0 * slow.0 < full.0,
            "seed {seed}: {slow:?} beside {full:?}"
        );
        assert!(
            slow.1 > MS && full.1 < MS / 2,
            "seed {seed}: {slow:?} beside {full:?}"
        );
    }
}

#[test]
fn without_turns_requests_wait_for_all_that_a_greedy_flow_queued() {
    let in_one_queue = ExpressOptions {
        takes_turns: false,
        ..ExpressOptions::FULL
    };
    for seed in SEEDS {
        let [full, in_one_queue] = [ExpressOptions::FULL, in_one_queue].map(|express| {
            let requests = Requests {
                requests: 20_000,
                express,
                ..Requests::default()
            };
            let transport = Transport::ExpressTcpCubicRack;
            requests.run(transport, Trouble::OwnBulk, seed).latency
        });
        assert!(
            in_one_queue.p50_ns > 4 * full.p50_ns && in_one_queue.p999_ns > 3 * full.p999_ns,
            "seed {seed}: {in_one_queue:?} beside {full:?}"
        );
    }
}

#[test]
fn without_trouble_it_costs_a_microsecond_at_most() {
    each_pair(requests(Trouble::Nothing), |seed, ordinary, express| {
        let [before, after] = [ordinary, express].map(|outcome| outcome.latency);
        assert!(after.p50_ns <= before.p50_ns + US, "seed {seed}");
        assert!(after.p999_ns <= before.p999_ns, "seed {seed}");
    });
}

#[test]
fn others_bulk_traffic_on_some_paths_is_avoided() {
    each_pair(
        requests(Trouble::CrossTraffic),
        |seed, ordinary, express| {
            let [before, after] = [ordinary, express].map(|outcome| outcome.latency);
            // AWS tells of up to 85 % less.
            assert!(
                after.p999_ns * 100 <= before.p999_ns * 15,
                "seed {seed}: {after:?} beside {before:?}"
            );
            assert!(after.max_ns < 2 * MS, "seed {seed}: {after:?}");
        },
    );
}

#[test]
fn others_incast_on_some_paths_costs_less_than_half() {
    each_pair(requests(Trouble::Incast), |seed, ordinary, express| {
        let [before, after] = [ordinary, express].map(|outcome| outcome.latency);
        for (before, after) in [
            (before.p99_ns, after.p99_ns),
            (before.p999_ns, after.p999_ns),
            (before.max_ns, after.max_ns),
        ] {
            assert!(2 * after <= before, "seed {seed}: {after} beside {before}");
        }
    });
}

#[test]
fn a_lost_packet_costs_less_than_half_a_millisecond() {
    each_pair(requests(Trouble::Loss), |seed, ordinary, express| {
        let [before, after] = [ordinary, express].map(|outcome| outcome.latency);
        assert!(after.max_ns < MS / 2, "seed {seed}: {after:?}");
        assert!(after.max_ns < before.max_ns, "seed {seed}: {before:?}");
    });
}

#[test]
fn the_slowest_in_a_thousand_lose_less_to_a_lost_packet() {
    each_pair(requests(Trouble::Loss), |seed, ordinary, express| {
        let [before, after] = [ordinary, express].map(|outcome| outcome.latency.p999_ns);
        assert!(
            after < 300 * US && 10 * after < 9 * before,
            "seed {seed}: {after} beside {before}"
        );
    });
}

/// In seed 1 the greedy flow spends the run with one path in a timeout, so the seeds' median counts.
#[test]
fn a_greedy_flow_costs_requests_a_tenth_of_what_it_does_on_its_path() {
    for pair in PAIRS {
        let [before, after] = pair.map(|transport| {
            let mut run = requests(Trouble::OwnBulk);
            let mut p999 = SEEDS.map(|seed| run(transport, seed).latency.p999_ns);
            p999.sort_unstable();
            p999[SEEDS.len() / 2]
        });
        assert!(10 * after <= before, "{after} beside {before}");
    }
}

#[test]
fn an_incast_at_the_receiver_takes_178_us() {
    for [_, express] in PAIRS {
        for seed in SEEDS {
            let p999_ns = Incast::default().run(express, seed).latency.p999_ns;
            // 64 times 32 KiB take 168 µs at 100 Gb/s without headers.
            assert!((168 * US..190 * US).contains(&p999_ns), "{p999_ns}");
        }
    }
}

#[test]
fn a_dead_path_costs_less_than_2_ms_instead_of_tcps_timeout() {
    each_pair(requests(Trouble::DeadPath), |seed, ordinary, express| {
        assert!(ordinary.outage_drops > 0 && express.outage_drops > 0);
        assert!(ordinary.latency.max_ns >= 190 * MS, "seed {seed}");
        assert!(express.latency.max_ns < 2 * MS, "seed {seed}");
    });
}

/// The greedy flow takes the whole host's link; what is left to wait for is SRD's own queue, not the flow's.
#[test]
fn requests_do_not_wait_behind_a_greedy_flow_of_their_hosts() {
    let mut run = requests(Trouble::OwnBulk);
    for seed in SEEDS {
        for [_, express] in PAIRS {
            let latency = run(express, seed).latency;
            assert!(latency.p999_ns < 150 * US, "seed {seed}: {latency:?}");
            assert!(latency.max_ns < MS / 2, "seed {seed}: {latency:?}");
        }
    }
}

#[test]
fn an_incast_at_the_receiver_overflows_no_queue() {
    let incast = Incast {
        rounds: 50,
        ..Incast::default()
    };
    let run = |transport, seed| {
        let outcome = incast.run(transport, seed);
        assert_eq!(outcome.missing, 0);
        outcome
    };
    each_pair(run, |seed, ordinary, express| {
        assert!(ordinary.queue_drops > 0);
        assert_eq!(express.queue_drops, 0, "seed {seed}");
        assert!(
            10 * express.latency.p999_ns <= ordinary.latency.p999_ns,
            "seed {seed}"
        );
    });
}

#[test]
fn a_seed_replays_exactly_and_another_does_not() {
    let scenario = Requests {
        requests: 2_000,
        ..Requests::default()
    };
    let figures = |seed| {
        let outcome = scenario.run(Transport::ExpressTcpCubicRack, Trouble::CrossTraffic, seed);
        format!("{outcome:?}")
    };
    assert_eq!(figures(7), figures(7));
    assert_ne!(figures(7), figures(8));
}

proptest! {
    #![proptest_config(cases())]

    /// Loss, repetition, reordering, and up to 7 of 8 paths dead: what TCP sends arrives; each flow's frames come out in
    /// order and once, but for those counted as late; memory has its bound; every frame has its place in the counters.
    #[test]
    fn flows_come_out_in_order_whatever_the_network_does(
        seed in any::<u64>(),
        faults in any_faults(0.05, 0.2),
        dead in prop::collection::btree_map(1..8_usize, (0..20 * MS, 0..50 * MS), 0..7),
        flows in 1..12_usize,
        sizes in prop::collection::vec(1..100_000_u32, 1..200),
    ) {
        let mut spec = NetworkSpec::availability_zone(1, 1);
        spec.faults = faults;
        spec.outages = dead.into_iter().map(|(core, (from_ns, length))| Outage {
            core,
            direction: None,
            from_ns,
            until_ns: from_ns + length,
        }).collect();
        let mut world = World::new(spec, seed);
        let express = world.open_express((0, 1), None).unwrap();
        let options = TcpOptions { tail_loss_probe: seed % 2 == 0, segment_bytes: EXPRESS_SEGMENT_BYTES };
        let ends: Vec<_> = (0..flows).map(|_| world.open_tcp_over(express, (0, 1), options)).collect();
        for (index, bytes) in sizes.iter().enumerate() {
            let (left, right) = ends[index % flows];
            world.plan(if index % 3 == 0 { right } else { left }, *bytes, index as u64 * 50_000);
        }
        world.run(60_000 * MS);
        prop_assert_eq!(world.undelivered(), 0);
        world.run_on(world.now_ns() + 100 * MS);
        let ends = [express.0, express.1].map(|end| world.express(end).unwrap());
        for (this, peer) in [(0, 1), (1, 0)] {
            let (counters, sent) = (ends[this].counters(), ends[peer].counters());
            prop_assert_eq!(ends[this].out_of_order(), counters.late);
            prop_assert!(ends[this].most_memory_bytes() <= MAX_MEMORY_BYTES);
            let failed = sent.dropped(DropReason::MessageFailed);
            prop_assert_eq!(failed, 0);
            prop_assert_eq!(counters.rx_pkts, sent.tx_pkts);
            let turned_away = sent.ordinary(Ordinary::NotConnected) + sent.dropped(DropReason::QueueFull);
            prop_assert_eq!(sent.eligible_tx_pkts, sent.tx_pkts + turned_away);
            prop_assert_eq!(counters.missing, counters.late, "what was given up has come since");
        }
    }

    /// Whichever path dies, whenever: nobody waits for 2 ms.
    #[test]
    fn no_request_waits_long_after_a_path_died(
        seed in any::<u64>(),
        core in 0..8_usize,
        from_ns in 10 * MS..12 * MS,
        bytes in 1..20_000_u32,
    ) {
        let mut spec = NetworkSpec::availability_zone(1, 1);
        spec.outages.push(Outage { core, direction: None, from_ns, until_ns: u64::MAX });
        let mut world = World::new(spec, seed);
        let express = world.open_express((0, 1), None).unwrap();
        let options = TcpOptions { tail_loss_probe: true, segment_bytes: EXPRESS_SEGMENT_BYTES };
        let flows: Vec<_> = (0..8).map(|_| world.open_tcp_over(express, (0, 1), options).0).collect();
        for flow in &flows {
            world.plan(*flow, 64, 0);
        }
        // A third of what the host can: 8 bits a byte, and as many bits a nanosecond.
        const GIGABITS_PER_SECOND: u64 = 8;
        let interval = (u64::from(bytes) * 8 / GIGABITS_PER_SECOND).max(1_000);
        for index in 0..2_000 {
            world.plan(flows[index as usize % 8], bytes, 9 * MS + index * interval);
        }
        world.run(10_000 * MS);
        prop_assert_eq!(world.undelivered(), 0);
        let slowest = world.messages().iter().filter_map(|message| message.latency_ns()).max();
        prop_assert!(slowest < Some(2 * MS), "{slowest:?}");
    }
}
