//! A bench to send frames on: every step says what it delivers and which counters move.
#![allow(dead_code, reason = "each test binary uses its own part")]

use eni_abi::Ipv4;
use eni_pipeline::Arrival;
use eni_pipeline::testing::region::small_region;
use eni_pipeline::testing::region_ipv6::dual_region;
use eni_pipeline::testing::{MemoryMemory, MemoryTables, Remote, Rule, add_policy, run};

/// Everybody.
pub(crate) const WORLD: Remote = Remote::Network(Ipv4(0), 0);
/// What moves when Anna reaches Bert.
pub(crate) const PASSES: &[&str] = &["10 out", "11 in"];
/// What moves when Bert reaches Anna.
pub(crate) const ANSWERS: &[&str] = &["11 out", "10 in"];

/// Gives `vport` the only policy `rules`, as a change does: a new number, then the vport's row.
pub(crate) fn set_rules(bench: &mut Bench, vport: u32, rules: &[Rule]) {
    let policy = bench.tables.policies.keys().max().unwrap() + 1;
    add_policy(&mut bench.tables, policy, rules);
    let row = bench.tables.vports.get_mut(&vport).unwrap();
    row.security_policy = policy;
    row.generation += 1;
}

/// The states of the connections that `vport` tracks.
pub(crate) fn connections_of(bench: &Bench, vport: u32) -> Vec<u32> {
    bench
        .memory
        .connections
        .iter()
        .filter(|(key, _)| key.vport == vport)
        .map(|(_, value)| value.state)
        .collect()
}

pub(crate) struct Bench {
    pub(crate) tables: MemoryTables,
    pub(crate) memory: MemoryMemory,
    pub(crate) now_ns: u64,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            tables: small_region(),
            memory: MemoryMemory::default(),
            now_ns: 1_000_000_000_000,
        }
    }

    /// In both families.
    pub(crate) fn dual() -> Self {
        Self {
            tables: dual_region(),
            ..Self::new()
        }
    }

    /// Sends `frame` from `vport`; gives the bytes delivered, or `None`.
    ///
    /// `moved` lists all counters that must move, by one packet each: `10 out`, `11 in`, `11 blackhole`.
    #[track_caller]
    pub(crate) fn step(&mut self, vport: u32, frame: &[u8], moved: &[&str]) -> Option<Vec<u8>> {
        let before = self.counters();
        let (target, bytes) = run(
            &self.tables,
            &mut self.memory,
            Arrival {
                vport,
                now_ns: self.now_ns,
            },
            frame,
        );
        let after = self.counters();
        let mut found: Vec<String> = after
            .iter()
            .filter(|(name, count)| {
                before
                    .iter()
                    .all(|(other, old)| other != name || old != count)
            })
            .map(|(name, _)| name.clone())
            .collect();
        let mut wanted: Vec<String> = moved.iter().map(ToString::to_string).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "counters moved, against expected");
        assert_eq!(
            target,
            wanted
                .iter()
                .find_map(|name| name.strip_suffix(" in")?.parse().ok()),
            "delivered to"
        );
        target.map(|_| bytes)
    }

    pub(crate) fn pass_seconds(&mut self, seconds: u64) {
        self.now_ns += seconds * 1_000_000_000;
    }

    /// Every row of the vports gets a new generation, as after a change.
    pub(crate) fn bump_generations(&mut self) {
        self.tables
            .vports
            .values_mut()
            .for_each(|row| row.generation += 1);
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let drops = self
            .memory
            .drops
            .iter()
            .map(|((vport, reason), count)| (format!("{vport} {}", reason.as_str()), *count));
        let traffic = self.memory.traffic.iter().flat_map(|(vport, traffic)| {
            [
                (format!("{vport} out"), traffic.egress_packets),
                (format!("{vport} in"), traffic.ingress_packets),
            ]
        });
        drops
            .chain(traffic)
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}
