//! Documents that are written a piece at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use eni_model::Action;
use eni_model::describe::Listing;
use eni_region::{Region, Snapshot};

use crate::{Fault, xml};

/// A piece is complete when it is as long: some forty interfaces, which take a fraction of a millisecond.
pub(crate) const PIECE_BYTES: usize = 64 << 10;
/// A piece is also complete after so many rows have been looked at, of which filters may let few pass: about as long.
const PIECE_ROWS: usize = 2_048;
/// Rows that are looked at before a piece's length is asked again.
const STEP_ROWS: usize = 16;

/// What is answered.
pub(crate) enum Document {
    /// All of it.
    Whole(String),
    /// All of it, of a call that has changed something: it is not refused any more.
    Done(String),
    /// Its beginning, and what writes the rest.
    Begun(String, Box<dyn Pieces>),
}

/// A document whose beginning has been written.
pub(crate) trait Pieces: Send {
    /// The next piece; with `None`, the piece was the last.
    fn next(self: Box<Self>) -> Result<(String, Option<Box<dyn Pieces>>), Fault>;
}

/// The answer to one listing, of one moment of the region.
struct Listed<O: Action> {
    listing: Box<dyn Listing<O::Response>>,
    region: Arc<Region>,
    snapshot: Arc<Snapshot>,
    request_id: String,
    is_begun: bool,
}

/// Begins the answer to a listing.
pub(crate) fn begin<O: Action>(
    listing: Box<dyn Listing<O::Response>>,
    region: Arc<Region>,
    snapshot: Arc<Snapshot>,
    request_id: &str,
) -> Result<Document, Fault> {
    let listed = Listed::<O> {
        listing,
        region,
        snapshot,
        request_id: request_id.into(),
        is_begun: false,
    };
    let (text, rest) = Box::new(listed).next()?;
    Ok(match rest {
        None => Document::Whole(text),
        Some(rest) => Document::Begun(text, rest),
    })
}

impl<O: Action> Listed<O> {
    /// Writes a piece; whether it is the last.
    fn write(&mut self, out: &mut String) -> Result<bool, xml::XmlError> {
        let (world, settings) = (self.snapshot.world(), self.region.settings());
        let mut rows = 0;
        while out.len() < PIECE_BYTES && rows < PIECE_ROWS {
            rows += STEP_ROWS;
            let part = self.listing.next(world, settings, STEP_ROWS);
            // A list that has no members at all is not opened.
            if part.is_empty && !part.is_last {
                continue;
            }
            let place = xml::Part {
                is_first: !self.is_begun,
                is_last: part.is_last,
            };
            xml::ec2_response_part(O::NAME, &self.request_id, &part.answer, place, out)?;
            self.is_begun = true;
            if part.is_last {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<O: Action> Pieces for Listed<O> {
    fn next(mut self: Box<Self>) -> Result<(String, Option<Box<dyn Pieces>>), Fault> {
        let mut text = String::new();
        if self.is_begun {
            text.reserve(PIECE_BYTES + PIECE_BYTES / 4);
        }
        let is_last =
            guarded(|| self.write(&mut text))?.map_err(|error| Fault::internal(&error))?;
        Ok((text, (!is_last).then_some(self as _)))
    }
}

/// What `work` gives. A panic in it is a fault of ours: it sees the world through a shared reference, and what it has
/// changed is thrown away.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_panic| Fault::internal(&std::io::Error::other("a listing panicked")))
}
