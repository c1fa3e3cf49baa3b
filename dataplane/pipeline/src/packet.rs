//! The slow way's reading of a packet, and the room it works in.

use eni_abi::{
    Address, ConnectionKey, DecidingRule, DropReason, FiveTuple, Flow, Fragment, FragmentKey, Ipv4,
    Mac, NatEntry, NatGateway, NatKey, Port, RuleBits,
};
use eni_wire::{
    ETHERNET_LENGTH, FragmentPart, ICMP_LENGTH, IPV4_LENGTH, IPV6_LENGTH, IPV6_WORDS, IcmpHeader,
    IcmpQuery, Ipv4Header, Ipv6Header, Malformed, TCP_LENGTH, TcpHeader, UDP_LENGTH, UdpHeader,
    icmpv6_type, protocol,
};

use crate::extension::{Chain, FIRST_OFFSET};
use crate::{AllowingRules, Arrival, Frame, Memory, header, offload};

/// How long later fragments may follow the first: Linux' `ipfrag_time`.
const FRAGMENT_LIFETIME_NS: u64 = 30_000_000_000;

/// Room for one packet's decision. In BPF a per-CPU map value: it would not fit the stack.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Scratch {
    pub(crate) packet: Packet,
    pub(crate) path: Path,
    pub(crate) side: Side,
    pub(crate) bits: RuleBits,
    pub(crate) flow: Flow,
    /// The vport on which a drop would be counted now.
    pub(crate) charged_vport: u32,
    /// What denied the packet, if it was dropped by rules; left over from another one else.
    pub(crate) denying_rule: DecidingRule,
    /// Whether `packet` has been read.
    pub(crate) is_parsed: bool,
    /// The vport of the endpoint that says the packet, or 0.
    pub(crate) endpoint: u32,
    /// Whom a packet of IPv6 is for.
    pub(crate) addressee: Addressee,
    /// Whom a solicitation asks for.
    pub(crate) neighbor: Neighbor,
    /// The NAT gateway on the way; left over from another packet where there is none.
    pub(crate) nat: Nat,
}

/// A NAT gateway on a packet's way, and what it is looking for.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Nat {
    pub(crate) gateway: NatGateway,
    pub(crate) key: NatKey,
    pub(crate) entry: NatEntry,
    /// As in [`NatKey`].
    pub(crate) way: u32,
}

/// Whom a packet is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// To be forwarded.
    #[default]
    Other,
    /// All that listen on the link, in whose place the fabric answers; behind [`crate::neighbor::ask`] that asks for the router.
    Link,
    /// That asks for the neighbor in [`Scratch::neighbor`].
    Neighbor,
    /// The subnet's router.
    Router,
    /// A service of the fabric.
    Service,
}

/// Who has an address of the link.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Neighbor {
    pub(crate) address: Address,
    pub(crate) mac: Mac,
    /// What an advertisement says of it.
    pub(crate) flags: u16,
}

/// What the headers say.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Packet {
    pub(crate) source: Address,
    pub(crate) destination: Address,
    /// Offset of the transport header in the frame.
    pub(crate) transport_offset: u32,
    /// Bytes of IP and transport header.
    pub(crate) headers_length: u32,
    /// How much of the whole packet's payload this one carries.
    pub(crate) fragment_length: u32,
    /// Where that begins there.
    pub(crate) fragment_offset: u32,
    /// As in [`FragmentKey`].
    pub(crate) identification: u32,
    pub(crate) tcp_sequence: u32,
    pub(crate) tcp_acknowledgment: u32,
    /// The source port; the identifier of ICMP queries.
    pub(crate) source_port: Port,
    /// The destination port; ICMP's type and code.
    pub(crate) destination_port: Port,
    pub(crate) protocol: u8,
    pub(crate) tcp_flags: u8,
    pub(crate) destination_mac: Mac,
    pub(crate) source_mac: Mac,
    pub(crate) part: FragmentPart,
    pub(crate) dont_fragment: bool,
    pub(crate) is_ipv6: bool,
    /// Of IPv6.
    pub(crate) hop_limit: u8,
    /// Of IPv6: what was walked.
    pub(crate) chain: Chain,
    /// The sending vport owns the source address.
    pub(crate) owns_source: bool,
    /// An ICMP error whose `embedded` datagram could be read, with its ports.
    pub(crate) has_embedded: bool,
    pub(crate) embedded: Embedded,
}

/// The datagram inside an ICMP error.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Embedded {
    pub(crate) source: Address,
    pub(crate) destination: Address,
    /// As in [`Packet`].
    pub(crate) source_port: Port,
    /// As in [`Packet`].
    pub(crate) destination_port: Port,
    pub(crate) protocol: u8,
    /// Of IPv4: offset of its transport header in the frame.
    pub(crate) transport_offset: u32,
}

