//! The only unsafe code of the program: the socket buffer and the maps' values.
//!
//! The verifier proves every access in bounds before the program may run. What is left to argue is aliasing and tearing:
//! map values are shared with other CPUs and with user space, so that a value may change while it is read. All values
//! are plain integers without invalid patterns, whole rows are replaced rather than edited, and a mixed reading of a row
//! is voided by its generation.

use core::arch::asm;
use core::ffi::c_void;
use core::hint::black_box;
use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{__sk_buff, BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR, TC_ACT_SHOT};
use aya_ebpf::helpers::{
    bpf_for_each_map_elem, bpf_ktime_get_coarse_ns, bpf_l3_csum_replace, bpf_l4_csum_replace,
    bpf_map_delete_elem, bpf_redirect_peer, bpf_skb_change_tail, bpf_skb_load_bytes,
    bpf_skb_store_bytes,
};
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::programs::TcContext;
use eni_abi::{
    Address, Connection, ConnectionKey, DropReason, Flow, FlowKey, Fragment, FragmentKey, Globals,
    IdentityKey, Location, MacKey, Mapping, MappingKey, Policy, PolicyKey, Port, PortKey, Prefix,
    PublicAddress, RemoteKey, Route, RouteKey, RuleBits, RuleProtocol, VpcBlockKey, Vport,
    counter_index,
};
use eni_pipeline::{
    Action, Arrival, ChecksumKind, Covered, Frame, Insertion, Manner, Memory, Outcome, Record,
    Tables, Verdict,
};

use crate::recent::{RecentFlow, Slot};
use crate::{cut, maps};

/// Runs the pipeline on the frame of `ctx`: [`eni_pipeline::process`], but what a cached verdict may be is carried out
/// apart, so that the compiler sees how little it may be.
#[inline(always)]
pub(crate) fn run(ctx: &TcContext) -> i32 {
    let mut frame = SocketBuffer {
        skb: ctx.as_ptr().cast(),
    };
    // SAFETY: `skb` is the program's context; the helper has no preconditions.
    let arrival = unsafe {
        Arrival {
            vport: (*frame.skb).ifindex,
            now_ns: bpf_ktime_get_coarse_ns(),
        }
    };
    if let Some(verdict) = eni_pipeline::follow(&mut frame, arrival, &Maps, &mut Maps) {
        return carry_out(&frame, arrival, verdict);
    }
    let Some(scratch) = maps::SCRATCH.get_ptr_mut(0) else {
        return TC_ACT_SHOT;
    };
    // SAFETY: one value for each CPU, and programs at tcx run with bottom halves off: nobody else uses it meanwhile.
    let scratch = unsafe { &mut *scratch };
    let verdict = eni_pipeline::decide(&mut frame, arrival, &Maps, &mut Maps, scratch);
    carry_out(&frame, arrival, verdict)
}

/// Does with the frame what was decided.
#[inline(always)]
fn carry_out(frame: &SocketBuffer, arrival: Arrival, verdict: Verdict) -> i32 {
    let Action::Deliver { vport, manner } = verdict.action() else {
        // No stage leads to another host.
        return TC_ACT_SHOT;
    };
    match manner {
        Manner::InPieces => cut::sys::deliver(frame.skb, vport, arrival.vport),
        Manner::Outside if frame.segment_size() == 0 => {
            cut::sys::deliver_settled(frame.skb, vport, arrival.vport)
        }
        // SAFETY: the helper only notes where to deliver.
        Manner::Whole | Manner::Outside => unsafe { bpf_redirect_peer(vport, 0) as i32 },
    }
}

/// What [`collect`] hands to its callback.
struct Sweep {
    /// The vport whose connections go, or 0 for all expired ones.
    vport: u32,
    removed: u32,
    left: u64,
    now_ns: u64,
}

