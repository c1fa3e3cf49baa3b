//! The figures that the project claims, and that a seed replays exactly.

use eni_sim::scenario::{DeadPath, Incast, Transport};

const MS: u64 = 1_000_000;
const SEEDS: [u64; 3] = [1, 2, 3];

#[test]
fn a_dead_path_costs_srd_less_than_2_ms_and_tcp_its_timeout() {
    let scenario = DeadPath {
        messages: 20_000,
        ..DeadPath::default()
    };
    for seed in SEEDS {
        let behind = |transport| {
            let [healthy, dead] = [false, true].map(|dies| scenario.run(transport, seed, dies));
            assert_eq!((healthy.missing, dead.missing), (0, 0));
            assert!(dead.outage_drops > 0, "the path was in use");
            dead.latency.max_ns - healthy.latency.max_ns
        };
        assert!(behind(Transport::Srd) <= 2 * MS, "seed {seed}");
        for tcp in [Transport::TcpCubic, Transport::TcpCubicRack] {
            assert!(behind(tcp) >= 190 * MS, "seed {seed}");
        }
    }
}

#[test]
fn in_an_incast_srd_is_at_least_ten_times_better_at_p999() {
    let scenario = Incast {
        rounds: 50,
        ..Incast::default()
    };
    for seed in SEEDS {
        let p999 = |transport| {
            let outcome = scenario.run(transport, seed);
            assert_eq!(outcome.missing, 0);
            outcome.latency.p999_ns
        };
        let srd = p999(Transport::Srd);
        assert!(srd < MS, "seed {seed}: {srd} ns");
        for tcp in [Transport::TcpCubic, Transport::TcpCubicRack] {
            let tcp = p999(tcp);
            assert!(tcp >= 10 * srd, "seed {seed}: {tcp} ns beside {srd} ns");
        }
    }
}

#[test]
fn hundreds_of_senders_to_one_lose_nothing() {
    let scenario = Incast {
        senders: 300,
        rounds: 10,
        bytes: 16_384,
        interval_ns: 2 * MS,
    };
    let outcome = scenario.run(Transport::Srd, 1);
    assert_eq!(outcome.missing, 0);
    // 300 answers take 0.4 ms on the wire; the queue has room for a third of their first packets.
    assert!(outcome.latency.max_ns < 10 * MS, "{:?}", outcome.latency);
}

#[test]
fn a_seed_replays_exactly_and_another_does_not() {
    let scenario = Incast {
        senders: 20,
        rounds: 5,
        ..Incast::default()
    };
    let figures = |seed| format!("{:?}", scenario.run(Transport::Srd, seed));
    assert_eq!(figures(7), figures(7));
    assert_ne!(figures(7), figures(8));
}