/// Where the packet goes and what becomes of it on the way.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Path {
    pub(crate) target: u32,
    /// Addresses and ports as the receiver sees them.
    pub(crate) new_source: Address,
    pub(crate) new_destination: Address,
    pub(crate) new_source_port: Port,
    pub(crate) new_destination_port: Port,
    /// The receiver's identity, if the packet reaches the destination's owner; else 0.
    pub(crate) target_identity: u32,
    /// The sender's identity, if it sends from an address of its own and untranslated; else 0.
    pub(crate) sender_identity: u32,
    /// Went by the router: the MACs change.
    pub(crate) routed: bool,
    /// The sender's subnet is left, and the receiver's entered, if they are in one.
    pub(crate) crosses_subnets: bool,
    /// Nothing the next packet of this flow could change is still open: the verdict may be cached.
    pub(crate) steady: bool,
    /// The opposite direction's cached verdict is out of date.
    pub(crate) forget_opposite: bool,
    /// Leaves the VPC by its internet gateway, wherever it goes then.
    pub(crate) by_gateway: bool,
    /// By the egress-only one: it is tracked in any case.
    pub(crate) by_egress_only: bool,
    /// Enters a VPC from the internet under its own address of IPv6; whether that VPC has an internet gateway is the other.
    pub(crate) from_internet: bool,
    pub(crate) internet_takes_all: bool,
    /// Enters by an egress-only internet gateway: it must answer a connection that the receiver has begun.
    pub(crate) must_answer: bool,
    /// The NAT gateway that the way leads to next, or 0.
    pub(crate) nat_gateway: u32,
    /// From whom it serves outward; else from outside, as an answer.
    pub(crate) nat_outward: bool,
    /// It is an error about what has gone through the NAT gateway: a port of its quote was this one before.
    pub(crate) translates_quote: bool,
    pub(crate) quoted_port: Port,
    /// Leaves the region.
    pub(crate) outside: bool,
    /// Number of the VPC that the packet comes from by peering, as the receiver sees it; 0 by any other way, and for IPv6.
    pub(crate) sender_vpc: u32,
    /// Number of the VPC that it goes to by peering, as the sender sees it; 0 by any other way, and for IPv6.
    pub(crate) receiver_vpc: u32,
    /// The receiver was found to own the address that the packet reaches it under.
    pub(crate) reaches_owner: bool,
    /// Too large, and to be delivered in fragments.
    pub(crate) in_pieces: bool,
    /// The rules were asked.
    pub(crate) rules_are_known: bool,
    /// Largest IP packet on the way.
    pub(crate) mtu: u32,
    /// The rules that have allowed it, if [`Path::rules_are_known`]; left over from another packet else. What is not cleared
    /// for every packet costs nothing: LLVM clears in BPF by a call, byte by byte.
    pub(crate) rules: AllowingRules,
}

/// What a packet may be to a tracked flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FlowPart {
    /// It belongs to none: the rules are asked about each one. ICMP that neither asks nor answers.
    #[default]
    None,
    /// It follows one, but begins none: answers of ICMP, and TCP without a lone SYN.
    Follower,
    /// It follows one or begins it.
    Opener,
}

/// One end's view of the packet, while its rules are asked.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Side {
    pub(crate) key: ConnectionKey,
    /// Identity of the other end, or 0.
    pub(crate) identity: u32,
    /// The packet's destination port, as this end sees it.
    pub(crate) destination_port: Port,
    /// Destination port of a packet in the opposite direction; for the tracking rule.
    pub(crate) opposite_port: Port,
    pub(crate) egress: bool,
    /// What the packet is to the flow of `key`.
    pub(crate) part: FlowPart,
    /// What allowed the packet, or its connection's first one.
    pub(crate) rule: DecidingRule,
}

