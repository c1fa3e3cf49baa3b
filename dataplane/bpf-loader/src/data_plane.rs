//! The loaded program and its maps.

use crate::attach::{self, Links};
use crate::counters::Counters;
use crate::table::Tables;
use crate::test_run::{Context, Program};
use crate::upgrade::{OldDataPlane, Upgrade};
use crate::{Attachment, DataPlaneError, InstanceMaps, NatMaps};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use eni_abi::{ABI_VERSION, DropReason, Traffic, map};
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Built by `cargo xtask ebpf build` from `dataplane/bpf`, checked by `cargo xtask ebpf check`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../openeni.bpf.o");

pub(crate) const INGRESS: &str = "eni_ingress";
const COLLECT: &str = "eni_collect";
const COLLECT_NAT: &str = "eni_collect_nat";

/// Every map that outlives the process.
pub(crate) const PINNED: [&str; 22] = [
    map::GLOBALS,
    map::VPORTS,
    map::MAPPINGS,
    map::PREFIX_MAPPINGS,
    map::PUBLIC_ADDRESSES,
    map::VPC_BLOCKS,
    map::MACS,
    map::ROUTES,
    map::POLICIES,
    map::REMOTE_RULES,
    map::IDENTITY_RULES,
    map::PORT_RULES,
    map::CONNECTIONS,
    map::TRACKED,
    map::FLOWS,
    map::FLOWS_IPV6,
    map::FRAGMENTS,
    map::NAT_GATEWAYS,
    map::NAT_FLOWS,
    map::COUNTERS,
    map::TRAFFIC,
    map::LINK_LOCAL,
];

/// The kernel's data plane of one region, in parts that may go to different threads. Dropping it leaves everything pinned
/// running.
pub struct DataPlane {
    /// The maps' contents.
    pub tables: Tables,
    /// What is remembered for each instance.
    pub instance_maps: InstanceMaps,
    /// What is remembered for each NAT gateway.
    pub nat_maps: Arc<NatMaps>,
    /// The program, where it is attached, and what it has counted.
    pub programs: Programs,
    /// What was made of an older layout's data plane.
    pub upgrade: Upgrade,
}

/// The program, where it is attached, and what it has counted; for several threads at once.
pub struct Programs {
    ebpf: Mutex<Ebpf>,
    /// The same program as `ebpf`'s, to link by: each link takes a grace period, which guards do not wait for.
    linked: Mutex<SchedClassifier>,
    collect: Program,
    links: Links,
    counters: Mutex<Counters>,
}

/// What needs neither the tables nor the instances' maps can be asked of the whole.
impl Deref for DataPlane {
    type Target = Programs;

    fn deref(&self) -> &Programs {
        &self.programs
    }
}

impl DataPlane {
    /// Loads the program over the maps pinned under the bpffs `directory`, which are made where absent, and puts it into
    /// all pinned links. What an older layout has left pinned is taken over; see [`Upgrade`]. Pins of other versions are
    /// removed.
    ///
    /// # Errors
    /// [`DataPlaneError`]; links replaced before the failure stay replaced, which loses nothing.
    pub fn open(directory: &Path) -> Result<Self, DataPlaneError> {
        let current = directory.join(format!("abi-{ABI_VERSION}"));
        let maps = make_directory(current.join("maps"))?;
        let links = make_directory(current.join("links"))?;
        let mut loader = EbpfLoader::new();
        for name in PINNED {
            loader.map_pin_path(name, maps.join(name));
        }
        let mut ebpf = loader.load(OBJECT)?;
        classifier(&mut ebpf, INGRESS)?.load()?;
        classifier(&mut ebpf, COLLECT)?.load()?;
        classifier(&mut ebpf, COLLECT_NAT)?.load()?;
        let collect = Program::new(descriptor_of(&mut ebpf, COLLECT)?);
        let collect_nat = Program::new(descriptor_of(&mut ebpf, COLLECT_NAT)?);
        let mut tables = Tables::take(|name| ebpf.take_map(name))?;
        let mut take = |name| ebpf.take_map(name).ok_or(DataPlaneError::Missing(name));
        let counters = Counters::new(take(map::COUNTERS)?, take(map::TRAFFIC)?)?;
        let rows = tables.nat_gateways.entries()?;
        let in_use = rows.into_iter().map(|(number, _)| number).collect();
        let nat_maps = NatMaps::new(take(map::NAT_FLOWS)?, collect_nat, &in_use)?;
        let nat_maps = Arc::new(nat_maps);
        let mut instance_maps =
            InstanceMaps::new(take, collect.try_clone()?, Arc::clone(&nat_maps))?;
        let links = Links::new(links);
        let program = classifier(&mut ebpf, INGRESS)?;
        links.replace_program(program)?;
        let upgrade = match OldDataPlane::find(directory) {
            None => Upgrade::None,
            Some(old) => match old.hand_over(&mut tables, &mut instance_maps, &links, program) {
                Ok(connections) => Upgrade::Done { connections },
                Err(error) => Upgrade::Failed(error),
            },
        };
        let linked = another_handle(program, &current.join("ingress"))?;
        remove_other_versions(directory, &current)?;
        Ok(Self {
            upgrade,
            tables,
            instance_maps,
            nat_maps,
            programs: Programs {
                ebpf: Mutex::new(ebpf),
                linked: Mutex::new(linked),
                collect,
                links,
                counters: Mutex::new(counters),
            },
        })
    }
}

