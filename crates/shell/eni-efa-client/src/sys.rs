//! Sending from memory that Rust knows nothing of.

use eni_efa_abi::RecordHeader;

use crate::{Endpoint, LaneId, Sent, TrySendError};

/// A piece of memory of the program.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Its first byte.
    pub address: *const u8,
    /// Its length in bytes.
    pub length: usize,
}

impl Endpoint {
    /// As [`Endpoint::try_send`], for memory that only its addresses are known of.
    ///
    /// # Errors
    /// [`TrySendError`]; nothing has been sent then.
    ///
    /// # Safety
    /// Every segment is readable until this returns.
    #[inline]
    pub unsafe fn try_send_segments(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        segments: &[Segment],
        request: u32,
    ) -> Result<Sent, TrySendError> {
        let length = segments.iter().map(|segment| segment.length).sum();
        let mut room = self.reserve(lane, length, request)?;
        let mut offset = room.offset;
        for segment in segments {
            // SAFETY: the caller promises that the segment is readable.
            unsafe {
                room.reservation
                    .write_from(offset, segment.address, segment.length)
            };
            offset += segment.length;
        }
        let sent = room.publish(header);
        self.after_send(sent);
        Ok(sent)
    }
}
