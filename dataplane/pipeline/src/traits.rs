//! What the pipeline asks of the place it runs in.

use eni_abi::{
    Address, Connection, ConnectionKey, DecidingRule, Direction, DropReason, FiveTuple, Flow,
    FlowKey, FlowKeyIpv6, Fragment, FragmentKey, Globals, IdentityKey, InternetBlock, Ipv4,
    Location, MacKey, Mapping, MappingKey, NatEntry, NatGateway, NatKey, Policy, PolicyKey, Port,
    PublicAddress, Route, RuleBits, RuleProtocol, Service, VpcBlock, Vport,
};

/// Where and when a frame arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The vport whose guest sent it.
    pub vport: u32,
    /// `CLOCK_MONOTONIC` in nanoseconds; the coarse clock (a few milliseconds) is fine enough.
    pub now_ns: u64,
}

/// Which checksum a word takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumKind {
    /// The IPv4 header's.
    Header,
    /// TCP's.
    Tcp(Covered),
    /// UDP's: zero means none, and a computed zero is sent as 0xffff (RFC 768).
    Udp(Covered),
}

/// Where a word lies that a transport's checksum covers. A checksum that is left to a device holds the pseudo-header's sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// In the pseudo-header: an address.
    PseudoHeader,
    /// In the segment itself: the ports.
    Segment,
}

/// One Ethernet frame. Offsets are bytes from its start, and even.
pub trait Frame {
    /// Bytes of the frame, Ethernet header included.
    fn length(&self) -> u32;

    /// Whether a VLAN tag lies beside the bytes: Linux takes the outer 802.1Q or 802.1ad tag out of them before any
    /// program sees the frame (`skb_vlan_untag`), and a VLAN device on a veth never writes it there.
    fn is_tagged(&self) -> bool;

    /// How many packets on a wire the frame stands for: more than 1 with segmentation offload.
    fn packets(&self) -> u32;

    /// Payload bytes of each of those packets, or 0 without segmentation offload.
    fn segment_size(&self) -> u32;

    /// The first `N` words, if they are at hand without copying. `None` says nothing about the frame's length.
    fn head<const N: usize>(&self) -> Option<&[u16; N]>;

    /// `N` words at `offset`; `None` beyond the end.
    fn load<const N: usize>(&self, offset: u32) -> Option<[u16; N]>;

    /// [`Frame::load`] at an offset that is known when the program is built: without a call where the words are at hand.
    fn load_at<const OFFSET: u32, const N: usize>(&self) -> Option<[u16; N]> {
        self.load(OFFSET)
    }

    /// The words at `INDEX` and after it as one number, its bytes as they lie in the frame; `words` are the frame's.
    ///
    /// A place that reads a number at any even address does so here at once, for two readings and what joins them.
    #[inline(always)]
    fn pair<const INDEX: usize, const N: usize>(words: &[u16; N]) -> u32 {
        const { assert!(INDEX + 1 < N) };
        Ipv4::from_words(words[INDEX], words[INDEX + 1]).0
    }

    /// Writes `N` words at `offset`; `None` if that failed. Checksums are the caller's business.
    fn store<const N: usize>(&mut self, offset: u32, words: &[u16; N]) -> Option<()>;

    /// Updates the checksum at `offset` for four bytes that go from `from` to `to`, as they lie in the frame; also one that
    /// an offload has left to be completed later.
    fn replace_checksum(
        &mut self,
        offset: u32,
        from: u32,
        to: u32,
        kind: ChecksumKind,
    ) -> Option<()>;

    /// Cuts or extends the frame to `length` bytes; new bytes are zero.
    fn resize(&mut self, length: u32) -> Option<()>;
}

/// The desired state, read only. See `eni-abi` for what the rows mean.
pub trait Tables {
    /// The same row, whose fields, and all tables, are read after everything that was read so far: by the compiler and by
    /// the processor (an acquire fence).
    fn ordered<'a>(&self, row: &'a Vport) -> &'a Vport;
    /// The one row of globals.
    fn globals(&self) -> Option<&Globals>;
    /// A vport's row; rows that are not present may be returned as zeroes.
    fn vport(&self, vport: u32) -> Option<&Vport>;
    /// Where an address lives: of its own, else as one of the longest prefix that an interface has.
    fn mapping(&self, key: &MappingKey) -> Option<&Mapping>;
    /// What a public address translates to.
    fn public_address(&self, address: Address) -> Option<&PublicAddress>;
    /// Whether `address` lies in a block of the VPC of a number.
    /// Whose block `address` is in, as the VPC of this number sees it.
    fn vpc_block(&self, vpc: u32, address: Address) -> Option<VpcBlock>;
    /// Whether `address` is in one of the VPC's own blocks.
    #[inline(always)]
    fn is_in_vpc(&self, vpc: u32, address: Address) -> bool {
        self.vpc_block(vpc, address) == Some(VpcBlock::Own)
    }
    /// Whether it is in one of those, or in one of IPv4 of a peered VPC.
    #[inline(always)]
    fn is_in_vpc_or_peer(&self, vpc: u32, address: Address) -> bool {
        self.vpc_block(vpc, address).is_some()
    }
    /// The VPC whose block of IPv6 the internet has for `address`.
    fn internet_block(&self, address: Address) -> Option<InternetBlock>;
    /// Where the interface of a MAC in a subnet is.
    fn mac(&self, key: &MacKey) -> Option<&Location>;
    /// The route of the longest prefix that contains `destination`.
    fn route(&self, route_table: u32, destination: Address) -> Option<&Route>;
    /// A NAT gateway.
    fn nat_gateway(&self, number: u32) -> Option<&NatGateway>;
    /// A policy.
    fn policy(&self, policy: u32) -> Option<&Policy>;
    /// The rules of the longest prefix that contains `remote`.
    fn remote_rules(&self, policy: PolicyKey, remote: Address) -> Option<&RuleBits>;
    /// The rules for peers of an identity.
    fn identity_rules(&self, key: &IdentityKey) -> Option<&RuleBits>;
    /// The rules under exactly `protocol` of the longest prefix that contains `port`.
    fn port_rules(
        &self,
        policy: PolicyKey,
        protocol: RuleProtocol,
        port: Port,
    ) -> Option<&RuleBits>;
}

