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

use eni_abi::{DropReason, NatKey, SERVICES_VPORT};
use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::refill;
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::region::UPLINK;
use region::Region;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use support::{Lab, shell};
use walk::{SentFrame, Step, Walk, walk_all, walk_gateways};

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
    let lab = lab();
    lab.in_fabric(|| {
        let mut program = Program::new(&lab);
        walk_all(|walk, step| {
            if step == Step::First {
                program.forget();
            }
            program.take_over(walk.region.tables());
            for frame in &walk.frames {
                let got = program.send(frame.vport, &frame.bytes);
                assert_alike(&got, frame);
            }
            if step == Step::Last {
                program.compare_drops(walk);
            }
        });
    });
}

/// The program is first: a NAT gateway draws the ports of flows there, and the pipeline takes the same.
#[test]
fn root_they_agree_on_what_goes_through_nat_gateways() {
    let lab = lab();
    lab.in_fabric(|| {
        let program = Rc::new(RefCell::new(Program::new(&lab)));
        let sent = Rc::new(RefCell::new(Vec::new()));
        let prepare = |region: &mut Region| {
            program.borrow_mut().forget();
            let (program, sent) = (Rc::clone(&program), Rc::clone(&sent));
            region.first = Some(Box::new(move |tables, vport, frame| {
                let mut program = program.borrow_mut();
                program.take_over(tables);
                let before = program.nat_ports();
                sent.borrow_mut().push(program.send(vport, frame));
                let mut begun = program.nat_ports().into_iter();
                let begun = begun.find(|(key, _)| !before.contains_key(key));
                begun.map(|(_, port)| port)
            }));
        };
        walk_gateways(prepare, |walk, step| {
            let sent = sent.take();
            assert_eq!(sent.len(), walk.frames.len());
            for (got, frame) in sent.iter().zip(&walk.frames) {
                assert_alike(got, frame);
            }
            if step == Step::Last {
                program.borrow().compare_drops(walk);
            }
        });
    });
}

fn lab() -> Lab {
    let lab = Lab::new();
    for vport in MADE {
        let (fabric, other) = (lab.fabric(), vport + 100);
        shell(&format!(
            "ip -n {fabric} link add d{vport} index {vport} type veth peer name d{other} index {other}"
        ));
    }
    lab
}

#[track_caller]
fn assert_alike(got: &Option<Vec<u8>>, frame: &SentFrame) {
    assert_eq!(
        got, &frame.delivered,
        "{}: {:02x?}",
        frame.vport, frame.bytes
    );
}

/// The program, and the tables that it has.
struct Program {
    data_plane: DataPlane,
    tables: MemoryTables,
}

impl Program {
    fn new(lab: &Lab) -> Self {
        Self {
            data_plane: lab.open(),
            tables: MemoryTables::default(),
        }
    }

    /// Forgets the connections of the region before, and what was counted there. The instances' maps stay, since the kernel
    /// takes long to replace one; the fragments in them have identifications that no other region uses.
    fn forget(&mut self) {
        for vport in all_vports() {
            let instance = self.data_plane.tables.vports.get(vport).unwrap().instance;
            self.data_plane.forget_connections(instance, vport).unwrap();
            self.data_plane.reset_counters(vport).unwrap();
        }
        let nat_maps = &self.data_plane.nat_maps;
        for gateway in nat_maps.gateways() {
            nat_maps.forget(gateway);
            nat_maps.collect_expired().unwrap();
            nat_maps.create(gateway).unwrap();
        }
    }

    /// Takes over what has changed since it was given tables last.
    fn take_over(&mut self, tables: &MemoryTables) {
        if tables.globals != self.tables.globals {
            refill(&mut self.data_plane, &self.tables, tables).unwrap();
            self.tables = tables.clone();
        }
    }

    /// As what a frame is delivered, if it is.
    fn send(&self, vport: u32, frame: &[u8]) -> Option<Vec<u8>> {
        let run = self.data_plane.test_run(vport, frame).unwrap();
        run.delivered.then_some(run.frame)
    }

    /// The ports that NAT gateways have given to flows.
    fn nat_ports(&self) -> BTreeMap<(u32, NatKey), u16> {
        let nat_maps = &self.data_plane.nat_maps;
        let of = |gateway| nat_maps.entries(gateway).unwrap().into_iter();
        let entries = nat_maps.gateways().into_iter().flat_map(|gateway| {
            of(gateway).map(move |(key, entry)| ((gateway, key), entry.port.number()))
        });
        entries
            .filter(|((_, key), _)| key.kind == NatKey::OUTWARD)
            .collect()
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
