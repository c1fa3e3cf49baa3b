//! Frames as guests send them, with right checksums.

use alloc::vec;
use alloc::vec::Vec;
use eni_wire::protocol;

use super::region::{ANNA, BERT, UPLINK, mac, private, router_mac};

/// An IPv4 datagram in an Ethernet frame. Public fields: tests bend them.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each field is the header field of its name")]
pub struct Datagram {
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    pub source: [u8; 4],
    pub destination: [u8; 4],
    pub protocol: u8,
    pub identification: u16,
    /// Flags and fragment offset: 0x4000 is DF, 0x2000 MF.
    pub fragment: u16,
    /// A multiple of four bytes.
    pub options: Vec<u8>,
    /// The transport header, its checksum still zero, and its payload.
    pub payload: Vec<u8>,
}

impl Datagram {
    /// From the guest of `vport` to `destination`: by MAC inside the subnet, else by the router.
    #[must_use]
    pub fn new(vport: u32, destination: [u8; 4], protocol: u8, payload: Vec<u8>) -> Self {
        let neighbour = [ANNA, BERT]
            .into_iter()
            .find(|other| private(*other) == destination);
        let by_mac = neighbour.filter(|_| vport == ANNA || vport == BERT);
        Self {
            destination_mac: by_mac.map_or(router_mac(vport), mac),
            source_mac: mac(vport),
            source: if vport == UPLINK {
                [198, 51, 100, 1]
            } else {
                private(vport)
            },
            destination,
            protocol,
            identification: 7,
            fragment: 0,
            options: Vec::new(),
            payload,
        }
    }

    /// The frame.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        frame.extend(self.destination_mac);
        frame.extend(self.source_mac);
        frame.extend([8, 0]);
        let datagram = self.datagram();
        frame.extend(datagram);
        frame
    }

    /// The datagram without Ethernet header, as ICMP errors embed it.
    #[must_use]
    pub fn datagram(&self) -> Vec<u8> {
        let header_length = 20 + self.options.len();
        let total_length = (header_length + self.payload.len()) as u16;
        let mut header = vec![0x40 | (header_length / 4) as u8, 0];
        header.extend(total_length.to_be_bytes());
        header.extend(self.identification.to_be_bytes());
        header.extend(self.fragment.to_be_bytes());
        header.extend([64, self.protocol, 0, 0]);
        header.extend(self.source);
        header.extend(self.destination);
        header.extend(&self.options);
        let sum = internet_checksum(&header, 0);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut payload = self.payload.clone();
        // A later fragment carries no transport header.
        if self.fragment & 0x1fff == 0
            && let Some(offset) = checksum_offset(self.protocol)
            && payload.len() >= offset + 2
        {
            let sum = internet_checksum(&payload, self.pseudo_sum(payload.len()));
            let sum = as_sent(self.protocol, sum);
            payload[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
        }
        header.extend(payload);
        header
    }

    fn pseudo_sum(&self, length: usize) -> u32 {
        if self.protocol == protocol::ICMP {
            return 0;
        }
        let pseudo = [
            self.source,
            self.destination,
            [0, self.protocol, (length >> 8) as u8, length as u8],
        ];
        words(&pseudo.concat()).sum()
    }
}

/// TCP with `flags` (see [`eni_wire::tcp_flag`]) and ten bytes of payload.
#[must_use]
pub fn tcp(vport: u32, destination: [u8; 4], ports: (u16, u16), flags: u8) -> Datagram {
    let mut payload = Vec::new();
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    payload.extend(*b"0123456789");
    Datagram::new(vport, destination, protocol::TCP, payload)
}

/// UDP with ten bytes of payload.
#[must_use]
pub fn udp(vport: u32, destination: [u8; 4], ports: (u16, u16)) -> Datagram {
    let mut payload = Vec::new();
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend([0, 18, 0, 0]);
    payload.extend(*b"0123456789");
    Datagram::new(vport, destination, protocol::UDP, payload)
}

/// An ICMP echo message (type 8 asks, type 0 answers) with ten bytes of payload.
#[must_use]
pub fn echo(vport: u32, destination: [u8; 4], icmp_type: u8, identifier: u16) -> Datagram {
    let mut payload = vec![icmp_type, 0, 0, 0];
    payload.extend(identifier.to_be_bytes());
    payload.extend([0, 1]);
    payload.extend(*b"0123456789");
    Datagram::new(vport, destination, protocol::ICMP, payload)
}

/// An ICMP error about `datagram`, quoting its header and eight bytes.
#[must_use]
pub fn icmp_error(
    vport: u32,
    destination: [u8; 4],
    type_and_code: [u8; 2],
    datagram: &[u8],
) -> Datagram {
    let [icmp_type, code] = type_and_code;
    let mut payload = vec![icmp_type, code, 0, 0, 0, 0, 0, 0];
    payload.extend(datagram.iter().take(28));
    Datagram::new(vport, destination, protocol::ICMP, payload)
}

/// An ARP request of `vport`.
#[must_use]
pub fn arp_request(vport: u32, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(mac(vport));
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac(vport));
    frame.extend(sender);
    frame.extend([0; 6]);
    frame.extend(target);
    frame
}

/// Makes the IP header's checksum right again, where there is a header: for a frame that was bent.
pub fn repair(frame: &mut [u8]) {
    let Some(first) = frame.get(14) else {
        return;
    };
    let length = usize::from(first & 15) * 4;
    if let Some(header) = frame.get_mut(14..14 + length)
        && length >= 20
    {
        header[10..12].fill(0);
        let sum = internet_checksum(header, 0);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Whether the checksums of an IPv4 frame (unfragmented) are right, those of an embedded IP header too.
#[must_use]
pub fn checksums_hold(frame: &[u8]) -> bool {
    let datagram = &frame[14..];
    let header_length = usize::from(datagram[0] & 15) * 4;
    let total_length = usize::from(datagram[2]) << 8 | usize::from(datagram[3]);
    let (header, payload) = datagram[..total_length].split_at(header_length);
    let protocol = header[9];
    let mut pseudo = 0;
    if protocol != protocol::ICMP {
        let length = payload.len();
        pseudo = words(&header[12..20]).sum::<u32>() + u32::from(protocol) + length as u32;
    }
    let embedded =
        protocol != protocol::ICMP || payload.len() < 28 || !matches!(payload[0], 3 | 11 | 12);
    let absent = protocol == protocol::UDP && payload[6..8] == [0, 0];
    internet_checksum(header, 0) == 0
        && (checksum_offset(protocol).is_none()
            || absent
            || internet_checksum(payload, pseudo) == 0)
        && (embedded || internet_checksum(&payload[8..28], 0) == 0)
}

fn checksum_offset(protocol: u8) -> Option<usize> {
    match protocol {
        protocol::TCP => Some(16),
        protocol::UDP => Some(6),
        protocol::ICMP => Some(2),
        _ => None,
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |last| u32::from(*last)))
}

/// The checksum as a sender writes it: UDP's is never zero, which says that there is none (RFC 768).
pub(super) const fn as_sent(protocol: u8, sum: u16) -> u16 {
    match (protocol, sum) {
        (protocol::UDP, 0) => 0xffff,
        _ => sum,
    }
}

/// The Internet checksum of `bytes` and what has been added up.
pub(super) fn internet_checksum(bytes: &[u8], seed: u32) -> u16 {
    let mut sum: u32 = seed + words(bytes).sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The sum of all words.
pub(super) fn sum_of_words(bytes: &[u8]) -> u32 {
    words(bytes).sum()
}
