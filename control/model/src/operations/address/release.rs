//! What becomes of a public address whose private one goes.

use crate::ChangeSet;
use crate::resource::Address;

/// Ends the translation of `address`: an Elastic IP address stays allocated, a lent one returns to the pool.
pub(crate) fn disassociate(address: &Address, changes: &mut ChangeSet) {
    if address.lent {
        changes.delete(address.allocation_id);
    } else {
        changes.put(Address {
            association: None,
            ..address.clone()
        });
    }
}