/// Removes the connections that `ctx` asks for, and counts the others.
#[inline(always)]
pub(crate) fn collect(ctx: &TcContext) -> i32 {
    let skb: *mut __sk_buff = ctx.as_ptr().cast();
    // SAFETY: `skb` is the program's context; the helper has no preconditions.
    let (instance, mut sweep) = unsafe {
        let sweep = Sweep {
            vport: (*skb).mark,
            removed: 0,
            left: 0,
            now_ns: bpf_ktime_get_coarse_ns(),
        };
        ((*skb).priority, sweep)
    };
    let Some(connections) = maps::CONNECTIONS.get(instance) else {
        return 0;
    };
    let connections: *const maps::Connections = connections;
    // SAFETY: the callback has the signature the helper calls, and `sweep` outlives the call.
    unsafe {
        bpf_for_each_map_elem(
            connections.cast_mut().cast(),
            sweep_one as *const () as *mut c_void,
            (&raw mut sweep).cast(),
            0,
        );
    }
    if let Some(tracked) = maps::TRACKED.get_ptr_mut(instance) {
        // SAFETY: see the module's docs. Those begun meanwhile where the walk had already been are not counted until the next.
        unsafe { (*tracked).connections = sweep.left };
    }
    sweep.removed as i32
}

/// Removes one connection if it is due. An entry renewed on another CPU in between is lost with it; its next packet asks
/// the rules anew.
///
/// # Safety
/// For the kernel only, which passes pointers to live entries and to the [`Sweep`].
unsafe extern "C" fn sweep_one(
    map: *mut c_void,
    key: *const ConnectionKey,
    connection: *const Connection,
    sweep: *mut Sweep,
) -> i64 {
    // SAFETY: see above; the verifier knows all four.
    unsafe {
        let due = if (*sweep).vport == 0 {
            (*connection).expires_ns <= (*sweep).now_ns
        } else {
            (*key).vport == (*sweep).vport
        };
        if due && bpf_map_delete_elem(map, key.cast()) == 0 {
            (*sweep).removed += 1;
        } else {
            (*sweep).left += 1;
        }
    }
    0
}

/// A frame in the kernel.
pub(crate) struct SocketBuffer {
    pub(crate) skb: *mut __sk_buff,
}

impl SocketBuffer {
    /// `N` words at `offset`, an even constant, if the buffer's linear part holds them.
    #[inline(always)]
    fn at_hand<const N: usize>(&self, offset: u32) -> Option<&[u16; N]> {
        // SAFETY: `skb` is the program's context.
        let (data, data_end) =
            unsafe { ((*self.skb).data as usize, (*self.skb).data_end as usize) };
        let start = data + offset as usize;
        if start + 2 * N > data_end {
            return None;
        }
        // SAFETY: in bounds by the check, which the verifier follows; frames start at an even address (NET_IP_ALIGN is
        // 0 or 2); the borrow of `self` ends before anything that would move the data.
        Some(unsafe { &*(start as *const [u16; N]) })
    }
}

impl Frame for SocketBuffer {
    #[inline(always)]
    fn length(&self) -> u32 {
        // SAFETY: `skb` is the program's context.
        unsafe { (*self.skb).len }
    }

    #[inline(always)]
    fn is_tagged(&self) -> bool {
        // SAFETY: `skb` is the program's context.
        unsafe { (*self.skb).vlan_present != 0 }
    }

    #[inline(always)]
    fn packets(&self) -> u32 {
        // SAFETY: `skb` is the program's context.
        let segments = unsafe { (*self.skb).gso_segs };
        if segments == 0 { 1 } else { segments }
    }

