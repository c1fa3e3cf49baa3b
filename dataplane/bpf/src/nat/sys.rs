//! The walk through a NAT gateway's map. What is argued in [`crate::sys`] of map values holds here.

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::{
    bpf_for_each_map_elem, bpf_ktime_get_coarse_ns, bpf_map_delete_elem, bpf_map_lookup_elem,
};
use aya_ebpf::programs::TcContext;
use eni_abi::{NatEntry, NatKey};

use crate::maps;
use crate::sys::fetch_add;

/// What [`collect_nat`] hands to its callback.
struct NatSweep {
    now_ns: u64,
    left: u32,
}

/// Removes the expired flows of the NAT gateway that `ctx` names; how many are left.
#[inline(always)]
pub(crate) fn collect_nat(ctx: &TcContext) -> i32 {
    let skb: *mut __sk_buff = ctx.as_ptr().cast();
    // SAFETY: `skb` is the program's context; the helper has no preconditions.
    let (gateway, now_ns) = unsafe { ((*skb).priority, bpf_ktime_get_coarse_ns()) };
    let mut sweep = NatSweep { now_ns, left: 0 };
    let Some(flows) = maps::NAT_FLOWS.get(gateway) else {
        return 0;
    };
    let flows: *const maps::NatFlows = flows;
    // SAFETY: the callback has the signature the helper calls, and `sweep` outlives the call.
    unsafe {
        bpf_for_each_map_elem(
            flows.cast_mut().cast(),
            sweep_nat as *const () as *mut c_void,
            (&raw mut sweep).cast(),
            0,
        );
    }
    sweep.left as i32
}

/// Removes one expired flow, both entries, and counts it no more; a destination without flows goes as well. One that is begun or
/// renewed on another CPU in between may be lost with it: its next packet begins anew, or is answered.
///
/// # Safety
/// For the kernel only, which passes pointers to live entries and to the [`NatSweep`].
unsafe extern "C" fn sweep_nat(
    map: *mut c_void,
    key: *const NatKey,
    entry: *const NatEntry,
    sweep: *mut NatSweep,
) -> i64 {
    // SAFETY: see above; the verifier knows all four.
    unsafe {
        let (key, entry) = (&*key, &*entry);
        if key.kind == NatKey::DESTINATION && entry.flows == 0 {
            bpf_map_delete_elem(map, (&raw const *key).cast());
            return 0;
        }
        if key.kind != NatKey::OUTWARD {
            return 0;
        }
        if entry.connection.expires_ns > (*sweep).now_ns {
            (*sweep).left += 1;
            return 0;
        }
        let remote_port = key.remote_port();
        let inward = key.opposite(entry, remote_port);
        let destination = inward.destination(remote_port);
        if bpf_map_delete_elem(map, (&raw const *key).cast()) == 0 {
            bpf_map_delete_elem(map, (&raw const inward).cast());
            let counted: *mut NatEntry =
                bpf_map_lookup_elem(map, (&raw const destination).cast()).cast();
            if !counted.is_null() {
                fetch_add(&raw mut (*counted).flows, u64::MAX);
            }
        }
    }
    0
}