impl Packet {
    /// Reads IPv4 and what it carries into `self`, whose MACs are already set.
    #[inline(never)]
    pub(crate) fn parse<F: Frame>(&mut self, frame: &F) -> Result<(), DropReason> {
        let words = frame
            .load_at::<ETHERNET_LENGTH, _>()
            .ok_or(DropReason::Truncated)?;
        let ip = Ipv4Header::from_words(&words).map_err(|Malformed| DropReason::MalformedHeader)?;
        if ip.total_length + ETHERNET_LENGTH > frame.length() {
            return Err(DropReason::MalformedHeader);
        }
        header::check(frame, &ip, &words)?;
        let payload = ip.total_length - ip.header_length;
        self.fragment_length = header::fragment_length(&ip, payload)?;
        let cut = ip.part == FragmentPart::Whole
            && offload::is_borne_out(frame, ip.protocol, ip.total_length);
        if frame.segment_size() != 0 && !cut {
            return Err(DropReason::OffloadMismatch);
        }
        self.is_ipv6 = false;
        self.source = Address::v4(ip.source);
        self.destination = Address::v4(ip.destination);
        self.protocol = ip.protocol;
        self.identification = Ipv4::from_words(ip.identification, 0).0;
        self.dont_fragment = ip.dont_fragment;
        self.part = ip.part;
        self.fragment_offset = ip.fragment_offset;
        self.transport_offset = ETHERNET_LENGTH + ip.header_length;
        self.headers_length = ip.header_length;
        self.source_port = Port(0);
        self.destination_port = Port(0);
        self.tcp_flags = 0;
        self.has_embedded = false;
        if ip.part == FragmentPart::Later {
            return Ok(());
        }
        match ip.protocol {
            protocol::TCP => self.parse_tcp(frame, payload),
            protocol::UDP => self.parse_udp(frame, payload),
            protocol::ICMP => self.parse_icmp(frame, payload),
            _ => Ok(()),
        }
    }