    #[inline(always)]
    fn segment_size(&self) -> u32 {
        // SAFETY: `skb` is the program's context.
        unsafe { (*self.skb).gso_size }
    }

    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u16; N]> {
        self.at_hand(0)
    }

    #[inline(always)]
    fn load<const N: usize>(&self, offset: u32) -> Option<[u16; N]> {
        let mut words = MaybeUninit::<[u16; N]>::uninit();
        // SAFETY: the destination has room for the bytes asked for; the helper checks the source.
        let result = unsafe {
            bpf_skb_load_bytes(
                self.skb.cast(),
                offset,
                words.as_mut_ptr().cast(),
                2 * N as u32,
            )
        };
        if result != 0 {
            return None;
        }
        // SAFETY: the helper filled all of it.
        Some(unsafe { words.assume_init() })
    }

    #[inline(always)]
    fn load_at<const OFFSET: u32, const N: usize>(&self) -> Option<[u16; N]> {
        match self.at_hand(OFFSET) {
            Some(words) => Some(*words),
            None => self.load(OFFSET),
        }
    }

    #[inline(always)]
    fn pair<const INDEX: usize, const N: usize>(words: &[u16; N]) -> u32 {
        const { assert!(INDEX + 1 < N) };
        let pair: u32;
        // SAFETY: within the words. In assembly, because their address is even and need not be a multiple of four: what
        // kernel and processor allow here, and the compiler takes for undefined.
        unsafe {
            asm!(
                "{pair} = *(u32 *)({words} + {offset})",
                pair = out(wreg) pair,
                words = in(reg) words.as_ptr(),
                offset = const 2 * INDEX,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        pair
    }

    #[inline(always)]
    fn store<const N: usize>(&mut self, offset: u32, words: &[u16; N]) -> Option<()> {
        // SAFETY: the source has the bytes given; the helper checks the destination.
        let result = unsafe {
            bpf_skb_store_bytes(
                self.skb.cast(),
                offset,
                words.as_ptr().cast(),
                2 * N as u32,
                0,
            )
        };
        (result == 0).then_some(())
    }

    #[inline(always)]
    fn replace_checksum(
        &mut self,
        offset: u32,
        from: u32,
        to: u32,
        kind: ChecksumKind,
    ) -> Option<()> {
        const LENGTH: u64 = 4;
        if from == to {
            return Some(());
        }
        let (from, to) = (u64::from(from), u64::from(to));
        let (of_protocol, covered) = match kind {
            ChecksumKind::Header => {
                // SAFETY: the helper checks the offset.
                let result =
                    unsafe { bpf_l3_csum_replace(self.skb.cast(), offset, from, to, LENGTH) };
                return (result == 0).then_some(());
            }
            ChecksumKind::Tcp(covered) => (0, covered),
            ChecksumKind::Udp(covered) => (u64::from(BPF_F_MARK_MANGLED_0), covered),
        };
        let of_place = match covered {
            Covered::PseudoHeader => u64::from(BPF_F_PSEUDO_HDR),
            Covered::Segment => 0,
        };
        let flags = of_protocol | of_place | LENGTH;
        // SAFETY: the helper checks the offset.
        let result = unsafe { bpf_l4_csum_replace(self.skb.cast(), offset, from, to, flags) };
        (result == 0).then_some(())
    }

    #[inline(always)]
    fn resize(&mut self, length: u32) -> Option<()> {
        // SAFETY: the helper checks the length.
        let result = unsafe { bpf_skb_change_tail(self.skb.cast(), length, 0) };
        (result == 0).then_some(())
    }
}

/// What a hash map that is full answers to another key (Linux' `htab_map_update_elem`): `-E2BIG`.
const FULL: i32 = -7;

/// All maps: they are statics, so there is nothing to hold.
pub(crate) struct Maps;

/// This CPU's own slot.
#[inline(always)]
fn recent_flow<'a>(slot: Slot) -> Option<&'a mut RecentFlow> {
    let page = maps::RECENT_FLOWS.get_ptr_mut(slot.page)?;
    // SAFETY: this CPU's own value, see `run`; of the two calls for one packet, one has returned before the other.
    unsafe { (*page).get_mut(slot.index) }
}

/// Copies the flow of `key` from [`maps::FLOWS`] into this CPU's slot, whose epoch was read before; `false` if there is none.
///
/// While it is copied another CPU may give the entry to another flow: an LRU map waits for no reader. An entry that is
/// found under the key before and after is the key's own, and nobody writes it in place.
#[inline(never)]
fn recall(key: &FlowKey, recent: &mut RecentFlow, epoch: u64) -> bool {
    let Some(found) = maps::FLOWS.get_ptr(key) else {
        return false;
    };
    recent.key = FlowKey::default();
    // SAFETY: see the module's docs; what was copied counts only if it was whole.
    recent.flow = unsafe { *found };
    acquire();
    if maps::FLOWS.get_ptr(key) != Some(found) {
        return false;
    }
    recent.key = *key;
    recent.epoch = epoch;
    true
}

/// What is read after is read after all that was read before, by the compiler and by the processor. The word is the
/// stack's, so that no CPU waits for another: BPF's own acquiring load takes Linux 6.15.
#[inline(always)]
fn acquire() {
    let mut word = 0_u64;
    // SAFETY: a word of this function's.
    unsafe { fetch_add(&raw mut word, 0) };
}

/// Adds to `word`, after all reading and writing before and before all after, by the compiler and by the processor.
///
/// An atomic addition that fetches orders both on every processor and kernel: the JIT makes it `lock xadd` or `ldaddal`, or
/// puts it before a barrier (Linux' "atomic_t", "ordering": what returns a value is fully ordered).
///
/// # Safety
/// `word` is valid and aligned; what other CPUs do to it meanwhile is atomic.
#[inline(always)]
unsafe fn fetch_add(word: *mut u64, addend: u64) {
    // SAFETY: see above.
    unsafe {
        asm!(
            "{value} = atomic_fetch_add((u64 *)({word} + 0), {value})",
            value = inout(reg) addend => _,
            word = in(reg) word,
        );
    }
}

impl Tables for Maps {
    #[inline(always)]
    fn ordered<'a>(&self, row: &'a Vport) -> &'a Vport {
        acquire();
        // The compiler takes what a reference leads to for constant, whatever is between two readings.
        black_box(row)
    }

    #[inline(always)]
    fn globals(&self) -> Option<&Globals> {
        maps::GLOBALS.get(0)
    }

    #[inline(always)]
    fn vport(&self, vport: u32) -> Option<&Vport> {
        maps::VPORTS.get(vport)
    }

    #[inline(always)]
    fn mapping(&self, key: &MappingKey) -> Option<&Mapping> {
        // SAFETY: see the module's docs.
        unsafe { maps::MAPPINGS.get(key) }
    }

    #[inline(always)]
    fn public_address(&self, address: Address) -> Option<&PublicAddress> {
        // SAFETY: see the module's docs.
        unsafe { maps::PUBLIC_ADDRESSES.get(&address) }
    }

    #[inline(always)]
    fn is_in_vpc(&self, vpc: u32, address: Address) -> bool {
        let key = VpcBlockKey::prefix(vpc, Prefix::host(address));
        maps::VPC_BLOCKS
            .get(&Key::new(key.prefix_length, key.data))
            .is_some()
    }

    #[inline(always)]
    fn mac(&self, key: &MacKey) -> Option<&Location> {
        // SAFETY: see the module's docs.
        unsafe { maps::MACS.get(key) }
    }

    #[inline(always)]
    fn route(&self, route_table: u32, destination: Address) -> Option<&Route> {
        let key = RouteKey::prefix(route_table, Prefix::host(destination));
        maps::ROUTES.get(&Key::new(key.prefix_length, key.data))
    }

    #[inline(always)]
    fn policy(&self, policy: u32) -> Option<&Policy> {
        // SAFETY: see the module's docs.
        unsafe { maps::POLICIES.get(&policy) }
    }

    #[inline(always)]
    fn remote_rules(&self, policy: PolicyKey, remote: Address) -> Option<&RuleBits> {
        let key = RemoteKey::prefix(policy, Prefix::host(remote));
        maps::REMOTE_RULES.get(&Key::new(key.prefix_length, key.data))
    }

    #[inline(always)]
    fn identity_rules(&self, key: &IdentityKey) -> Option<&RuleBits> {
        // SAFETY: see the module's docs.
        unsafe { maps::IDENTITY_RULES.get(key) }
    }

    #[inline(always)]
    fn port_rules(
        &self,
        policy: PolicyKey,
        protocol: RuleProtocol,
        port: Port,
    ) -> Option<&RuleBits> {
        let key = PortKey::prefix(policy, protocol, port, 16);
        maps::PORT_RULES.get(&Key::new(key.prefix_length, key.data))
    }
}

