//! Packets: the header, the handshake's body, and a writer that cannot write past its buffer.
//!
//! All integers are in network byte order. `docs/SRD.md` has the layouts.

/// The version in the first byte's upper half.
pub(crate) const VERSION: u8 = 1;
/// Bytes of the header of every packet.
pub(crate) const HEADER_BYTES: usize = 24;
/// Bytes of a handshake packet's body.
pub(crate) const HELLO_BYTES: usize = 76;
/// Bytes that sealing adds.
pub const SEAL_BYTES: usize = 16;
/// The packet is sealed under the session's key.
pub(crate) const FLAG_SEALED: u8 = 1;
/// The sender cannot go on before it hears an acknowledgement.
pub(crate) const FLAG_ACK_NOW: u8 = 2;
const KNOWN_FLAGS: u8 = FLAG_SEALED | FLAG_ACK_NOW;

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The datagram ends before the field.
    #[error("the packet is cut short")]
    Short,
    /// Another version of the protocol.
    #[error("version {0} of the protocol is not known")]
    Version(u8),
    /// An unknown kind of packet.
    #[error("packet kind {0} is not known")]
    Kind(u8),
    /// A field that must be zero, or is out of its range.
    #[error("a field is out of range")]
    Range,
    /// An unknown kind of frame.
    #[error("frame kind {0} is not known")]
    Frame(u8),
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Asks for a session.
    Hello,
    /// Offers a session to the sender of a hello.
    Offer,
    /// Carries frames within a session.
    Frames,
}

/// The first 24 bytes of every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    pub(crate) path: u8,
    pub(crate) handle: u32,
    pub(crate) session_tag: u64,
    pub(crate) packet_number: u64,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (fixed, rest) = bytes
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(Malformed::Short)?;
        let [first, path, flags, reserved, ..] = *fixed;
        if first >> 4 != VERSION {
            return Err(Malformed::Version(first >> 4));
        }
        let kind = match first & 0xf {
            0 => Kind::Hello,
            1 => Kind::Offer,
            2 => Kind::Frames,
            other => return Err(Malformed::Kind(other)),
        };
        if reserved != 0 || flags & !KNOWN_FLAGS != 0 || path >= crate::MAX_PATHS {
            return Err(Malformed::Range);
        }
        let mut reader = Reader(&fixed[4..]);
        let header = Self {
            kind,
            flags,
            path,
            handle: reader.u32()?,
            session_tag: reader.u64()?,
            packet_number: reader.u64()?,
        };
        Ok((header, rest))
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let kind = match self.kind {
            Kind::Hello => 0,
            Kind::Offer => 1,
            Kind::Frames => 2,
        };
        writer.put(&[VERSION << 4 | kind, self.path, self.flags, 0]);
        writer.put(&self.handle.to_be_bytes());
        writer.put(&self.session_tag.to_be_bytes());
        writer.put(&self.packet_number.to_be_bytes());
    }
}

/// Names an incarnation of one end of a connection: 128 random bits, made anew for every session.
pub(crate) type Nonce = u128;

/// The body of hello and offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) nonce: Nonce,
    /// In an offer, the nonce of the hello that it answers.
    pub(crate) peer_nonce: Nonce,
    pub(crate) source_interface: [u8; 16],
    pub(crate) destination_interface: [u8; 16],
    pub(crate) handle: u32,
    pub(crate) credit_bytes: u32,
    pub(crate) max_datagram_bytes: u16,
    pub(crate) window_log2: u8,
    pub(crate) paths: u8,
}

impl Hello {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (fixed, rest) = bytes
            .split_at_checked(HELLO_BYTES)
            .ok_or(Malformed::Short)?;
        let mut reader = Reader(fixed);
        let hello = Self {
            nonce: u128::from_be_bytes(reader.array()?),
            peer_nonce: u128::from_be_bytes(reader.array()?),
            source_interface: reader.array()?,
            destination_interface: reader.array()?,
            handle: reader.u32()?,
            credit_bytes: reader.u32()?,
            max_datagram_bytes: reader.u16()?,
            window_log2: reader.u8()?,
            paths: reader.u8()?,
        };
        let sound = hello.nonce != 0
            && (crate::MIN_DATAGRAM_BYTES..=crate::MAX_DATAGRAM_BYTES)
                .contains(&usize::from(hello.max_datagram_bytes))
            && (crate::MIN_WINDOW_LOG2..=crate::MAX_WINDOW_LOG2).contains(&hello.window_log2)
            && (1..=crate::MAX_PATHS).contains(&hello.paths);
        if sound {
            Ok((hello, rest))
        } else {
            Err(Malformed::Range)
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.put(&self.nonce.to_be_bytes());
        writer.put(&self.peer_nonce.to_be_bytes());
        writer.put(&self.source_interface);
        writer.put(&self.destination_interface);
        writer.put(&self.handle.to_be_bytes());
        writer.put(&self.credit_bytes.to_be_bytes());
        writer.put(&self.max_datagram_bytes.to_be_bytes());
        writer.put(&[self.window_log2, self.paths]);
    }
}

