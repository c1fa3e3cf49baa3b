//! One meaning, three readings: the oracle, the pipeline on tables in memory, and the program under `BPF_PROG_TEST_RUN`
//! agree on every packet of the lowering's random regions. Needs root.
//!
//! The kernel's tests of frames from real devices, tags beside them included, are in `root_frames`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "the walks are shared with another test")]

#[path = "../../lower/tests/oracle/mod.rs"]
mod oracle;
#[path = "../../lower/tests/region/mod.rs"]
mod region;
mod support;
#[path = "../../lower/tests/walk/mod.rs"]
mod walk;

use eni_abi::{DropReason, SERVICES_VPORT};
use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::refill;
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::region::UPLINK;
use std::collections::BTreeMap;
use support::{Lab, shell};
use walk::{Step, Walk, walk_all};

/// The vports of a region: the uplink's, one for each instance and one for each endpoint. A test run takes only those of devices.
const VPORTS: std::ops::Range<u32> = 2..13;
/// Those that are no device of the laboratory's.
const MADE: std::ops::Range<u32> = VPORTS.start..UPLINK;

/// Those, and the services' end.
fn all_vports() -> impl Iterator<Item = u32> {
    VPORTS.chain([SERVICES_VPORT])
}

#[test]
fn root_the_oracle_the_pipeline_and_the_program_agree_on_every_packet() {
    let lab = Lab::new();
    for vport in MADE {
        let (fabric, other) = (lab.fabric(), vport + 100);
        shell(&format!(
            "ip -n {fabric} link add d{vport} index {vport} type veth peer name d{other} index {other}"
        ));
    }
    lab.in_fabric(|| {
        let mut program = Program {
            data_plane: lab.open(),
            tables: MemoryTables::default(),
        };
        walk_all(|walk, step| {
            if step == Step::First {
                program.forget();
            }
            program.follow(walk);
            if step == Step::Last {
                program.compare_drops(walk);
            }
        });
    });
}

/// The program, and the tables that it has.
struct Program {
    data_plane: DataPlane,
    tables: MemoryTables,
}

impl Program {
    /// Forgets the connections of the region before, and what was counted there. The instances' maps stay, since the kernel
    /// takes long to replace one; the fragments in them have identifications that no other region uses.
    fn forget(&mut self) {
        for vport in all_vports() {
            let instance = self.data_plane.tables.vports.get(vport).unwrap().instance;
            self.data_plane.forget_connections(instance, vport).unwrap();
            self.data_plane.reset_counters(vport).unwrap();
        }
    }

    /// Takes over what the last step has changed, or sends what it has sent.
    fn follow(&mut self, walk: &Walk) {
        let tables = walk.region.tables();
        if tables.globals != self.tables.globals {
            refill(&mut self.data_plane, &self.tables, tables).unwrap();
            self.tables = tables.clone();
        }
        for frame in &walk.frames {
            let run = self.data_plane.test_run(frame.vport, &frame.bytes).unwrap();
            let bytes = run.delivered.then_some(run.frame);
            assert_eq!(
                bytes, frame.delivered,
                "{}: {:02x?}",
                frame.vport, frame.bytes
            );
        }
    }

    /// The reasons for which frames were dropped. Those beside which a tag lay were not sent here.
    fn compare_drops(&self, walk: &Walk) {
        let of = |vport| {
            let drops = self.data_plane.drops(vport).unwrap();
            drops
                .into_iter()
                .map(move |(reason, count)| ((vport, reason), count))
        };
        let counts = |((_, reason), count): &((u32, DropReason), u64)| {
            *reason != DropReason::Vlan && *count > 0
        };
        let got: BTreeMap<_, _> = all_vports().flat_map(of).filter(counts).collect();
        let want = walk.region.memory().drops.clone();
        let want: BTreeMap<_, _> = want.into_iter().filter(counts).collect();
        assert_eq!(got, want);
    }
}
