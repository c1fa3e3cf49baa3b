//! What is over in a NAT gateway's map. What is argued in [`crate::sys`] of map values holds here.

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::{
    bpf_ktime_get_coarse_ns, bpf_map_delete_elem, bpf_map_lookup_elem, bpf_skb_load_bytes,
};
use aya_ebpf::programs::TcContext;
use eni_abi::{NatEntry, NatKey};

use crate::maps;
use crate::sys::fetch_add;

/// Removes what is over of the entries that `ctx` names, those of a NAT gateway; how many of them.
#[inline(always)]
pub(crate) fn collect_nat(ctx: &TcContext) -> i32 {
    let skb: *mut __sk_buff = ctx.as_ptr().cast();
    // SAFETY: `skb` is the program's context; the helper has no preconditions.
    let (gateway, now_ns) = unsafe { ((*skb).priority, bpf_ktime_get_coarse_ns()) };
    let Some(flows) = maps::NAT_FLOWS.get(gateway) else {
        return 0;
    };
    let flows: *const maps::NatFlows = flows;
    let map: *mut c_void = flows.cast_mut().cast();
    const LENGTH: u32 = size_of::<NatKey>() as u32;
    let mut key = NatKey::default();
    let mut removed = 0;
    for number in 0..NatKey::COLLECTED_AT_ONCE {
        let offset = NatKey::COLLECTED_FROM + number * LENGTH;
        // SAFETY: the key has room for the bytes asked for, which may be any; the helper checks the source.
        let loaded =
            unsafe { bpf_skb_load_bytes(skb.cast(), offset, (&raw mut key).cast(), LENGTH) };
        if loaded != 0 {
            break;
        }
        removed += i32::from(remove_if_over(map, &key, now_ns));
    }
    removed
}

/// Removes an expired flow, both entries, and counts it no more, or a destination without flows. One that is begun or renewed on
/// another CPU in between may be lost with it: its next packet begins anew, or is answered.
#[inline(never)]
fn remove_if_over(map: *mut c_void, key: &NatKey, now_ns: u64) -> bool {
    let address: *const NatKey = key;
    // SAFETY: the map is the gateway's, and its keys and values are what they are taken for; an entry that is taken away stays
    // readable while the program runs.
    unsafe {
        let entry: *const NatEntry = bpf_map_lookup_elem(map, address.cast()).cast();
        let Some(entry) = entry.as_ref() else {
            return false;
        };
        if key.kind == NatKey::DESTINATION {
            return entry.flows == 0 && bpf_map_delete_elem(map, address.cast()) == 0;
        }
        if key.kind != NatKey::OUTWARD || entry.connection.expires_ns > now_ns {
            return false;
        }
        let remote_port = key.remote_port();
        let inward = key.opposite(entry, remote_port);
        let destination = inward.destination(remote_port);
        if bpf_map_delete_elem(map, address.cast()) != 0 {
            return false;
        }
        bpf_map_delete_elem(map, (&raw const inward).cast());
        let counted: *mut NatEntry =
            bpf_map_lookup_elem(map, (&raw const destination).cast()).cast();
        if !counted.is_null() {
            fetch_add(&raw mut (*counted).flows, u64::MAX);
        }
    }
    true
}
