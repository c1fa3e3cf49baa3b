//! Between rings and the program's memory.

use eni_efa_client::{Endpoint, LaneId, Payload, RecordHeader, Segment, Sent, TrySendError};
use eni_efa_device::{Copy, MAX_SEND_ENTRIES, Span};

/// Sends a record whose payload lies in the program's memory.
#[inline]
pub(crate) fn try_send(
    endpoint: &mut Endpoint,
    lane: LaneId,
    header: &RecordHeader,
    spans: &[Span],
    request: u32,
) -> Result<Sent, TrySendError> {
    let mut segments = [Segment {
        address: std::ptr::null(),
        length: 0,
    }; MAX_SEND_ENTRIES];
    for (segment, span) in segments.iter_mut().zip(spans) {
        *segment = Segment {
            address: std::ptr::with_exposed_provenance(span.address as usize),
            length: span.length as usize,
        };
    }
    let segments = segments.get(..spans.len()).unwrap_or(&segments);
    // SAFETY: spans lie inside regions that the program has registered and not taken back, by which it promises that
    // the memory is there and that it does not change it while a work request is outstanding.
    unsafe { endpoint.try_send_segments(lane, header, segments, request) }
}

/// Copies what the model tells to copy.
#[inline]
pub(crate) fn copy(payload: &Payload<'_>, copies: &[Copy]) {
    for copy in copies {
        let target = std::ptr::with_exposed_provenance_mut(copy.address as usize);
        // SAFETY: the target lies inside a region that the program has registered for writing and not taken back.
        unsafe { payload.copy_to_pointer(copy.offset as usize, target, copy.length as usize) };
    }
}

/// As [`copy`], from bytes that have been taken out of a ring.
#[cfg(debug_assertions)]
pub(super) fn copy_bytes(payload: &[u8], copies: &[Copy]) {
    for copy in copies {
        let from = &payload[copy.offset as usize..][..copy.length as usize];
        let target: *mut u8 = std::ptr::with_exposed_provenance_mut(copy.address as usize);
        // SAFETY: as for `copy`; `from` has as many bytes.
        unsafe { target.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    }
}
