//! Frames: the parts of a packet of a session.

use crate::message::MAX_MESSAGE_HEADER_BYTES;
use crate::wire::{Malformed, Reader, Writer};

/// Bytes of a message frame before the application's header.
pub(crate) const MESSAGE_FRAME_BYTES: usize = 12;
pub(crate) const CANCEL_FRAME_BYTES: usize = 8;
pub(crate) const PING_FRAME_BYTES: usize = 4;
const ACK_FRAME_BYTES: usize = 8;
const ECHO_BYTES: usize = 8;
const WORD_BYTES: usize = 12;
const NACK_FRAME_BYTES: usize = 8;
const VERDICT_BYTES: usize = 8;

/// Most round-trip echoes in one acknowledgement, our choice: paths rotate, so few are touched between two.
pub(crate) const MAX_ECHOES: usize = 8;
/// Most words of packet numbers in one acknowledgement, our choice: 512 packets.
pub(crate) const MAX_WORDS: usize = 8;
/// Most bytes of an acknowledgement frame.
pub(crate) const MAX_ACK_FRAME_BYTES: usize =
    ACK_FRAME_BYTES + MAX_ECHOES * ECHO_BYTES + MAX_WORDS * WORD_BYTES;
/// A unit of [`Echo::held`].
pub(crate) const HOLD_UNIT_NANOS: u64 = 64;

const PADDING: u8 = 0;
const MESSAGE: u8 = 1;
const CANCEL: u8 = 2;
const ACK: u8 = 3;
const NACK: u8 = 4;
const PING: u8 = 5;
const CLOSE: u8 = 6;

/// One frame, borrowed from its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Message {
        /// Low half of the sequence number.
        sequence: u32,
        queue_pair: u32,
        header: &'a [u8],
        payload: &'a [u8],
    },
    /// The sender has given this message up; its number is used.
    Cancel {
        sequence: u32,
    },
    Ack(Ack<'a>),
    Nack(Nack<'a>),
    Ping,
    Close,
}

/// Packets that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack<'a> {
    /// Most bytes that the sender of messages may have under way.
    pub(crate) credit_bytes: u32,
    echoes: &'a [u8],
    words: &'a [u8],
}

/// The latest packet of one path, for its round-trip time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) path: u8,
    /// How long the receiver kept it, in [`HOLD_UNIT_NANOS`].
    pub(crate) held: u16,
    /// Low half of its number.
    pub(crate) packet_number: u32,
}

/// 64 packet numbers and which of them arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// Low half of the first number divided by 64.
    pub(crate) index: u32,
    pub(crate) bits: u64,
}

impl<'a> Ack<'a> {
    pub(crate) fn echoes(&self) -> impl Iterator<Item = Echo> + use<'a> {
        self.echoes.as_chunks::<ECHO_BYTES>().0.iter().map(|chunk| {
            let [path, _, h0, h1, n0, n1, n2, n3] = *chunk;
            Echo {
                path,
                held: u16::from_be_bytes([h0, h1]),
                packet_number: u32::from_be_bytes([n0, n1, n2, n3]),
            }
        })
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = Word> + use<'a> {
        self.words.as_chunks::<WORD_BYTES>().0.iter().map(|chunk| {
            let [i0, i1, i2, i3, b0, b1, b2, b3, b4, b5, b6, b7] = *chunk;
            Word {
                index: u32::from_be_bytes([i0, i1, i2, i3]),
                bits: u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
            }
        })
    }
}

/// Bytes that an acknowledgement of this many entries takes.
pub(crate) fn ack_bytes(echoes: usize, words: usize) -> usize {
    ACK_FRAME_BYTES + echoes * ECHO_BYTES + words * WORD_BYTES
}

