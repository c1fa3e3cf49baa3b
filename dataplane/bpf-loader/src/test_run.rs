//! Programs that run when they are asked to.

use crate::DataPlaneError;
use crate::sys;
use eni_abi::NatKey;
use std::os::fd::{AsFd, OwnedFd};

/// The shortest frame `BPF_PROG_TEST_RUN` takes: an Ethernet header.
const SHORTEST_FRAME: usize = 14;

/// The fields of Linux' `struct __sk_buff` that a test run may set here.
#[derive(Default)]
pub(crate) struct Context {
    pub(crate) mark: u32,
    pub(crate) priority: u32,
    pub(crate) ifindex: u32,
}

impl Context {
    /// `mark` is the third, `priority` the ninth, `ifindex` the eleventh field of 32 bits; what is cut off after them counts
    /// as zero.
    pub(crate) fn to_bytes(&self) -> [u8; 44] {
        let mut fields = [0_u32; 11];
        [fields[2], fields[8], fields[10]] = [self.mark, self.priority, self.ifindex];
        let mut bytes = [0; 44];
        for (chunk, field) in bytes.chunks_exact_mut(4).zip(fields) {
            chunk.copy_from_slice(&field.to_ne_bytes());
        }
        bytes
    }
}

/// A handle to the program that collects connections (`eni_collect` in `dataplane/bpf`).
#[derive(Debug)]
pub(crate) struct Program(OwnedFd);

impl Program {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    pub(crate) fn try_clone(&self) -> Result<Self, DataPlaneError> {
        Ok(Self(self.0.try_clone().map_err(failed("dup"))?))
    }

    /// Removes the connections of an instance: all of `vport`, or with 0 the expired ones of all; how many.
    pub(crate) fn collect(&self, instance: u32, vport: u32) -> Result<u32, DataPlaneError> {
        let context = Context {
            mark: vport,
            priority: instance,
            ..Context::default()
        };
        sys::test_run(self.0.as_fd(), &[0; SHORTEST_FRAME], &context.to_bytes())
            .map_err(failed("BPF_PROG_TEST_RUN"))
    }

    /// Removes those of a NAT gateway's entries that are over; how many.
    pub(crate) fn collect_nat(&self, gateway: u32, keys: &[NatKey]) -> Result<u32, DataPlaneError> {
        let context = Context {
            priority: gateway,
            ..Context::default()
        };
        let mut removed = 0;
        for some in keys.chunks(NatKey::COLLECTED_AT_ONCE as usize) {
            let mut frame = vec![0; NatKey::COLLECTED_FROM as usize];
            frame.extend_from_slice(sys::bytes_of(some));
            removed += sys::test_run(self.0.as_fd(), &frame, &context.to_bytes())
                .map_err(failed("BPF_PROG_TEST_RUN"))?;
        }
        Ok(removed)
    }
}

fn failed(call: &'static str) -> impl FnOnce(std::io::Error) -> DataPlaneError {
    move |source| DataPlaneError::Io {
        call,
        path: "eni_collect".into(),
        source,
    }
}