impl Programs {
    /// Attaches the program to the ingress of the device with interface index `vport` in the network namespace
    /// `namespace` as a classic filter, in a fraction of a millisecond. [`DataPlane::attach`], which waits for a grace
    /// period (`tcx_entry_sync` in the kernel's `include/net/tcx.h`: 10 ms and more), takes its place when there is
    /// time: a tcx program runs before the filter, and decides. The filter goes with the device.
    ///
    /// # Errors
    /// [`DataPlaneError::NoDevice`], and others when the kernel refuses.
    pub fn guard(&self, vport: u32, namespace: impl AsFd) -> Result<(), DataPlaneError> {
        let mut ebpf = lock(&self.ebpf);
        let program = classifier(&mut ebpf, INGRESS)?;
        attach::guard(vport, namespace.as_fd(), program)
    }

    /// Attaches the program to the ingress of the device with interface index `vport` in the network namespace
    /// `namespace`, and pins the link. A `vport` that is attached and alive is left as it is.
    ///
    /// # Errors
    /// [`DataPlaneError::NoDevice`], and others when the kernel refuses.
    pub fn attach(&self, vport: u32, namespace: impl AsFd) -> Result<(), DataPlaneError> {
        let mut program = lock(&self.linked);
        self.links.attach(vport, namespace.as_fd(), &mut program)
    }

    /// Detaches the program from `vport`; whether it was attached. The tables are left as they are.
    ///
    /// The kernel lets go of the link a moment after the call: [`eni_abi::Vport::BLOCKED`] is what cuts at once.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`].
    pub fn detach(&self, vport: u32) -> Result<bool, DataPlaneError> {
        self.links.detach(vport)
    }

    /// The pinned attachments.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn attachments(&self) -> Result<Vec<Attachment>, DataPlaneError> {
        self.links.list()
    }

    /// Packets that `vport` dropped, by reason; reasons without drops are left out.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn drops(&self, vport: u32) -> Result<Vec<(DropReason, u64)>, DataPlaneError> {
        lock(&self.counters).drops(vport)
    }

    /// What `vport` has sent and received.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn traffic(&self, vport: u32) -> Result<Traffic, DataPlaneError> {
        lock(&self.counters).traffic(vport)
    }

    /// Sets all counters of `vport` to zero.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn reset_counters(&self, vport: u32) -> Result<(), DataPlaneError> {
        lock(&self.counters).reset(vport)
    }

    /// Removes all connections of `vport`, an interface of `instance`; how many. For a vport number that gets another interface: its connections
    /// must not let through what the next interface's rules deny.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn forget_connections(&self, instance: u32, vport: u32) -> Result<u32, DataPlaneError> {
        self.collect.collect(instance, vport)
    }

    /// Runs the program on `frame` as if it arrived from the guest of `vport`, by `BPF_PROG_TEST_RUN`: the maps change,
    /// but nothing is delivered.
    ///
    /// Limits of the kernel: `vport` is 1 (the loopback device) or a device of the caller's network namespace; a frame
    /// has at least 14 bytes, for IPv4 34, and fits one page.
    ///
    /// # Errors
    /// [`DataPlaneError::Program`].
    pub fn test_run(&self, vport: u32, frame: &[u8]) -> Result<TestRun, DataPlaneError> {
        let context = Context {
            ifindex: vport,
            ..Context::default()
        };
        let mut output = vec![0; TEST_RUN_OUTPUT_LENGTH];
        let mut ebpf = lock(&self.ebpf);
        let program = classifier(&mut ebpf, INGRESS)?;
        let result = program.test_run(TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut output),
            ctx_in: Some(&context.to_bytes()),
            repeat: 1,
            ..TestRunOptions::default()
        })?;
        output.truncate(result.data_size_out as usize);
        Ok(TestRun {
            delivered: result.return_value == TC_ACT_REDIRECT,
            frame: output,
        })
    }

    /// Runs the program `repeat` times on `frame` as [`DataPlane::test_run`] does; the mean time of one run. Each run sees
    /// the frame as the one before left it.
    ///
    /// # Errors
    /// [`DataPlaneError::Program`].
    pub fn time_runs(
        &self,
        vport: u32,
        frame: &[u8],
        repeat: u32,
    ) -> Result<Duration, DataPlaneError> {
        let context = Context {
            ifindex: vport,
            ..Context::default()
        };
        let mut ebpf = lock(&self.ebpf);
        let program = classifier(&mut ebpf, INGRESS)?;
        let result = program.test_run(TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&context.to_bytes()),
            repeat,
            ..TestRunOptions::default()
        })?;
        Ok(result.duration)
    }
}