pub(crate) fn write_ack(
    credit_bytes: u32,
    echoes: &[Echo],
    words: &[Word],
    writer: &mut Writer<'_>,
) {
    debug_assert!(echoes.len() <= MAX_ECHOES && words.len() <= MAX_WORDS);
    writer.put(&[ACK, echoes.len() as u8, words.len() as u8, 0]);
    writer.put(&credit_bytes.to_be_bytes());
    for echo in echoes {
        writer.put(&[echo.path, 0]);
        writer.put(&echo.held.to_be_bytes());
        writer.put(&echo.packet_number.to_be_bytes());
    }
    for word in words {
        writer.put(&word.index.to_be_bytes());
        writer.put(&word.bits.to_be_bytes());
    }
}

/// A packet that arrived and whose messages were taken, except some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nack<'a> {
    /// Low half of the packet's number.
    pub(crate) packet_number: u32,
    verdicts: &'a [u8],
}

/// Why one message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Low half of the message's sequence number.
    pub(crate) sequence: u32,
    /// The refusal's code, or nothing where the receiver is only not ready.
    pub(crate) refused: Option<u8>,
}

impl<'a> Nack<'a> {
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = Verdict> + use<'a> {
        self.verdicts
            .as_chunks::<VERDICT_BYTES>()
            .0
            .iter()
            .map(|chunk| {
                let [s0, s1, s2, s3, refused, code, _, _] = *chunk;
                Verdict {
                    sequence: u32::from_be_bytes([s0, s1, s2, s3]),
                    refused: (refused != 0).then_some(code),
                }
            })
    }
}

/// Bytes that a negative acknowledgement of this many messages takes.
pub(crate) fn nack_bytes(verdicts: usize) -> usize {
    NACK_FRAME_BYTES + verdicts * VERDICT_BYTES
}

pub(crate) fn write_nack(packet_number: u32, verdicts: &[Verdict], writer: &mut Writer<'_>) {
    let count = u16::try_from(verdicts.len()).unwrap_or(u16::MAX);
    writer.put(&[NACK, 0]);
    writer.put(&count.to_be_bytes());
    writer.put(&packet_number.to_be_bytes());
    for verdict in &verdicts[..usize::from(count)] {
        writer.put(&verdict.sequence.to_be_bytes());
        writer.put(&[
            u8::from(verdict.refused.is_some()),
            verdict.refused.unwrap_or(0),
            0,
            0,
        ]);
    }
}

/// Bytes that a message frame takes.
pub(crate) const fn message_bytes(header: usize, payload: usize) -> usize {
    MESSAGE_FRAME_BYTES + header + payload
}

/// The caller keeps `header` and `payload` within the limits of a message.
pub(crate) fn write_message(
    sequence: u32,
    queue_pair: u32,
    header: &[u8],
    payload: &[u8],
    writer: &mut Writer<'_>,
) {
    writer.put(&[MESSAGE, header.len() as u8]);
    writer.put(&(payload.len() as u16).to_be_bytes());
    writer.put(&sequence.to_be_bytes());
    writer.put(&queue_pair.to_be_bytes());
    writer.put(header);
    writer.put(payload);
}

pub(crate) fn write_cancel(sequence: u32, writer: &mut Writer<'_>) {
    writer.put(&[CANCEL, 0, 0, 0]);
    writer.put(&sequence.to_be_bytes());
}

pub(crate) fn write_ping(writer: &mut Writer<'_>) {
    writer.put(&[PING, 0, 0, 0]);
}

pub(crate) fn write_close(writer: &mut Writer<'_>) {
    writer.put(&[CLOSE, 0, 0, 0]);
}

