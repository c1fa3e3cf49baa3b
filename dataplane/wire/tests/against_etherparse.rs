//! A second reading of the same bytes, by a parser that shares no code with ours.

use eni_wire::{
    ARP_WORDS, ArpPacket, EthernetHeader, FragmentPart, Ipv4, Ipv4Header, Mac, TcpHeader,
    UdpHeader, checksum,
};
use etherparse::{Ipv4HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};
use proptest::prelude::*;

/// Bytes as words of a frame.
fn words<const N: usize>(bytes: &[u8]) -> [u16; N] {
    core::array::from_fn(|word| u16::from_ne_bytes([bytes[2 * word], bytes[2 * word + 1]]))
}

proptest! {
    #[test]
    fn ipv4_headers_read_alike(mut bytes: [u8; 60], plausible: bool) {
        if plausible {
            // Random bytes are hardly ever version 4.
            bytes[0] = 0x45 + bytes[0] % 11;
        }
        let ours = Ipv4Header::from_words(&words(&bytes));
        let Ok(theirs) = Ipv4HeaderSlice::from_slice(&bytes) else {
            prop_assert!(ours.is_err());
            return Ok(());
        };
        let fits = theirs.total_len() >= u16::from(theirs.ihl()) * 4;
        prop_assert_eq!(ours.is_ok(), fits);
        let Ok(ours) = ours else { return Ok(()) };
        prop_assert_eq!(ours.header_length, u32::from(theirs.ihl()) * 4);
        prop_assert_eq!(ours.total_length, u32::from(theirs.total_len()));
        prop_assert_eq!(u16::from_be(ours.identification), theirs.identification());
        prop_assert_eq!(ours.dont_fragment, theirs.dont_fragment());
        let part = match (theirs.fragments_offset().value(), theirs.more_fragments()) {
            (0, false) => FragmentPart::Whole,
            (0, true) => FragmentPart::First,
            _ => FragmentPart::Later,
        };
        prop_assert_eq!(ours.part, part);
        prop_assert_eq!(ours.fragment_offset, u32::from(theirs.fragments_offset().byte_offset()));
        prop_assert_eq!(ours.more_fragments, theirs.more_fragments());
        prop_assert_eq!((ours.time_to_live, ours.protocol), (theirs.ttl(), theirs.protocol().0));
        prop_assert_eq!(ours.source, Ipv4::from(theirs.source_addr()));
        prop_assert_eq!(ours.destination, Ipv4::from(theirs.destination_addr()));
    }

    #[test]
    fn transport_headers_read_alike(mut bytes: [u8; 60]) {
        bytes[12] = 0x50 + (bytes[12] % 11) * 16;
        let theirs = TcpHeaderSlice::from_slice(&bytes).expect("60 bytes hold any TCP header");
        let ours = TcpHeader::from_words(&words(&bytes));
        prop_assert_eq!(ours.source_port.number(), theirs.source_port());
        prop_assert_eq!(ours.destination_port.number(), theirs.destination_port());
        prop_assert_eq!(ours.header_length, u32::from(theirs.data_offset()) * 4);
        let flags = [theirs.fin(), theirs.syn(), theirs.rst(), theirs.ack()];
        prop_assert_eq!([1, 2, 4, 16].map(|flag| ours.flags & flag != 0), flags);
        let theirs = UdpHeaderSlice::from_slice(&bytes).expect("60 bytes hold a UDP header");
        let ours = UdpHeader::from_words(&words(&bytes));
        prop_assert_eq!((ours.source_port.number(), ours.length), (theirs.source_port(), u32::from(theirs.length())));
    }

    #[test]
    fn headers_that_we_write_are_read_with_right_checksums(source: u32, destination: u32, protocol: u8) {
        let header = Ipv4Header {
            header_length: 20,
            total_length: 56,
            identification: 7,
            dont_fragment: true,
            part: FragmentPart::Whole,
            fragment_offset: 0,
            more_fragments: false,
            time_to_live: 64,
            protocol,
            source: Ipv4(source),
            destination: Ipv4(destination),
        };
        let written = header.to_words();
        prop_assert_eq!(Ipv4Header::from_words(&written), Ok(header));
        let bytes: Vec<u8> = written.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let theirs = Ipv4HeaderSlice::from_slice(&bytes).expect("we wrote a header").to_header();
        prop_assert_eq!(theirs.header_checksum, theirs.calc_header_checksum());
    }

    #[test]
    fn updated_checksums_equal_fresh_ones(bytes: [u8; 20], from: u32, to: u32) {
        let mut covered: [u16; 10] = words(&bytes);
        [covered[6], covered[7]] = Ipv4(from).to_words();
        let before = checksum::finish(checksum::sum(&covered));
        [covered[6], covered[7]] = Ipv4(to).to_words();
        let fresh = checksum::finish(checksum::sum(&covered));
        let updated = checksum::replace_address(before, Ipv4(from), Ipv4(to));
        // 0 and 0xffff are the two zeroes of one's complement; only all-zero data sums to the other one.
        prop_assert!(updated == fresh || (updated ^ fresh) == 0xffff && matches!(fresh, 0 | 0xffff));
    }

    #[test]
    fn ethernet_and_arp_survive_being_written(bytes: [u8; 42]) {
        let ethernet = EthernetHeader::from_words(&words(&bytes));
        prop_assert_eq!(ethernet.to_words(), words::<7>(&bytes));
        prop_assert_eq!(ethernet.source, Mac::from_bytes([6, 7, 8, 9, 10, 11].map(|at: usize| bytes[at])));
        let mut arp: [u16; ARP_WORDS] = words(&bytes[14..]);
        [arp[0], arp[1], arp[2]] = [0x0001_u16, 0x0800, 0x0604].map(u16::to_be);
        prop_assert_eq!(ArpPacket::from_words(&arp).map(|packet| packet.to_words()), Some(arp));
        arp[2] = 0x0606_u16.to_be();
        prop_assert_eq!(ArpPacket::from_words(&arp), None);
    }
}
