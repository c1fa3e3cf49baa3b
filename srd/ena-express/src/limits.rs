//! The bounds, with their reasons.

/// Most bytes of an IP packet that goes over SRD. EC2's User Guide ("ENA Express", prerequisites) asks for an MTU of 8,900
/// where an interface uses jumbo frames: SRD's own headers must fit into what the network carries.
pub const MAX_PACKET_BYTES: u32 = 8_900;
/// The same with its Ethernet header: the largest frame that is taken.
pub const MAX_FRAME_BYTES: usize = MAX_PACKET_BYTES as usize + eni_wire::ETHERNET_LENGTH as usize;

/// Flows of one pair of interfaces in one direction that are told apart at a time. Further ones go the ordinary way until
/// one falls idle. Both ends' tables have this size.
pub const MAX_FLOWS: u16 = 4_096;
/// How long a flow is remembered that has nothing queued or under way. Forgetting early costs nothing: all its frames have
/// arrived, so the next one may begin a flow anew.
pub const FLOW_IDLE_NANOS: u64 = 60_000_000_000;

/// The pause from one look for a peer to the next, at first; it doubles up to [`MAX_LOOK_PAUSE_NANOS`]. A look takes 3 s
/// ([`peer_dead_after`](eni_srd::Config::peer_dead_after), ordinarily), and a hello every 20 ms of it.
pub(crate) const LOOK_PAUSE_NANOS: u64 = 4_000_000_000;
/// The longest pause from one look for a peer to the next: what has no ENA Express costs three hellos a second at most.
pub(crate) const MAX_LOOK_PAUSE_NANOS: u64 = 64_000_000_000;

/// Bytes of frames of one pair that may wait for SRD. A flow that is alone may use half of it
/// ([the rule](crate::Express::offer)): 1 MiB, because EC2 asks for `tcp_limit_output_bytes` of 1 MiB or more
/// ("ENA Express", prerequisites), which is what one socket then puts into its device at once.
pub const MAX_QUEUED_BYTES: usize = 2 << 20;
/// What a frame that waits or is held counts beside its bytes: the allocator's share of its buffer, and its entries in
/// queues, of which a quarter may be in use, or in trees, whose nodes may be half empty.
pub const FRAME_OVERHEAD_BYTES: usize = 256;
/// Bytes of one flow that wait before its frames are marked as having met congestion, where they ask for it (RFC 3168).
/// At 25 Gb/s, EC2's bandwidth of one flow, they take 84 µs: no more than SRD lets wait on its paths.
pub const MARK_QUEUED_BYTES: usize = 256 << 10;
/// What a flow may send before the next has its turn: one frame of any size, so that no turn is in vain.
pub const QUANTUM_BYTES: usize = MAX_FRAME_BYTES;

/// How long a frame is held for those before it. SRD delivers what a dying path swallowed within 2 ms at the latest (its
/// tests demand that; ordinarily it takes 0.3 ms). What is later is seldom worth the wait of all that follow it, and TCP is
/// told of the gap by them.
/// It is a hundredth of the shortest time after which a sender of TCP gives up waiting (Linux, `TCP_RTO_MIN`, 200 ms).
pub const HOLD_NANOS: u64 = 2_000_000;
/// Bytes of one pair that are held for those before them. At 25 Gb/s 6.25 MB arrive within [`HOLD_NANOS`].
pub const MAX_HELD_BYTES: usize = 8 << 20;
/// What a flow counts at most, here and at the peer: its entries in three tables, and what its queue keeps while empty.
const FLOW_BYTES: usize = 512;
/// What a pair's trees keep while they are empty: a node each.
pub(crate) const EMPTY_TREES_BYTES: usize = 2 << 10;
/// Bytes that a pair holds at most, its connection aside: what may be queued and held, its flows in both directions, and 16 KiB for all else.
pub const MAX_MEMORY_BYTES: usize =
    MAX_QUEUED_BYTES + MAX_HELD_BYTES + MAX_FLOWS as usize * FLOW_BYTES + (16 << 10);
