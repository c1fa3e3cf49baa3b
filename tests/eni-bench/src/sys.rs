//! The one program that is not ours: what delivering costs by itself. aya loads no bare instructions.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_TEST_RUN: libc::c_long = 10;
const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
/// Number of the helper `bpf_redirect_peer` (`include/uapi/linux/bpf.h`).
const REDIRECT_PEER: i32 = 155;

/// Linux' `struct bpf_insn`; the destination register is the low half of `registers`.
#[repr(C)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// Linux' `struct bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
}

/// Linux' `struct bpf_attr` for `BPF_PROG_TEST_RUN`.
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program_fd: u32,
    return_value: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration_ns: u32,
}

/// A loaded program that hands every frame to the peer of one device, and does nothing else.
pub(crate) struct Redirect(OwnedFd);

impl Redirect {
    pub(crate) fn load(ifindex: u32) -> io::Result<Self> {
        let instruction = |code, registers, immediate| Instruction {
            code,
            registers,
            offset: 0,
            immediate,
        };
        // r1 = ifindex; r2 = 0; r0 = bpf_redirect_peer(r1, r2); return r0
        let instructions = [
            instruction(0xb7, 1, ifindex.cast_signed()),
            instruction(0xb7, 2, 0),
            instruction(0x85, 0, REDIRECT_PEER),
            instruction(0x95, 0, 0),
        ];
        let mut load = Load {
            program_type: BPF_PROG_TYPE_SCHED_CLS,
            instruction_count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            license: c"Apache-2.0".as_ptr() as u64,
        };
        // SAFETY: `load` and what it points to live through the call.
        let fd = unsafe { bpf(BPF_PROG_LOAD, &mut load)? };
        // SAFETY: the kernel has just given us this descriptor.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Runs it `repeat` times on `frame`; the mean time of one run.
    pub(crate) fn time_runs(&self, frame: &[u8], repeat: u32) -> io::Result<Duration> {
        let mut run = TestRun {
            program_fd: self.0.as_raw_fd().cast_unsigned(),
            data_size_in: frame.len() as u32,
            data_in: frame.as_ptr() as u64,
            repeat,
            ..TestRun::default()
        };
        // SAFETY: `run` and the frame live through the call; no output is asked for.
        unsafe { bpf(BPF_PROG_TEST_RUN, &mut run)? };
        Ok(Duration::from_nanos(run.duration_ns.into()))
    }
}

/// # Safety
/// `attributes` must be what `command` reads and writes, and its pointers valid for it.
unsafe fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<i32> {
    let attributes: *mut T = attributes;
    // SAFETY: by the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as i32)
    }
}
