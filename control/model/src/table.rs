//! Rows by id, and their secondary indexes.

use alloc::string::String;
use alloc::sync::Arc;
use core::net::Ipv4Addr;

use eni_types::{
    AssociationId, AttachmentId, InstanceId, MacAddress, NetworkAclAssociationId,
    NetworkInterfaceId, ReservationId, RouteTableAssociationId, SecurityGroupId, SubnetId, VpcId,
};

use crate::persistent::{Map, Set};
use crate::tags::Tags;

/// What a row can be found by, besides its id. Each kind of row says which of these it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexKey {
    /// Belongs to, or is attached to, this VPC.
    Vpc(VpcId),
    /// Lies in, or is associated with, this subnet.
    Subnet(SubnetId),
    /// Was launched with this reservation.
    Reservation(ReservationId),
    /// Is attached to this instance.
    Instance(InstanceId),
    /// Is associated with this network interface.
    NetworkInterface(NetworkInterfaceId),
    /// Carries, or belongs to, this security group.
    SecurityGroup(SecurityGroupId),
    /// Names this security group as its peer.
    PeerSecurityGroup(SecurityGroupId),
    /// A security group's name in lower case: unique in its VPC without regard to case.
    GroupName(VpcId, String),
    /// Has this private address in this VPC.
    PrivateAddress(VpcId, Ipv4Addr),
    /// Has this private address in whatever VPC.
    PrivateAddressAnywhere(Ipv4Addr),
    /// Is this public address.
    PublicAddress(Ipv4Addr),
    /// Has this MAC address: unique in the region, as EC2 asks for in a VPC.
    Mac(MacAddress),
    /// Has this attachment.
    Attachment(AttachmentId),
    /// Has this association.
    Association(AssociationId),
    /// Has this association with a subnet, or with its VPC as the main route table.
    RouteTableAssociation(RouteTableAssociationId),
    /// Has this association with a subnet.
    NetworkAclAssociation(NetworkAclAssociationId),
    /// Routes through this network interface.
    RouteTarget(NetworkInterfaceId),
    /// Has this tag.
    Tag(String, String),
}

/// A kind of row.
pub trait Row {
    /// Its id.
    type Id: Copy + Ord;
    /// The row's id.
    fn id(&self) -> Self::Id;
    /// The row's tags.
    fn tags(&self) -> &Tags;
    /// Gives every key, other than tags, that the row can be found by.
    fn index_keys(&self, add: &mut dyn FnMut(IndexKey));
}

/// All rows of one kind, in the order of their ids. A copy costs nothing: it shares all rows, and the indexes as far as
/// they are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<R: Row> {
    rows: Map<R::Id, Arc<R>>,
    index: Map<IndexKey, Set<R::Id>>,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: Map::new_sync(),
            index: Map::new_sync(),
        }
    }
}

impl<R: Row> Table<R> {
    /// The row with this id.
    pub fn get(&self, id: R::Id) -> Option<&Arc<R>> {
        self.rows.get(&id)
    }

    /// All rows, by id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<R>> {
        self.rows.values()
    }

    /// The rows from `id` on, by id.
    pub fn iter_from(&self, id: R::Id) -> impl DoubleEndedIterator<Item = &Arc<R>> {
        self.rows.range(id..).map(|(_, row)| row)
    }

    /// The rows found by `key`, by id.
    pub fn by<'a>(
        &'a self,
        key: &IndexKey,
    ) -> impl DoubleEndedIterator<Item = &'a Arc<R>> + use<'a, R> {
        self.index
            .get(key)
            .into_iter()
            .flat_map(Set::iter)
            .filter_map(|id| self.rows.get(id))
    }

    /// The keys from `first` to `last`, both included, that find a row, in order.
    pub fn keys_between<'a>(
        &'a self,
        first: &IndexKey,
        last: &IndexKey,
    ) -> impl Iterator<Item = &'a IndexKey> + use<'a, R> {
        let range = (first <= last).then(|| self.index.range(first.clone()..=last.clone()));
        range.into_iter().flatten().map(|(key, _)| key)
    }

    /// How many rows `key` finds.
    #[must_use]
    pub fn count(&self, key: &IndexKey) -> usize {
        self.index.get(key).map_or(0, Set::size)
    }

    /// The first row found by `key`: for keys that only one row can have.
    #[must_use]
    pub fn one(&self, key: &IndexKey) -> Option<&Arc<R>> {
        self.by(key).next()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.size()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn put(&mut self, row: Arc<R>) {
        let id = row.id();
        self.delete(id);
        keys_of(&*row, &mut |key| match self.index.get_mut(&key) {
            Some(ids) => ids.insert_mut(id),
            None => self.index.insert_mut(key, [id].into_iter().collect()),
        });
        self.rows.insert_mut(id, row);
    }

    pub(crate) fn delete(&mut self, id: R::Id) {
        let Some(old) = self.rows.get(&id).map(Arc::clone) else {
            return;
        };
        self.rows.remove_mut(&id);
        keys_of(&*old, &mut |key| {
            if let Some(ids) = self.index.get_mut(&key) {
                ids.remove_mut(&id);
                if ids.is_empty() {
                    self.index.remove_mut(&key);
                }
            }
        });
    }
}

fn keys_of<R: Row>(row: &R, add: &mut dyn FnMut(IndexKey)) {
    row.index_keys(add);
    for (key, value) in row.tags().iter() {
        add(IndexKey::Tag(key.into(), value.into()));
    }
}
