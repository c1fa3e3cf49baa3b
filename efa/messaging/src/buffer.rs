//! What the shell provides: memory of the program, payloads that arrived, and lanes.

use crate::record::{LaneId, RecordHeader};

/// Memory of the program, opaque here: one stretch or several, in the order in which the program named them.
///
/// Whoever makes a value promises that the memory stays until the operation that it was made for completes.
pub trait Buffer: Clone {
    /// Bytes in all.
    fn len(&self) -> usize;
    /// Whether there is no byte in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Address of the byte at `at`, for completions that name it.
    fn address(&self, at: usize) -> u64;
    /// Copies from `at` on; `at + into.len()` is at most [`Self::len`].
    fn read(&self, at: usize, into: &mut [u8]);
    /// Copies to `at` on; `at + from.len()` is at most [`Self::len`].
    fn write(&self, at: usize, from: &[u8]);
}

/// The payload of a record that arrived. Its bytes may change at any time until the record is consumed.
pub trait Arrival<B> {
    /// Bytes in all.
    fn len(&self) -> usize;
    /// Whether there is no byte in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies from `from` on; `from + into.len()` is at most [`Self::len`].
    fn copy_to(&self, from: usize, into: &mut [u8]);
    /// Copies `length` bytes from `from` on to `at` of `into`; both stretches lie within their ends.
    fn place(&self, from: usize, length: usize, into: &B, at: usize);
}

/// Records that waited for a missing one, and atomics' results, are plain bytes.
impl<B: Buffer> Arrival<B> for &[u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }
    fn copy_to(&self, from: usize, into: &mut [u8]) {
        into.copy_from_slice(&self[from..from + into.len()]);
    }
    fn place(&self, from: usize, length: usize, into: &B, at: usize) {
        into.write(at, &self[from..from + length]);
    }
}

/// Payload of a record to send: `head`, then `length` bytes of `buffer` from `from` on.
#[derive(Debug)]
pub struct Body<'a, B> {
    /// Bytes of our own.
    pub head: &'a [u8],
    /// Bytes of the program.
    pub buffer: Option<&'a B>,
    /// First byte of `buffer`.
    pub from: usize,
    /// Bytes of `buffer`.
    pub length: usize,
}

impl<'a, B> Body<'a, B> {
    /// `length` bytes of the program's buffer, from `from` on.
    #[inline]
    pub fn of(buffer: &'a B, from: usize, length: usize) -> Self {
        Self {
            head: &[],
            buffer: Some(buffer),
            from,
            length,
        }
    }

    /// Bytes of our own.
    #[inline]
    pub fn bytes(head: &'a [u8]) -> Self {
        Self {
            head,
            buffer: None,
            from: 0,
            length: 0,
        }
    }
}

/// Where a lane leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Nowhere yet.
    Connecting,
    /// To an endpoint of this host: the peer reads what the ring takes, in order.
    Local,
    /// To another host: what the ring takes is underway, and may be overtaken.
    Remote,
    /// Nowhere any more.
    Broken(crate::Fault),
}

/// What became of a record that a [`Wire`] accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It lies in the peer's ring and ends at [`Wire::written`]; it is delivered once the peer has consumed up to there.
    InRing,
    /// Its token comes back through [`crate::Engine::on_delivery`].
    Underway,
}

/// Why a [`Wire`] did not accept a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No room, or the lane is still connecting: try again.
    Again,
    /// The lane is broken.
    Broken(crate::Fault),
}

/// The lanes of one endpoint.
pub trait Wire<B> {
    /// Where `lane` leads by now.
    fn route(&self, lane: LaneId) -> Route;
    /// Longest payload of a record along an open `route`, in bytes: at least twice [`crate::limits::PREFIX`], at most
    /// [`crate::limits::LOCAL_SEGMENT`].
    fn longest(&self, route: Route) -> usize;
    /// Where the last record on a lane within the host ends, on a scale of the lane's own that only grows.
    fn written(&self, lane: LaneId) -> u64;
    /// Up to where the peer of a lane within the host has consumed its records, or had when the lane broke.
    fn consumed(&self, lane: LaneId) -> u64;
    /// Puts one record on `lane`. `token` comes back when it is [`Sent::Underway`] and arrived or failed.
    ///
    /// # Errors
    /// [`Refusal`]; the record was not sent.
    fn send(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        body: Body<'_, B>,
        token: u32,
    ) -> Result<Sent, Refusal>;
}