/// What marks the packets that `source` sends to `destination` in their session: half of each nonce, so that it differs
/// between the directions and between any two sessions.
pub(crate) fn session_tag(source: Nonce, destination: Nonce) -> u64 {
    let high = (source >> 64) as u64;
    let low = destination as u64;
    high ^ low
}

/// Whom a datagram is for, read before any connection is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// A peer asks for a session between these two interfaces.
    Interfaces {
        /// The sender's.
        source: [u8; 16],
        /// The receiver's.
        destination: [u8; 16],
    },
    /// The connection whose [`Config::local_handle`](crate::Config::local_handle) this is.
    Handle(u32),
}

/// Reads whom `datagram` is for; nothing about it is verified yet.
///
/// # Errors
/// [`Malformed`] where it is no packet of this protocol.
pub fn addressee(datagram: &[u8]) -> Result<Addressee, Malformed> {
    let (header, rest) = Header::parse(datagram)?;
    match header.kind {
        Kind::Hello => {
            let (hello, _) = Hello::parse(rest)?;
            Ok(Addressee::Interfaces {
                source: hello.source_interface,
                destination: hello.destination_interface,
            })
        }
        Kind::Offer | Kind::Frames => Ok(Addressee::Handle(header.handle)),
    }
}

/// Takes integers off the front of bytes.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Puts bytes into a buffer up to a limit. Callers ask for [`Writer::room`] first; what does not fit is a bug of theirs.
pub(crate) struct Writer<'a> {
    buffer: &'a mut [u8],
    written: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, written: 0 }
    }

    pub(crate) fn room(&self) -> usize {
        self.buffer.len() - self.written
    }

    pub(crate) fn written(&self) -> usize {
        self.written
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let place = self.buffer[self.written..].get_mut(..bytes.len());
        debug_assert!(place.is_some(), "the caller asked for room");
        if let Some(place) = place {
            place.copy_from_slice(bytes);
            self.written += bytes.len();
        }
    }

    /// Overwrites one byte that was put before.
    pub(crate) fn set_byte(&mut self, at: usize, value: u8) {
        if let Some(byte) = self.buffer[..self.written].get_mut(at) {
            *byte = value;
        }
    }
}

/// The 64-bit number whose low half is `low` and which is nearest to `reference`; nothing where it would be negative.
pub(crate) fn expand(low: u32, reference: u64) -> Option<u64> {
    let distance = low.wrapping_sub(reference as u32).cast_signed();
    reference.checked_add_signed(i64::from(distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_expand_to_the_nearest() {
        let cases = [
            // low half, reference, want
            (5, 3, Some(5)),
            (u32::MAX, 3, None),
            (u32::MAX, 1 << 32, Some((1 << 32) - 1)),
            (0, (1 << 32) - 1, Some(1 << 32)),
            (7, (3 << 32) + 9, Some((3 << 32) + 7)),
        ];
        for (low, reference, want) in cases {
            assert_eq!(expand(low, reference), want, "{low} near {reference}");
        }
    }

    #[test]
    fn headers_and_hellos_read_as_they_were_written() {
        let header = Header {
            kind: Kind::Offer,
            flags: FLAG_SEALED,
            path: 63,
            handle: 0x0102_0304,
            session_tag: u64::MAX - 1,
            packet_number: 77,
        };
        let hello = Hello {
            nonce: 1 << 100,
            peer_nonce: 2,
            source_interface: [3; 16],
            destination_interface: [4; 16],
            handle: 5,
            credit_bytes: 6,
            max_datagram_bytes: 512,
            window_log2: 6,
            paths: 64,
        };
        let mut buffer = [0; HEADER_BYTES + HELLO_BYTES];
        let mut writer = Writer::new(&mut buffer);
        header.write(&mut writer);
        hello.write(&mut writer);
        assert_eq!(writer.room(), 0);
        let (read, rest) = Header::parse(&buffer).unwrap();
        assert_eq!(read, header);
        assert_eq!(Hello::parse(rest), Ok((hello, &[][..])));
        for length in 0..buffer.len() {
            let whole = Header::parse(&buffer[..length]).and_then(|(_, rest)| Hello::parse(rest));
            assert_eq!(whole, Err(Malformed::Short));
        }
        buffer[3] = 1;
        assert_eq!(Header::parse(&buffer), Err(Malformed::Range));
    }
}
