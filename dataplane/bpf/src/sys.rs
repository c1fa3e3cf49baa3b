//! The only unsafe code of the program: the socket buffer and the maps' values.
//!
//! The verifier proves every access in bounds before the program may run. What is left to argue is aliasing and tearing:
//! map values are shared with other CPUs and with user space, so that a value may change while it is read. All values
//! are plain integers without invalid patterns, whole rows are replaced rather than edited, and a mixed reading of a row
//! is voided by its generation.

use core::arch::asm;
use core::ffi::c_void;
use core::hint::black_box;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{__sk_buff, BPF_NOEXIST, TC_ACT_SHOT};
use aya_ebpf::helpers::{
    bpf_for_each_map_elem, bpf_get_prandom_u32, bpf_ktime_get_coarse_ns, bpf_map_delete_elem,
    bpf_redirect_peer,
};
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::programs::TcContext;
use eni_abi::{
    Address, Connection, ConnectionKey, DropReason, Flow, FlowKey, FlowKeyIpv6, Fragment,
    FragmentKey, Globals, IdentityKey, InternetBlock, Location, MacKey, Mapping, MappingKey,
    NatEntry, NatGateway, NatKey, Policy, PolicyKey, Port, PortKey, Prefix, PublicAddress,
    RemoteKey, Route, RouteKey, RuleBits, RuleProtocol, Service, VpcBlock, VpcBlockKey, Vport,
    counter_index,
};
use eni_pipeline::{
    Action, Arrival, Frame, Insertion, Manner, Memory, NatInsertion, Outcome, Record, Tables,
    Verdict,
};

