//! Vport numbers: which attachment has which.

use alloc::collections::{BTreeMap, BTreeSet};

use eni_abi::SERVICES_VPORT;
use eni_types::AttachmentId;

/// The uplink's vport. Interface index 1 is the loopback device's in every namespace.
pub const UPLINK_VPORT: u32 = 2;

/// The lowest number that an attachment may have.
const FIRST: u32 = UPLINK_VPORT + 1;

/// All vports are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFreeVport;

/// The vport of each attachment. A number stays with its attachment until its device has gone, so that a late packet
/// or a stale table row can never reach another interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VportNumbers {
    numbers: BTreeMap<AttachmentId, u32>,
    attachments: BTreeMap<u32, AttachmentId>,
    /// Free numbers below `unused`.
    free: BTreeSet<u32>,
    /// No number from here on is taken.
    unused: u32,
    /// Numbers are below.
    limit: u32,
}

impl Default for VportNumbers {
    fn default() -> Self {
        Self::below(SERVICES_VPORT)
    }
}

impl VportNumbers {
    /// Numbers below `limit`, none of them taken. Those of a machine are below [`SERVICES_VPORT`].
    #[must_use]
    pub fn below(limit: u32) -> Self {
        Self {
            numbers: BTreeMap::new(),
            attachments: BTreeMap::new(),
            free: BTreeSet::new(),
            unused: FIRST,
            limit,
        }
    }

    /// The number of an attachment that has one.
    #[must_use]
    pub fn get(&self, attachment: AttachmentId) -> Option<u32> {
        self.numbers.get(&attachment).copied()
    }

    /// The attachment that has a number.
    #[must_use]
    pub fn attachment(&self, vport: u32) -> Option<AttachmentId> {
        self.attachments.get(&vport).copied()
    }

    /// Whether an attachment without a number can get one.
    #[must_use]
    pub fn has_free(&self) -> bool {
        !self.free.is_empty() || self.unused < self.limit
    }

    /// Remembers a number found on the machine after a restart.
    pub fn adopt(&mut self, attachment: AttachmentId, vport: u32) {
        self.release(attachment);
        if let Some(other) = self.attachments.insert(vport, attachment) {
            self.numbers.remove(&other);
        }
        self.numbers.insert(attachment, vport);
        self.free.extend(self.unused..vport);
        self.free.remove(&vport);
        self.unused = self.unused.max(vport + 1);
    }

    /// The attachment's number: the one it has, or the lowest free one.
    ///
    /// # Errors
    /// [`NoFreeVport`] when all numbers are taken.
    pub fn assign(&mut self, attachment: AttachmentId) -> Result<u32, NoFreeVport> {
        if let Some(number) = self.get(attachment) {
            return Ok(number);
        }
        let unused = (self.unused < self.limit).then_some(self.unused);
        let free = self.free.first().copied().or(unused).ok_or(NoFreeVport)?;
        self.adopt(attachment, free);
        Ok(free)
    }

    /// Frees the attachment's number. Only after its device has gone.
    pub fn release(&mut self, attachment: AttachmentId) {
        let Some(number) = self.numbers.remove(&attachment) else {
            return;
        };
        self.attachments.remove(&number);
        self.free.insert(number);
        while self.unused > FIRST && self.free.remove(&(self.unused - 1)) {
            self.unused -= 1;
        }
    }

    /// All attachments with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (AttachmentId, u32)> {
        self.numbers
            .iter()
            .map(|(attachment, number)| (*attachment, *number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn attachment(number: u64) -> AttachmentId {
        format!("eni-attach-{number:017x}").parse().unwrap()
    }

    #[test]
    fn an_attachment_keeps_its_number_until_it_is_released() {
        let mut numbers = VportNumbers::default();
        assert_eq!(numbers.assign(attachment(1)), Ok(3));
        assert_eq!(numbers.assign(attachment(2)), Ok(4));
        assert_eq!(numbers.assign(attachment(1)), Ok(3));
        numbers.release(attachment(1));
        assert_eq!(numbers.assign(attachment(3)), Ok(3));
        assert_eq!(numbers.get(attachment(1)), None);
        assert_eq!(numbers.attachment(3), Some(attachment(3)));
    }

    #[test]
    fn numbers_below_an_adopted_one_are_free_and_all_are_when_none_is_taken() {
        let mut numbers = VportNumbers::default();
        numbers.adopt(attachment(1), 6);
        assert_eq!(numbers.assign(attachment(2)), Ok(3));
        assert_eq!(numbers.assign(attachment(3)), Ok(4));
        assert_eq!(numbers.assign(attachment(4)), Ok(5));
        assert_eq!(numbers.assign(attachment(5)), Ok(7));
        numbers.release(attachment(4));
        assert_eq!(numbers.assign(attachment(6)), Ok(5));
        for number in 1..=6 {
            numbers.release(attachment(number));
        }
        assert_eq!(numbers, VportNumbers::default());
    }

    #[test]
    fn numbers_end_below_that_of_the_services() {
        let mut numbers = VportNumbers::default();
        for number in 3..u64::from(SERVICES_VPORT) {
            assert!(numbers.has_free());
            assert_eq!(
                numbers.assign(attachment(number)).map(u64::from),
                Ok(number)
            );
        }
        assert_eq!(numbers.assign(attachment(0)), Err(NoFreeVport));
        assert!(!numbers.has_free());
    }
}