/// The frames of a packet, in order. After an error there are no more.
pub(crate) struct Frames<'a>(Reader<'a>);

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(Reader(bytes))
    }

    fn frame(&mut self) -> Result<Option<Frame<'a>>, Malformed> {
        let reader = &mut self.0;
        let Ok(kind) = reader.u8() else {
            return Ok(None);
        };
        Ok(Some(match kind {
            PADDING => return Ok(None),
            MESSAGE => {
                let header = usize::from(reader.u8()?);
                let payload = usize::from(reader.u16()?);
                if header > MAX_MESSAGE_HEADER_BYTES || payload > crate::MAX_PAYLOAD_BYTES {
                    return Err(Malformed::Range);
                }
                Frame::Message {
                    sequence: reader.u32()?,
                    queue_pair: reader.u32()?,
                    header: reader.bytes(header)?,
                    payload: reader.bytes(payload)?,
                }
            }
            CANCEL => {
                reader.array::<3>()?;
                Frame::Cancel {
                    sequence: reader.u32()?,
                }
            }
            ACK => {
                let [echoes, words, _] = reader.array()?;
                if usize::from(echoes) > MAX_ECHOES || usize::from(words) > MAX_WORDS {
                    return Err(Malformed::Range);
                }
                Frame::Ack(Ack {
                    credit_bytes: reader.u32()?,
                    echoes: reader.bytes(usize::from(echoes) * ECHO_BYTES)?,
                    words: reader.bytes(usize::from(words) * WORD_BYTES)?,
                })
            }
            NACK => {
                reader.u8()?;
                let count = usize::from(reader.u16()?);
                Frame::Nack(Nack {
                    packet_number: reader.u32()?,
                    verdicts: reader.bytes(count * VERDICT_BYTES)?,
                })
            }
            PING => {
                reader.array::<3>()?;
                Frame::Ping
            }
            CLOSE => {
                reader.array::<3>()?;
                Frame::Close
            }
            other => return Err(Malformed::Frame(other)),
        }))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.frame().transpose();
        if !matches!(frame, Some(Ok(_))) {
            self.0 = Reader(&[]);
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn frames_read_as_they_were_written() {
        let mut buffer = [0; 512];
        let mut writer = Writer::new(&mut buffer);
        let echoes = [Echo {
            path: 3,
            held: 7,
            packet_number: 99,
        }];
        let words = [Word {
            index: 5,
            bits: 1 << 63,
        }];
        let verdicts = [
            Verdict {
                sequence: 4,
                refused: None,
            },
            Verdict {
                sequence: 6,
                refused: Some(0),
            },
        ];
        write_ack(1_234, &echoes, &words, &mut writer);
        write_nack(17, &verdicts, &mut writer);
        write_message(1, 2, b"header", b"payload", &mut writer);
        write_cancel(3, &mut writer);
        write_ping(&mut writer);
        write_close(&mut writer);
        let sizes = ack_bytes(1, 1)
            + nack_bytes(2)
            + message_bytes(6, 7)
            + CANCEL_FRAME_BYTES
            + 2 * PING_FRAME_BYTES;
        assert_eq!(writer.written(), sizes);
        // The rest of the buffer is padding.
        let frames: Vec<Frame<'_>> = Frames::new(&buffer).collect::<Result<_, _>>().unwrap();
        let [
            Frame::Ack(ack),
            Frame::Nack(nack),
            message,
            cancel,
            Frame::Ping,
            Frame::Close,
        ] = frames[..]
        else {
            panic!("{frames:?}");
        };
        assert_eq!(ack.credit_bytes, 1_234);
        assert!(ack.echoes().eq(echoes) && ack.words().eq(words));
        assert!(nack.packet_number == 17 && nack.verdicts().eq(verdicts));
        let (header, payload): (&[u8], &[u8]) = (b"header", b"payload");
        assert_eq!(
            message,
            Frame::Message {
                sequence: 1,
                queue_pair: 2,
                header,
                payload
            }
        );
        assert_eq!(cancel, Frame::Cancel { sequence: 3 });
    }

    #[test]
    fn what_is_cut_short_or_out_of_range_is_no_frame() {
        let cases: [(&[u8], Malformed); 6] = [
            (&[MESSAGE], Malformed::Short),
            (&[MESSAGE, 49, 0, 0], Malformed::Range),
            (&[MESSAGE, 0, 0x23, 0x21], Malformed::Range), // 8,993
            (
                &[MESSAGE, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
                Malformed::Short,
            ),
            (&[ACK, 9, 0, 0], Malformed::Range),
            (&[7], Malformed::Frame(7)),
        ];
        for (bytes, want) in cases {
            let mut frames = Frames::new(bytes);
            assert_eq!(frames.next(), Some(Err(want)), "{bytes:?}");
            assert_eq!(frames.next(), None);
        }
    }
}
