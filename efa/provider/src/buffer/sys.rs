//! Copies between rings and the program's memory.

use super::{STRETCHES, refusal_of, route_of};
use eni_efa_client::{Endpoint, Payload, Segment, TrySendError};
use eni_efa_messaging::limits::LOCAL_SEGMENT;
use eni_efa_messaging::{Arrival, Body, Buffer, LaneId, RecordHeader, Refusal, Route, Sent, Wire};
use std::sync::Arc;

/// One stretch of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    address: *mut u8,
    length: usize,
}

/// Memory that the program lent for an operation or registered.
#[derive(Clone, Debug)]
pub(crate) enum ProgramBuffer {
    One(Stretch),
    Many {
        stretches: Arc<[Stretch]>,
        length: usize,
    },
}

// SAFETY: the memory is the process's, and whoever made the value promised that it stays.
unsafe impl Send for ProgramBuffer {}

impl ProgramBuffer {
    /// A buffer of one stretch.
    ///
    /// # Safety
    /// The memory is readable, and writable where something is received into it, until the operation that it is for
    /// completes, or the region is deregistered.
    #[inline]
    pub(crate) unsafe fn one(address: *mut u8, length: usize) -> Self {
        Self::One(Stretch { address, length })
    }

    /// A buffer of stretches one after the other; `None` if they are more than [`STRETCHES`].
    ///
    /// # Safety
    /// As [`Self::one`] for each, and `vector` points at `count` of them if `count` is not 0.
    pub(crate) unsafe fn many(vector: *const libc::iovec, count: usize) -> Option<Self> {
        let stretch = |index: usize| {
            // SAFETY: the caller promises `count` elements.
            let element = unsafe { *vector.add(index) };
            Stretch {
                address: element.iov_base.cast(),
                length: element.iov_len,
            }
        };
        match count {
            0 => Some(Self::One(Stretch {
                address: std::ptr::null_mut(),
                length: 0,
            })),
            1 => Some(Self::One(stretch(0))),
            2..=STRETCHES => {
                let stretches: Arc<[Stretch]> = (0..count).map(stretch).collect();
                let length = stretches.iter().map(|stretch| stretch.length).sum();
                Some(Self::Many { stretches, length })
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn stretches(&self) -> &[Stretch] {
        match self {
            Self::One(stretch) => std::slice::from_ref(stretch),
            Self::Many { stretches, .. } => stretches,
        }
    }

    /// Calls `visit` with the pieces of the bytes from `at` to `at + length`, and with what of them came before each.
    #[inline(always)]
    fn pieces(&self, at: usize, length: usize, mut visit: impl FnMut(Stretch, usize)) {
        let (mut skip, mut done) = (at, 0);
        for stretch in self.stretches() {
            if skip >= stretch.length {
                skip -= stretch.length;
                continue;
            }
            let piece = (stretch.length - skip).min(length - done);
            if piece == 0 {
                break;
            }
            let address = stretch.address.wrapping_add(skip);
            visit(
                Stretch {
                    address,
                    length: piece,
                },
                done,
            );
            done += piece;
            skip = 0;
        }
        assert_eq!(done, length, "the engine stays within a buffer's length");
    }
}

impl Buffer for ProgramBuffer {
    #[inline(always)]
    fn len(&self) -> usize {
        match self {
            Self::One(stretch) => stretch.length,
            Self::Many { length, .. } => *length,
        }
    }

    #[inline]
    fn address(&self, at: usize) -> u64 {
        self.stretches()
            .first()
            .map_or(0, |stretch| stretch.address.wrapping_add(at) as u64)
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        self.pieces(at, into.len(), |piece, done| {
            let target = &mut into[done..done + piece.length];
            // SAFETY: the piece is part of memory that the maker of this value promised to be readable.
            unsafe { std::ptr::copy(piece.address, target.as_mut_ptr(), piece.length) };
        });
    }

    fn write(&self, at: usize, from: &[u8]) {
        self.pieces(at, from.len(), |piece, done| {
            let source = &from[done..done + piece.length];
            // SAFETY: the piece is part of memory that the maker of this value promised to be writable.
            unsafe { std::ptr::copy(source.as_ptr(), piece.address, piece.length) };
        });
    }
}

/// A payload in a ring.
pub(crate) struct Arrived<'a>(pub(crate) Payload<'a>);

impl Arrival<ProgramBuffer> for Arrived<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn copy_to(&self, from: usize, into: &mut [u8]) {
        self.0.copy_to(from, into);
    }

    #[inline]
    fn place(&self, from: usize, length: usize, into: &ProgramBuffer, at: usize) {
        into.pieces(at, length, |piece, done| {
            // SAFETY: the piece is part of memory that the maker of `into` promised to be writable.
            unsafe {
                self.0
                    .copy_to_pointer(from + done, piece.address, piece.length)
            };
        });
    }
}

impl Outbound<'_> {
    /// Sends what lies in several places.
    #[inline(never)]
    fn send_pieces(
        &mut self,
        lane: eni_efa_client::LaneId,
        header: &RecordHeader,
        body: &Body<'_, ProgramBuffer>,
        token: u32,
    ) -> Result<eni_efa_client::Sent, TrySendError> {
        const NOTHING: Segment = Segment {
            address: std::ptr::null(),
            length: 0,
        };
        let mut segments = [NOTHING; STRETCHES + 1];
        let mut count = 0;
        if !body.head.is_empty() {
            segments[0] = Segment {
                address: body.head.as_ptr(),
                length: body.head.len(),
            };
            count = 1;
        }
        if let Some(buffer) = body.buffer {
            buffer.pieces(body.from, body.length, |piece, _| {
                segments[count] = Segment {
                    address: piece.address,
                    length: piece.length,
                };
                count += 1;
            });
        }
        // SAFETY: `head` is borrowed, and the makers of buffers promise that their memory is readable.
        unsafe {
            self.lanes
                .try_send_segments(lane, header, &segments[..count], token)
        }
    }
}