impl Memory for Maps {
    #[inline(always)]
    fn flow(&self, key: &FlowKey) -> Option<&Flow> {
        let slot = Slot::of(key);
        let recent = recent_flow(slot)?;
        let epoch = *maps::EPOCHS.get(slot.number)?;
        if recent.is_of(key) && recent.epoch == epoch {
            return Some(&recent.flow);
        }
        // A copy: what a pointer leads to lies in memory, for every packet.
        let key = *key;
        recall(&key, recent, epoch).then_some(&recent.flow)
    }

    #[inline(always)]
    fn remember_flow(&mut self, key: &FlowKey, flow: &Flow) {
        // A flow that is not cached is decided again.
        let _ = maps::FLOWS.insert(key, flow, 0);
        let slot = Slot::of(key);
        if let (Some(recent), Some(epoch)) = (recent_flow(slot), maps::EPOCHS.get(slot.number)) {
            recent.flow = *flow;
            recent.key = *key;
            recent.epoch = *epoch;
        }
    }

    #[inline(always)]
    fn forget_flow(&mut self, key: &FlowKey) {
        // Absent is what is wanted.
        let _ = maps::FLOWS.remove(key);
        if let Some(epoch) = maps::EPOCHS.get_ptr_mut(Slot::of(key).number) {
            // SAFETY: a value of the map, aligned as its type, and only ever added to. After the removal: a CPU that reads
            // the new epoch does not find the flow in FLOWS either.
            unsafe { fetch_add(epoch, 1) };
        }
    }

