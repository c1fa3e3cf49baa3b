//! Address vectors: the program's numbers for endpoints.

pub(crate) mod sys;

use eni_efa_client::{Gid, Peer};
use std::collections::HashMap;

/// Bytes of an endpoint's address: a mark, the device's GID, the number on the device, and room.
pub(crate) const ADDRESS: usize = 32;
/// Begins every address of this provider, version 1 of their format.
const MARK: [u8; 4] = *b"ENI1";
/// Entries of one address vector.
const MAX_ENTRIES: usize = 1 << 20;

/// An address as programs exchange it.
pub(crate) fn to_bytes(peer: Peer) -> [u8; ADDRESS] {
    let mut bytes = [0; ADDRESS];
    bytes[..4].copy_from_slice(&MARK);
    bytes[4..20].copy_from_slice(&peer.gid.0);
    bytes[20..24].copy_from_slice(&peer.queue_pair.to_le_bytes());
    bytes
}

/// Whom an address names; `None` where it is no address of this provider.
pub(crate) fn from_bytes(bytes: &[u8; ADDRESS]) -> Option<Peer> {
    if bytes[..4] != MARK {
        return None;
    }
    let mut gid = [0; 16];
    gid.copy_from_slice(&bytes[4..20]);
    let queue_pair = u32::from_le_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]);
    Some(Peer {
        gid: Gid(gid),
        queue_pair,
    })
}

/// Numbers for peers. A number is not used again, so that one that was removed never means another peer.
#[derive(Debug, Default)]
pub(crate) struct AddressVector {
    entries: Vec<Option<Peer>>,
    by_peer: HashMap<Peer, usize>,
}

impl AddressVector {
    /// The number of `peer`: the one it has, or the next.
    pub(crate) fn insert(&mut self, peer: Peer) -> Option<u64> {
        if let Some(&number) = self.by_peer.get(&peer) {
            return Some(number as u64);
        }
        if self.entries.len() >= MAX_ENTRIES {
            return None;
        }
        self.entries.push(Some(peer));
        let number = self.entries.len() - 1;
        self.by_peer.insert(peer, number);
        Some(number as u64)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Peer> {
        let peer = self
            .entries
            .get_mut(usize::try_from(number).ok()?)?
            .take()?;
        self.by_peer.remove(&peer);
        Some(peer)
    }

    pub(crate) fn peer(&self, number: u64) -> Option<Peer> {
        *self.entries.get(usize::try_from(number).ok()?)?
    }

    pub(crate) fn number(&self, peer: Peer) -> Option<u64> {
        self.by_peer.get(&peer).map(|&number| number as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_bytes_and_others_are_refused() {
        let peer = Peer {
            gid: Gid([7; 16]),
            queue_pair: 0x1234,
        };
        let mut bytes = to_bytes(peer);
        assert_eq!(from_bytes(&bytes), Some(peer));
        bytes[0] ^= 1;
        assert_eq!(from_bytes(&bytes), None);
    }

    #[test]
    fn a_removed_number_is_not_used_again() {
        let peer = |queue_pair| Peer {
            gid: Gid([1; 16]),
            queue_pair,
        };
        let mut vector = AddressVector::default();
        assert_eq!(vector.insert(peer(2)), Some(0));
        assert_eq!(vector.insert(peer(2)), Some(0));
        assert_eq!(vector.remove(0), Some(peer(2)));
        assert_eq!(vector.remove(0), None);
        assert_eq!(vector.insert(peer(2)), Some(1));
        assert_eq!(vector.number(peer(2)), Some(1));
        assert_eq!(vector.peer(0), None);
    }
}
