//! Vport numbers: which attachment has which.

use alloc::collections::{BTreeMap, BTreeSet};

use eni_abi::MAX_VPORTS;
use eni_types::AttachmentId;

/// The uplink's vport. Interface index 1 is the loopback device's in every namespace.
pub const UPLINK_VPORT: u32 = 2;

/// All vports are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFreeVport;

/// The vport of each attachment. A number stays with its attachment until its device has gone, so that a late packet
/// or a stale table row can never reach another interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VportNumbers {
    numbers: BTreeMap<AttachmentId, u32>,
    taken: BTreeSet<u32>,
}

impl VportNumbers {
    /// The number of an attachment that has one.
    #[must_use]
    pub fn get(&self, attachment: AttachmentId) -> Option<u32> {
        self.numbers.get(&attachment).copied()
    }

    /// Remembers a number found on the machine after a restart.
    pub fn adopt(&mut self, attachment: AttachmentId, vport: u32) {
        self.release(attachment);
        self.numbers.insert(attachment, vport);
        self.taken.insert(vport);
    }

    /// The attachment's number: the one it has, or the lowest free one.
    ///
    /// # Errors
    /// [`NoFreeVport`] when all numbers are taken.
    pub fn assign(&mut self, attachment: AttachmentId) -> Result<u32, NoFreeVport> {
        if let Some(number) = self.get(attachment) {
            return Ok(number);
        }
        let free = (UPLINK_VPORT + 1..MAX_VPORTS)
            .find(|number| !self.taken.contains(number))
            .ok_or(NoFreeVport)?;
        self.adopt(attachment, free);
        Ok(free)
    }

    /// Frees the attachment's number. Only after its device has gone.
    pub fn release(&mut self, attachment: AttachmentId) {
        if let Some(number) = self.numbers.remove(&attachment) {
            self.taken.remove(&number);
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
    }

    #[test]
    fn numbers_end_below_the_size_of_the_vport_table() {
        let mut numbers = VportNumbers::default();
        for number in 3..u64::from(MAX_VPORTS) {
            assert_eq!(
                numbers.assign(attachment(number)).map(u64::from),
                Ok(number)
            );
        }
        assert_eq!(numbers.assign(attachment(0)), Err(NoFreeVport));
    }
}
