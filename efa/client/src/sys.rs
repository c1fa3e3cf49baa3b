//! Sending from memory that Rust knows nothing of.

use eni_efa_abi::RecordHeader;
use eni_efa_channel::Reservation;

use crate::endpoint::Fill;
use crate::{Endpoint, LaneId, Sent, TrySendError};

/// A piece of memory of the program.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Its first byte.
    pub address: *const u8,
    /// Its length in bytes.
    pub length: usize,
}

/// Segments that are readable: whoever makes the value promises that.
struct Segments<'a>(&'a [Segment]);

impl Fill for Segments<'_> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.0.iter().map(|segment| segment.length).sum()
    }

    #[inline(always)]
    fn fill(&self, room: &mut Reservation<'_>, mut offset: usize) {
        for segment in self.0 {
            // SAFETY: whoever made the value knew the segments to be readable.
            unsafe { room.write_from(offset, segment.address, segment.length) };
            offset += segment.length;
        }
    }
}

impl Endpoint {
    /// As [`Endpoint::try_send`], for memory that only its addresses are known of.
    ///
    /// # Errors
    /// [`TrySendError`]; nothing has been sent then.
    ///
    /// # Safety
    /// Every segment is readable until this returns.
    #[inline(always)]
    pub unsafe fn try_send_segments(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        segments: &[Segment],
        request: u32,
    ) -> Result<Sent, TrySendError> {
        self.send_with(lane, header, &Segments(segments), request)
    }
}
