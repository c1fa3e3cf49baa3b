//! The kernel's data plane: gives `eni-pipeline` a socket buffer and the maps, and carries its verdict out.
//!
//! Attached by tcx to the ingress of a veth's fabric end, it sees what the guest sends. It never passes anything on to
//! the stack of the namespace it runs in: a frame is delivered to a guest or dropped.
#![no_std]
#![no_main]
// The object is built with `RUSTC_BOOTSTRAP`, and BPF has no atomic addition outside assembly.
#![feature(asm_experimental_arch)]
// The macro drops the docs of the functions it exports.
#![allow(missing_docs)]

mod cut;
mod frame;
mod maps;
mod nat;
mod recent;
mod sys;

use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;

/// Decides one frame from the guest behind the device it arrived on.
#[classifier]
pub fn eni_ingress(ctx: TcContext) -> i32 {
    sys::run(&ctx)
}

/// Removes connections; run by the loader, never attached.
///
/// All expired ones of the instance `skb->priority`, or with `skb->mark` set all of the vport of that number. In the
/// kernel, because a walk from user space costs two system calls an entry. Returns how many were removed.
#[classifier]
pub fn eni_collect(ctx: TcContext) -> i32 {
    sys::collect(&ctx)
}

/// Removes what is over of the entries of the NAT gateway `skb->priority` whose keys are in the frame
/// ([`eni_abi::NatKey::COLLECTED_FROM`]); run as [`eni_collect`]. Returns how many were.
#[classifier]
pub fn eni_collect_nat(ctx: TcContext) -> i32 {
    nat::sys::collect_nat(&ctx)
}

/// The kernel gates some helpers by license; none of those is used.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
pub static LICENSE: [u8; 11] = *b"Apache-2.0\0";

/// Never called: a panic path that remained would be refused by the verifier, as an endless loop.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}