    #[inline(always)]
    fn connection(&mut self, instance: u32, key: &ConnectionKey) -> Option<&mut Connection> {
        let connection = maps::CONNECTIONS.get_value_ptr_mut(instance, key)?;
        // SAFETY: see the module's docs; two CPUs that renew one entry at once write nearly the same.
        Some(unsafe { &mut *connection })
    }

    #[inline(always)]
    fn insert_connection(
        &mut self,
        instance: u32,
        key: &ConnectionKey,
        connection: &Connection,
    ) -> Insertion {
        let Some(connections) = maps::CONNECTIONS.get(instance) else {
            return Insertion::NoRoom;
        };
        match connections.insert(key, connection, 0) {
            Ok(()) => {
                if let Some(tracked) = maps::TRACKED.get_ptr_mut(instance) {
                    // SAFETY: see the module's docs. Not atomic, as it need not be: what two CPUs miss when they add at
                    // once, the next walk counts.
                    unsafe { (*tracked).connections += 1 };
                }
                Insertion::Done
            }
            Err(FULL) => Insertion::AllowanceExceeded,
            Err(_) => Insertion::NoRoom,
        }
    }

    #[inline(always)]
    fn fragment(&self, instance: u32, key: &FragmentKey) -> Option<&Fragment> {
        let fragment = maps::FRAGMENTS.get_value_ptr_mut(instance, key)?;
        // SAFETY: see the module's docs.
        Some(unsafe { &*fragment })
    }

    #[inline(always)]
    fn remember_fragment(&mut self, instance: u32, key: &FragmentKey, fragment: &Fragment) {
        // Without it the later fragments are dropped, with their reason.
        if let Some(fragments) = maps::FRAGMENTS.get(instance) {
            let _ = fragments.insert(key, fragment, 0);
        }
    }

    #[inline(always)]
    fn take_link_local(&mut self, vport: u32, packets: u32, now_ns: u64) -> bool {
        let Some(allowance) = maps::LINK_LOCAL.get_ptr_mut(vport) else {
            return false;
        };
        // SAFETY: see the module's docs; one word.
        unsafe { (*allowance).take(packets, now_ns) }
    }

    #[inline(always)]
    fn record(&mut self, record: &Record) {
        match record.outcome {
            Outcome::Delivered { target, .. } => count_delivery(record, target),
            Outcome::Dropped { vport, reason, .. } => count_drop(vport, reason),
        }
    }
}

/// Counts a dropped frame, also one that was to be delivered and could not be.
#[inline(always)]
pub(crate) fn count_drop(vport: u32, reason: DropReason) {
    if let Some(counter) = maps::COUNTERS.get_ptr_mut(counter_index(vport, reason)) {
        // SAFETY: this CPU's own value, see `run`.
        unsafe { *counter += 1 };
    }
}

#[inline(always)]
fn count_delivery(record: &Record, target: u32) {
    let (packets, bytes) = (u64::from(record.packets), u64::from(record.bytes));
    if let Some(traffic) = maps::TRAFFIC.get_ptr_mut(record.sender) {
        // SAFETY: this CPU's own value, see `run`.
        unsafe {
            (*traffic).egress_packets += packets;
            (*traffic).egress_bytes += bytes;
        }
    }
    if let Some(traffic) = maps::TRAFFIC.get_ptr_mut(target) {
        // SAFETY: this CPU's own value, see `run`.
        unsafe {
            (*traffic).ingress_packets += packets;
            (*traffic).ingress_bytes += bytes;
        }
    }
}
