//! Which interface is at which vport.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use eni_types::{AttachmentId, NetworkInterfaceId};

use crate::held::{Held, HeldConnections};

/// How long connections of endpoints that go may take to be reset: what follows for packets waits meanwhile.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Whose a vport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The guest's of an attachment.
    Attachment(AttachmentId),
    /// That of an endpoint's interface: whoever may send packets there.
    Endpoint(NetworkInterfaceId),
}

/// Who is at the vports of this machine. Whoever releases a vport's packets has told of it before.
#[derive(Debug, Default)]
pub struct Askers {
    by_vport: RwLock<BTreeMap<u32, Asker>>,
    held: Arc<HeldConnections>,
}

impl Askers {
    /// Forgets all, and knows these.
    pub fn replace(&self, all: impl IntoIterator<Item = (u32, Asker)>) {
        self.write(|known| *known = all.into_iter().collect());
    }

    /// `vport` is that of `attachment` now.
    pub fn add(&self, vport: u32, attachment: AttachmentId) {
        self.add_asker(vport, Asker::Attachment(attachment));
    }

    /// `vport` is not that of `attachment` any more.
    pub fn remove(&self, vport: u32, attachment: AttachmentId) {
        self.remove_asker(vport, Asker::Attachment(attachment));
    }

    /// `vport` is that of `asker` now.
    pub fn add_asker(&self, vport: u32, asker: Asker) {
        self.write(|known| {
            known.insert(vport, asker);
        });
    }

    /// `vport` is not that of `asker` any more.
    pub fn remove_asker(&self, vport: u32, asker: Asker) {
        self.write(|known| {
            if known.get(&vport) == Some(&asker) {
                known.remove(&vport);
            }
        });
    }

    /// The connections of these endpoints' vports are reset, as long as their packets still have a way: see
    /// [`Askers::remove_asker`], which comes first. Without an end their clients would wait for packets that nobody sends.
    pub fn end_connections(&self, vports: &[u32]) {
        if !vports.is_empty() {
            self.held.end(vports, LAST_WORDS);
        }
    }

    /// A connection by an endpoint's vport begins. Before it is asked whose that is: who goes meanwhile is heard of.
    pub(crate) fn hold(&self, vport: u32) -> Held {
        self.held.hold(vport)
    }

    /// The attachment at `vport`.
    #[must_use]
    pub fn at(&self, vport: u32) -> Option<AttachmentId> {
        match self.asker_at(vport)? {
            Asker::Attachment(id) => Some(id),
            Asker::Endpoint(_) => None,
        }
    }

    /// Whose `vport` is.
    #[must_use]
    pub fn asker_at(&self, vport: u32) -> Option<Asker> {
        // What was begun before a panic is a map all the same.
        let known = self.by_vport.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&vport).copied()
    }

    fn write(&self, change: impl FnOnce(&mut BTreeMap<u32, Asker>)) {
        let known = self.by_vport.write();
        change(&mut known.unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vport_is_the_last_ones_that_got_it() {
        let attachment =
            |number: u64| -> AttachmentId { format!("eni-attach-{number:017x}").parse().unwrap() };
        let askers = Askers::default();
        askers.add(3, attachment(1));
        askers.add(3, attachment(2));
        // Told late of the one before.
        askers.remove(3, attachment(1));
        assert_eq!(askers.at(3), Some(attachment(2)));
        askers.remove(3, attachment(2));
        assert_eq!(askers.at(3), None);
        askers.replace([(4, Asker::Attachment(attachment(3)))]);
        assert_eq!((askers.at(3), askers.at(4)), (None, Some(attachment(3))));
    }
}