/// What a test run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// Whether the frame would be delivered; else it was dropped.
    pub delivered: bool,
    /// The frame as the program left it.
    pub frame: Vec<u8>,
}

/// Linux' `TC_ACT_REDIRECT`.
const TC_ACT_REDIRECT: u32 = 7;
/// Room for what a test run gives back: `BPF_PROG_TEST_RUN` takes no frame over a page.
const TEST_RUN_OUTPUT_LENGTH: usize = 4_096;

/// A panic in another thread leaves what is behind these locks whole: each call is a few system calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn descriptor_of(ebpf: &mut Ebpf, name: &'static str) -> Result<OwnedFd, DataPlaneError> {
    let descriptor = classifier(ebpf, name)?.fd()?.as_fd().try_clone_to_owned();
    descriptor.map_err(|source| DataPlaneError::Io {
        call: "dup",
        path: name.into(),
        source,
    })
}

pub(crate) fn classifier<'a>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut SchedClassifier, DataPlaneError> {
    let program = ebpf
        .program_mut(name)
        .ok_or(DataPlaneError::Missing(name))?;
    Ok(program.try_into()?)
}

/// A handle of `program` beside it. It is pinned at `path` for a moment; an earlier process may have ended in one.
fn another_handle(
    program: &mut SchedClassifier,
    path: &Path,
) -> Result<SchedClassifier, DataPlaneError> {
    let unpin = || match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DataPlaneError::Io {
            call: "unlink",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    };
    unpin()?;
    program.pin(path)?;
    let handle = SchedClassifier::from_pin(path);
    unpin()?;
    Ok(handle?)
}

pub(crate) fn make_directory(path: PathBuf) -> Result<PathBuf, DataPlaneError> {
    match std::fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(DataPlaneError::Io {
            call: "create_dir_all",
            path,
            source,
        }),
    }
}

/// Links go with the pins that hold them, and maps with the last program that uses them.
fn remove_other_versions(directory: &Path, current: &Path) -> Result<(), DataPlaneError> {
    let failed = |call, path: &Path, source| DataPlaneError::Io {
        call,
        path: path.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read_dir", directory, error)),
    };
    for entry in entries {
        let path = entry
            .map_err(|error| failed("read_dir", directory, error))?
            .path();
        let ours = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("abi-"));
        if ours && path != current {
            std::fs::remove_dir_all(&path)
                .map_err(|error| failed("remove_dir_all", &path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::{mount_bpffs, unmount_bpffs};

    const NO_DEVICE: u32 = 2_000_000_000;

    #[test]
    fn root_neither_guards_nor_links_wait_for_the_other() {
        let bpffs = std::env::temp_dir().join(format!("eniguards{}", std::process::id()));
        mount_bpffs(&bpffs).unwrap();
        // What a process leaves that ends while it makes its second handle.
        let left = bpffs.join(format!("abi-{ABI_VERSION}")).join("ingress");
        let data_plane = DataPlane::open(&bpffs).unwrap();
        lock(&data_plane.linked).pin(&left).unwrap();
        drop(data_plane);
        let data_plane = DataPlane::open(&bpffs).unwrap();
        assert!(!left.exists());
        let here = File::open("/proc/thread-self/ns/net").unwrap();
        let linking = lock(&data_plane.linked);
        data_plane.guard(NO_DEVICE, &here).unwrap_err();
        drop(linking);
        let guarding = lock(&data_plane.ebpf);
        data_plane.attach(NO_DEVICE, &here).unwrap_err();
        drop(guarding);
        drop(data_plane);
        unmount_bpffs(&bpffs).unwrap();
        std::fs::remove_dir(&bpffs).unwrap();
    }
}
