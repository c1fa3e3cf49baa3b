//! A bench to send frames on: every step says what it delivers and which counters move.
#![allow(dead_code, reason = "each test binary uses its own part")]

use eni_pipeline::Arrival;
use eni_pipeline::testing::region::small_region;
use eni_pipeline::testing::{MemoryMemory, MemoryTables, run};

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