use crate::frame::sys::SocketBuffer;
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
    if let Some(verdict) = follow_ipv6(&mut frame, arrival) {
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

/// Apart, so that IPv4's registers and stack are what they are without it.
#[inline(never)]
fn follow_ipv6(frame: &mut SocketBuffer, arrival: Arrival) -> Option<Verdict> {
    eni_pipeline::follow_ipv6(frame, arrival, &Maps, &mut Maps)
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

/// What a hash map that is full answers to another key (Linux' `htab_map_update_elem`): `-E2BIG`.
const FULL: i32 = -7;
/// What a map answers to a key that it has, where it must not: `-EEXIST`.
const EXISTS: i32 = -17;

/// All maps: they are statics, so there is nothing to hold.
pub(crate) struct Maps;

/// This CPU's own slot.
#[inline(always)]
fn recent_flow<'a>(slot: Slot) -> Option<&'a mut RecentFlow<FlowKey>> {
    let page = maps::RECENT_FLOWS.get_ptr_mut(slot.page)?;
    // SAFETY: this CPU's own value, see `run`; of the two calls for one packet, one has returned before the other.
    unsafe { (*page).get_mut(slot.index) }
}

/// [`recent_flow`] of IPv6.
#[inline(always)]
fn recent_flow_ipv6<'a>(slot: Slot) -> Option<&'a mut RecentFlow<FlowKeyIpv6>> {
    let page = maps::RECENT_FLOWS_IPV6.get_ptr_mut(slot.page)?;
    // SAFETY: as above.
    unsafe { (*page).get_mut(slot.index) }
}

/// [`recall`] of IPv6.
#[inline(never)]
fn recall_ipv6(key: &FlowKeyIpv6, recent: &mut RecentFlow<FlowKeyIpv6>, epoch: u64) -> bool {
    let Some(found) = maps::FLOWS_IPV6.get_ptr(key) else {
        return false;
    };
    recent.key = FlowKeyIpv6::default();
    // SAFETY: see the module's docs; what was copied counts only if it was whole.
    recent.flow = unsafe { *found };
    acquire();
    if maps::FLOWS_IPV6.get_ptr(key) != Some(found) {
        return false;
    }
    recent.key = *key;
    recent.epoch = epoch;
    true
}

/// Copies the flow of `key` from [`maps::FLOWS`] into this CPU's slot, whose epoch was read before; `false` if there is none.
///
/// While it is copied another CPU may give the entry to another flow: an LRU map waits for no reader. An entry that is
/// found under the key before and after is the key's own, and nobody writes it in place.
#[inline(never)]
fn recall(key: &FlowKey, recent: &mut RecentFlow<FlowKey>, epoch: u64) -> bool {
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

/// Adds to `word` and gives what it was, after all reading and writing before and before all after, by the compiler and by the processor.
///
/// An atomic addition that fetches orders both on every processor and kernel: the JIT makes it `lock xadd` or `ldaddal`, or
/// puts it before a barrier (Linux' "atomic_t", "ordering": what returns a value is fully ordered).
///
/// # Safety
/// `word` is valid and aligned; what other CPUs do to it meanwhile is atomic.
#[inline(always)]
pub(crate) unsafe fn fetch_add(word: *mut u64, addend: u64) -> u64 {
    let before: u64;
    // SAFETY: see above.
    unsafe {
        asm!(
            "{value} = atomic_fetch_add((u64 *)({word} + 0), {value})",
            value = inout(reg) addend => before,
            word = in(reg) word,
        );
    }
    before
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
        if let Some(mapping) = unsafe { maps::MAPPINGS.get(key) } {
            return Some(mapping);
        }
        let key = MappingKey::prefix(key.vpc, Prefix::host(key.address));
        maps::PREFIX_MAPPINGS.get(&Key::new(key.prefix_length, key.data))
    }

    #[inline(always)]
    fn public_address(&self, address: Address) -> Option<&PublicAddress> {
        // SAFETY: see the module's docs.
        unsafe { maps::PUBLIC_ADDRESSES.get(&address) }
    }

    #[inline(always)]
    fn vpc_block(&self, vpc: u32, address: Address) -> Option<VpcBlock> {
        let key = VpcBlockKey::prefix(vpc, Prefix::host(address));
        let row = maps::VPC_BLOCKS.get(&Key::new(key.prefix_length, key.data))?;
        Some(VpcBlock::from_row(*row))
    }

    #[inline(always)]
    fn internet_block(&self, address: Address) -> Option<InternetBlock> {
        let key = VpcBlockKey::on_internet(Prefix::host(address));
        let row = maps::VPC_BLOCKS.get(&Key::new(key.prefix_length, key.data))?;
        Some(InternetBlock::from_row(*row))
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
    fn nat_gateway(&self, number: u32) -> Option<&NatGateway> {
        // SAFETY: see the module's docs.
        unsafe { maps::NAT_GATEWAYS.get(&number) }
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
    fn flow_ipv6(&self, key: &FlowKeyIpv6) -> Option<&Flow> {
        let slot = Slot::of_ipv6(key);
        let recent = recent_flow_ipv6(slot)?;
        let epoch = *maps::EPOCHS_IPV6.get(slot.number)?;
        if recent.is_of(key) && recent.epoch == epoch {
            return Some(&recent.flow);
        }
        recall_ipv6(key, recent, epoch).then_some(&recent.flow)
    }

    #[inline(always)]
    fn remember_flow_ipv6(&mut self, key: &FlowKeyIpv6, flow: &Flow) {
        // A flow that is not cached is decided again.
        let _ = maps::FLOWS_IPV6.insert(key, flow, 0);
        let slot = Slot::of_ipv6(key);
        if let (Some(recent), Some(epoch)) =
            (recent_flow_ipv6(slot), maps::EPOCHS_IPV6.get(slot.number))
        {
            recent.flow = *flow;
            recent.key = *key;
            recent.epoch = *epoch;
        }
    }

    #[inline(always)]
    fn forget_flow_ipv6(&mut self, key: &FlowKeyIpv6) {
        // Absent is what is wanted.
        let _ = maps::FLOWS_IPV6.remove(key);
        if let Some(epoch) = maps::EPOCHS_IPV6.get_ptr_mut(Slot::of_ipv6(key).number) {
            // SAFETY: as in `forget_flow`.
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
    fn nat_entry(&mut self, gateway: u32, key: &NatKey) -> Option<&mut NatEntry> {
        let entry = maps::NAT_FLOWS.get_value_ptr_mut(gateway, key)?;
        // SAFETY: see the module's docs; as with connections.
        Some(unsafe { &mut *entry })
    }

    #[inline(always)]
    fn insert_nat_entry(&mut self, gateway: u32, key: &NatKey, entry: &NatEntry) -> NatInsertion {
        let Some(flows) = maps::NAT_FLOWS.get(gateway) else {
            return NatInsertion::NoRoom;
        };
        match flows.insert(key, entry, u64::from(BPF_NOEXIST)) {
            Ok(()) => NatInsertion::Done,
            Err(EXISTS) => NatInsertion::Taken,
            Err(_) => NatInsertion::NoRoom,
        }
    }

    #[inline(always)]
    fn remove_nat_entry(&mut self, gateway: u32, key: &NatKey) {
        if let Some(flows) = maps::NAT_FLOWS.get(gateway) {
            // Absent is what is wanted.
            let _ = flows.remove(key);
        }
    }

    #[inline(always)]
    fn add_nat_flows(&mut self, gateway: u32, key: &NatKey, addend: i64) -> Option<u64> {
        let entry = maps::NAT_FLOWS.get_value_ptr_mut(gateway, key)?;
        // SAFETY: a value of the map, aligned as its type, and only ever added to.
        Some(unsafe { fetch_add(&raw mut (*entry).flows, addend as u64) })
    }

    #[inline(always)]
    fn random(&mut self) -> u32 {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_get_prandom_u32() }
    }

    #[inline(always)]
    fn take_link_local(&mut self, vport: u32, service: Service, packets: u32, now_ns: u64) -> bool {
        let Some(allowance) = maps::LINK_LOCAL.get_ptr_mut(vport) else {
            return false;
        };
        // SAFETY: see the module's docs; one word.
        unsafe { (*allowance).take_for(service, packets, now_ns) }
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