/// The lanes of an endpoint, for the engine.
pub(crate) struct Outbound<'a> {
    pub(crate) lanes: &'a mut Endpoint,
    /// Longest datagram to other hosts, in bytes.
    pub(crate) max_transfer: usize,
}

impl Wire<ProgramBuffer> for Outbound<'_> {
    #[inline]
    fn route(&self, lane: LaneId) -> Route {
        route_of(self.lanes.lane_state(eni_efa_client::LaneId(lane.0)))
    }

    #[inline]
    fn longest(&self, route: Route) -> usize {
        match route {
            Route::Remote => self.max_transfer,
            _ => LOCAL_SEGMENT,
        }
    }

    #[inline(always)]
    fn written(&self, lane: LaneId) -> u64 {
        self.lanes.sent(eni_efa_client::LaneId(lane.0))
    }

    #[inline]
    fn consumed(&self, lane: LaneId) -> u64 {
        self.lanes.consumed(eni_efa_client::LaneId(lane.0))
    }

    #[inline(always)]
    fn send(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        body: Body<'_, ProgramBuffer>,
        token: u32,
    ) -> Result<Sent, Refusal> {
        let lane = eni_efa_client::LaneId(lane.0);
        let sent = match body {
            Body {
                head: [],
                buffer: Some(ProgramBuffer::One(stretch)),
                from,
                length,
            } => {
                assert!(
                    from + length <= stretch.length,
                    "the engine stays within a buffer's length"
                );
                let segment = Segment {
                    address: stretch.address.wrapping_add(from),
                    length,
                };
                // SAFETY: makers of buffers promise that their memory is readable.
                unsafe {
                    self.lanes
                        .try_send_segments(lane, header, &[segment], token)
                }
            }
            body => self.send_pieces(lane, header, &body, token),
        };
        match sent {
            Ok(eni_efa_client::Sent::Delivered) => Ok(Sent::InRing),
            Ok(eni_efa_client::Sent::Underway) => Ok(Sent::Underway),
            Err(error) => Err(refusal_of(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_cross_the_borders_of_stretches() {
        let mut memory = [[0u8; 5], [0; 5], [0; 5]];
        let vector: Vec<libc::iovec> = memory
            .iter_mut()
            .zip([3, 0, 5])
            .map(|(part, length)| libc::iovec {
                iov_base: part.as_mut_ptr().cast(),
                iov_len: length,
            })
            .collect();
        // SAFETY: `memory` outlives the buffer, and `vector` has three elements.
        let buffer = unsafe { ProgramBuffer::many(vector.as_ptr(), vector.len()) }.unwrap();
        assert_eq!(buffer.len(), 8);
        buffer.write(1, &[1, 2, 3, 4, 5]);
        let mut back = [0; 8];
        buffer.read(0, &mut back);
        assert_eq!(back, [0, 1, 2, 3, 4, 5, 0, 0]);
        assert_eq!(memory, [[0, 1, 2, 0, 0], [0; 5], [3, 4, 5, 0, 0]]);
    }
}