    /// Reads IPv6 and what it carries into `self`, whose MACs are already set.
    #[inline(never)]
    pub(crate) fn parse_ipv6<F: Frame>(&mut self, frame: &F) -> Result<(), DropReason> {
        let words: [u16; IPV6_WORDS] = frame
            .load_at::<ETHERNET_LENGTH, _>()
            .ok_or(DropReason::Truncated)?;
        let ip = Ipv6Header::from_words(&words).map_err(|Malformed| DropReason::MalformedHeader)?;
        // A jumbogram says 0 here (RFC 2675): no frame holds one, and what it says of itself is not in the packet.
        let end = FIRST_OFFSET + ip.payload_length;
        if end > frame.length() {
            return Err(DropReason::MalformedHeader);
        }
        if ip.hop_limit == 0 {
            return Err(DropReason::TimeToLive);
        }
        self.is_ipv6 = true;
        self.source = ip.source;
        self.destination = ip.destination;
        self.hop_limit = ip.hop_limit;
        self.dont_fragment = true;
        self.source_port = Port(0);
        self.destination_port = Port(0);
        self.tcp_flags = 0;
        self.has_embedded = false;
        self.chain.begin(ip.next_header, FIRST_OFFSET, end);
        self.chain.walk(frame)?;
        let Chain {
            offset,
            part,
            number,
            fragment_begin,
            ..
        } = self.chain;
        // Linux cuts what is behind extension headers as well, but those of fragments (`ipv6_gso_pull_exthdrs`).
        let cut = fragment_begin == FIRST_OFFSET
            && offload::is_borne_out(frame, number, IPV6_LENGTH + ip.payload_length);
        if frame.segment_size() != 0 && !cut {
            return Err(DropReason::OffloadMismatch);
        }
        self.part = part;
        self.protocol = self.chain.number;
        self.identification = self.chain.identification;
        self.fragment_offset = self.chain.fragment_offset;
        self.fragment_length = self.chain.fragment_length();
        self.transport_offset = offset;
        self.headers_length = offset.wrapping_sub(ETHERNET_LENGTH);
        if part == FragmentPart::Later {
            return Ok(());
        }
        let payload = end.wrapping_sub(offset);
        match self.protocol {
            protocol::TCP => self.parse_tcp(frame, payload),
            protocol::UDP => self.parse_udp(frame, payload),
            protocol::ICMPV6 => self.parse_icmpv6(frame, payload),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    fn parse_icmpv6<F: Frame>(&mut self, frame: &F, payload: u32) -> Result<(), DropReason> {
        if payload < ICMP_LENGTH {
            return Err(DropReason::Truncated);
        }
        let words = frame
            .load(self.transport_offset)
            .ok_or(DropReason::Truncated)?;
        let icmp = IcmpHeader::from_words(&words);
        self.destination_port = Port::icmp(icmp.icmp_type, icmp.code);
        self.headers_length += ICMP_LENGTH;
        if icmpv6_type::is_error(icmp.icmp_type) {
            // What an error in fragments quotes may lie in several of them.
            if self.part == FragmentPart::Whole {
                self.has_embedded = self.parse_embedded_ipv6(frame).is_some();
            }
        } else if IcmpQuery::of_ipv6(icmp.icmp_type).is_some() {
            self.source_port = icmp.identifier;
        }
        Ok(())
    }

    /// Reads the packet an error is about: at least its headers and 8 bytes of what they lead to.
    #[inline(always)]
    fn parse_embedded_ipv6<F: Frame>(&mut self, frame: &F) -> Option<()> {
        let begin = self.transport_offset.wrapping_add(ICMP_LENGTH);
        let words: [u16; IPV6_WORDS] = frame.load(begin)?;
        let ip = Ipv6Header::from_words(&words).ok()?;
        self.embedded.source = ip.source;
        self.embedded.destination = ip.destination;
        let (offset, end) = (begin.wrapping_add(IPV6_LENGTH), self.chain.end);
        // The packet's own chain is kept: one walk's room serves both.
        let (own_offset, own_part, own_number) =
            (self.chain.offset, self.chain.part, self.chain.number);
        self.chain.begin(ip.next_header, offset, end);
        let walked = self.chain.walk(frame).is_ok();
        let Chain {
            offset,
            part,
            number,
            ..
        } = self.chain;
        self.chain.begin(own_number, own_offset, end);
        self.chain.part = own_part;
        if !walked || part == FragmentPart::Later || offset.wrapping_add(UDP_LENGTH) > end {
            return None;
        }
        self.embedded.protocol = number;
        let transport = frame.load(offset)?;
        match number {
            protocol::TCP | protocol::UDP => {
                let udp = UdpHeader::from_words(&transport);
                self.embedded.source_port = udp.source_port;
                self.embedded.destination_port = udp.destination_port;
            }
            protocol::ICMPV6 => {
                let icmp = IcmpHeader::from_words(&transport);
                self.embedded.source_port = icmp.identifier;
                self.embedded.destination_port = Port::icmp(icmp.icmp_type, icmp.code);
            }
            _ => {
                self.embedded.source_port = Port(0);
                self.embedded.destination_port = Port(0);
            }
        }
        Some(())
    }

    /// The first words of the transport header.
    #[inline(always)]
    fn transport<F: Frame, const N: usize>(&self, frame: &F) -> Option<[u16; N]> {
        const WITHOUT_OPTIONS: u32 = ETHERNET_LENGTH + IPV4_LENGTH;
        if self.transport_offset == WITHOUT_OPTIONS {
            frame.load_at::<WITHOUT_OPTIONS, N>()
        } else {
            frame.load(self.transport_offset)
        }
    }

    #[inline(always)]
    fn parse_tcp<F: Frame>(&mut self, frame: &F, payload: u32) -> Result<(), DropReason> {
        if payload < TCP_LENGTH {
            return Err(DropReason::Truncated);
        }
        let words = self.transport(frame).ok_or(DropReason::Truncated)?;
        let tcp = TcpHeader::from_words(&words);
        // A first fragment that splits the header could hide flags from the rules (RFC 1858).
        if tcp.header_length < TCP_LENGTH || tcp.header_length > payload {
            return Err(DropReason::MalformedHeader);
        }
        self.source_port = tcp.source_port;
        self.destination_port = tcp.destination_port;
        self.tcp_flags = tcp.flags;
        self.tcp_sequence = tcp.sequence;
        self.tcp_acknowledgment = tcp.acknowledgment;
        self.headers_length += tcp.header_length;
        Ok(())
    }

    #[inline(always)]
    fn parse_udp<F: Frame>(&mut self, frame: &F, payload: u32) -> Result<(), DropReason> {
        if payload < UDP_LENGTH {
            return Err(DropReason::Truncated);
        }
        let words = self.transport(frame).ok_or(DropReason::Truncated)?;
        let udp = UdpHeader::from_words(&words);
        // The length in the first fragment is that of the whole datagram.
        let whole = self.part == FragmentPart::Whole;
        if udp.length < UDP_LENGTH || (whole && udp.length > payload) {
            return Err(DropReason::MalformedHeader);
        }
        self.source_port = udp.source_port;
        self.destination_port = udp.destination_port;
        self.headers_length += UDP_LENGTH;
        Ok(())
    }

    #[inline(always)]
    fn parse_icmp<F: Frame>(&mut self, frame: &F, payload: u32) -> Result<(), DropReason> {
        if payload < ICMP_LENGTH {
            return Err(DropReason::Truncated);
        }
        let words = frame
            .load(self.transport_offset)
            .ok_or(DropReason::Truncated)?;
        let icmp = IcmpHeader::from_words(&words);
        self.destination_port = Port::icmp(icmp.icmp_type, icmp.code);
        self.headers_length += ICMP_LENGTH;
        if icmp.is_error() {
            // The quote of one in fragments may lie in several of them.
            let whole = self.part == FragmentPart::Whole;
            self.has_embedded = whole && self.parse_embedded(frame, payload).is_some();
        } else if IcmpQuery::of(icmp.icmp_type).is_some() {
            self.source_port = icmp.identifier;
        }
        Ok(())
    }

    /// Reads the datagram an ICMP error is about: at least its IP header and 8 bytes (RFC 792).
    #[inline(always)]
    fn parse_embedded<F: Frame>(&mut self, frame: &F, payload: u32) -> Option<()> {
        let offset = self.transport_offset + ICMP_LENGTH;
        let ip = Ipv4Header::from_words(&frame.load(offset)?).ok()?;
        // A later fragment has no ports where they are looked for.
        if payload < ICMP_LENGTH + ip.header_length + UDP_LENGTH || ip.part == FragmentPart::Later {
            return None;
        }
        let embedded = &mut self.embedded;
        embedded.source = Address::v4(ip.source);
        embedded.destination = Address::v4(ip.destination);
        embedded.protocol = ip.protocol;
        embedded.transport_offset = offset + ip.header_length;
        let transport = frame.load(offset + ip.header_length)?;
        match ip.protocol {
            protocol::TCP | protocol::UDP => {
                let udp = UdpHeader::from_words(&transport);
                embedded.source_port = udp.source_port;
                embedded.destination_port = udp.destination_port;
            }
            protocol::ICMP => {
                let icmp = IcmpHeader::from_words(&transport);
                embedded.source_port = icmp.identifier;
                embedded.destination_port = Port::icmp(icmp.icmp_type, icmp.code);
            }
            _ => {
                embedded.source_port = Port(0);
                embedded.destination_port = Port(0);
            }
        }
        Some(())
    }

    /// First fragments leave their ports behind, later ones take them up.
    #[inline(never)]
    pub(crate) fn resolve_fragment<M: Memory>(
        &mut self,
        memory: &mut M,
        instance: u32,
        arrival: Arrival,
    ) -> Result<(), DropReason> {
        let key = FragmentKey {
            vport: arrival.vport,
            source: self.source,
            destination: self.destination,
            identification: self.identification,
            protocol: u32::from(if self.is_ipv6 {
                protocol::FRAGMENT
            } else {
                self.protocol
            }),
        };
        match self.part {
            FragmentPart::Whole => Ok(()),
            FragmentPart::First => {
                let fragment = Fragment {
                    expires_ns: arrival.now_ns.wrapping_add(FRAGMENT_LIFETIME_NS),
                    source_port: self.source_port,
                    destination_port: self.destination_port,
                    end: self.fragment_length,
                    protocol: u32::from(self.protocol),
                    reserved: 0,
                };
                memory.remember_fragment(instance, &key, &fragment);
                Ok(())
            }
            FragmentPart::Later => {
                let first = memory
                    .fragment(instance, &key)
                    .ok_or(DropReason::FragmentWithoutFirst)?;
                if first.expires_ns <= arrival.now_ns {
                    return Err(DropReason::FragmentWithoutFirst);
                }
                // Ports or flags that the rules have not seen (RFC 1858, RFC 3128, RFC 5722).
                if self.fragment_offset < first.end {
                    return Err(DropReason::FragmentOverlap);
                }
                self.source_port = first.source_port;
                self.destination_port = first.destination_port;
                self.protocol = first.protocol as u8;
                Ok(())
            }
        }
    }

    /// Whether it is ICMP, of its family.
    #[inline(always)]
    pub(crate) fn is_icmp(&self) -> bool {
        self.protocol
            == if self.is_ipv6 {
                protocol::ICMPV6
            } else {
                protocol::ICMP
            }
    }

    /// The flow it belongs to.
    #[inline(always)]
    pub(crate) fn five_tuple(&self) -> FiveTuple {
        FiveTuple {
            source: self.source,
            destination: self.destination,
            source_port: self.source_port,
            destination_port: self.destination_port,
            protocol: self.protocol,
        }
    }

    /// Whether the header of IPv4 has options, or one of IPv6 extension headers behind it.
    #[inline(always)]
    pub(crate) fn has_options(&self) -> bool {
        let plain = if self.is_ipv6 {
            FIRST_OFFSET
        } else {
            ETHERNET_LENGTH + IPV4_LENGTH
        };
        self.transport_offset != plain
    }

    /// Whether verdicts for this packet's flow are cached: those the fast way reads.
    #[inline(always)]
    pub(crate) fn is_cacheable(&self) -> bool {
        self.part == FragmentPart::Whole
            && !self.has_options()
            && (self.protocol == protocol::TCP || self.protocol == protocol::UDP)
    }
}
