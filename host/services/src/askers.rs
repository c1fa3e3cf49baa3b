//! Which interface is at which vport.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use eni_types::AttachmentId;

/// The attachments at the vports of this machine. Whoever releases a vport's packets has told of it before.
#[derive(Debug, Default)]
pub struct Askers {
    by_vport: RwLock<BTreeMap<u32, AttachmentId>>,
}

impl Askers {
    /// Forgets all, and knows these.
    pub fn replace(&self, all: impl IntoIterator<Item = (u32, AttachmentId)>) {
        self.write(|known| *known = all.into_iter().collect());
    }

    /// `vport` is that of `attachment` now.
    pub fn add(&self, vport: u32, attachment: AttachmentId) {
        self.write(|known| {
            known.insert(vport, attachment);
        });
    }

    /// `vport` is not that of `attachment` any more.
    pub fn remove(&self, vport: u32, attachment: AttachmentId) {
        self.write(|known| {
            if known.get(&vport) == Some(&attachment) {
                known.remove(&vport);
            }
        });
    }

    /// Whose `vport` is.
    #[must_use]
    pub fn at(&self, vport: u32) -> Option<AttachmentId> {
        // What was begun before a panic is a map all the same.
        let known = self.by_vport.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&vport).copied()
    }

    fn write(&self, change: impl FnOnce(&mut BTreeMap<u32, AttachmentId>)) {
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
        askers.replace([(4, attachment(3))]);
        assert_eq!((askers.at(3), askers.at(4)), (None, Some(attachment(3))));
    }
}