/// What became of a connection that was to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It is.
    Done,
    /// Its instance has as many as it may.
    AllowanceExceeded,
    /// There is no memory for it.
    NoRoom,
}

/// What became of an entry that a NAT gateway was to have if none has its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatInsertion {
    /// It has.
    Done,
    /// Another one has the key.
    Taken,
    /// It has as many as it may, or there is no memory for it.
    NoRoom,
}

/// What became of a frame. Who counts, logs or explains reads this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The vport whose guest sent it.
    pub sender: u32,
    /// The flow, as its sender sees it; `None` where the frame holds none or was dropped before it was read.
    pub flow: Option<FiveTuple>,
    /// Delivered or dropped.
    pub outcome: Outcome,
    /// How many packets on a wire the frame stands for.
    pub packets: u32,
    /// Bytes of the frame.
    pub bytes: u32,
}

/// The end of a frame's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Given to the guest of `target`: `sender`'s egress and `target`'s ingress.
    Delivered {
        /// The receiver.
        target: u32,
        /// The rules that allowed it, where they were asked about this packet or its connection's first.
        rules: AllowingRules,
    },
    /// Dropped.
    Dropped {
        /// Where: the receiver for what is found there, else the sender.
        vport: u32,
        /// Seen from `vport`.
        direction: Direction,
        /// Why.
        reason: DropReason,
        /// The rule that denied it, where one did.
        rule: DecidingRule,
    },
}

/// The security groups' rules that allowed a packet at both ends. One of the opposite direction has allowed what may be an
/// answer of an untracked flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct AllowingRules {
    /// The sender's.
    pub egress: DecidingRule,
    /// The receiver's.
    pub ingress: DecidingRule,
}

/// What the data plane remembers and counts.
///
/// Apart from [`Tables`], because it changes while a packet is decided: so `&mut` says what `Cell`s would hide.
pub trait Memory {
    /// A cached flow, as it was remembered: never part of one and part of another.
    fn flow(&self, key: &FlowKey) -> Option<&Flow>;
    /// Caches a flow; may fail silently.
    fn remember_flow(&mut self, key: &FlowKey, flow: &Flow);
    /// Removes a cached flow.
    fn forget_flow(&mut self, key: &FlowKey);
    /// [`Memory::flow`] for IPv6.
    fn flow_ipv6(&self, key: &FlowKeyIpv6) -> Option<&Flow>;
    /// [`Memory::remember_flow`] for IPv6.
    fn remember_flow_ipv6(&mut self, key: &FlowKeyIpv6, flow: &Flow);
    /// [`Memory::forget_flow`] for IPv6.
    fn forget_flow_ipv6(&mut self, key: &FlowKeyIpv6);
    /// A tracked connection of `instance` (see [`Vport::instance`]), expired ones included.
    fn connection(&mut self, instance: u32, key: &ConnectionKey) -> Option<&mut Connection>;
    /// Adds or replaces a connection of `instance`. Those that ended may take its room for another second.
    #[must_use]
    fn insert_connection(
        &mut self,
        instance: u32,
        key: &ConnectionKey,
        connection: &Connection,
    ) -> Insertion;
    /// What the first fragment of a packet of `instance` carried, expired entries included.
    fn fragment(&self, instance: u32, key: &FragmentKey) -> Option<&Fragment>;
    /// Keeps what a first fragment carries; may fail silently.
    fn remember_fragment(&mut self, instance: u32, key: &FragmentKey, fragment: &Fragment);
    /// An entry of a NAT gateway, expired ones included.
    fn nat_entry(&mut self, gateway: u32, key: &NatKey) -> Option<&mut NatEntry>;
    /// Gives a NAT gateway an entry if none has its key, of any number that try at once to one.
    #[must_use]
    fn insert_nat_entry(&mut self, gateway: u32, key: &NatKey, entry: &NatEntry) -> NatInsertion;
    /// Takes an entry of a NAT gateway away.
    fn remove_nat_entry(&mut self, gateway: u32, key: &NatKey);
    /// Adds to [`NatEntry::flows`] of an entry, at once for all who do; what there was before, `None` where there is no entry.
    fn add_nat_flows(&mut self, gateway: u32, key: &NatKey, addend: i64) -> Option<u64>;
    /// A number that nobody outside foresees.
    fn random(&mut self) -> u32;
    /// Takes what so many `packets` of `vport` to a link-local `service` need of its allowance; false where it is used up.
    fn take_link_local(&mut self, vport: u32, service: Service, packets: u32, now_ns: u64) -> bool;
    /// What became of a frame: called once for each, also for what the router answers itself.
    fn record(&mut self, record: &Record);
}
