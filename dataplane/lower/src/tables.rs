//! The packet tables, as the lowering decides them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use eni_abi::{
    Address, IdentityKey, Location, LpmKey, MacKey, Mapping, MappingKey, NatGateway, Policy,
    PortKey, PublicAddress, RemoteKey, Route, RouteKey, RuleBits, VpcBlockKey, Vport,
};

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($key:ty => $row:ty),)*) => {
        /// The contents of every table that the lowering decides, in the order of their keys.
        ///
        /// Generations in [`Vport`] rows are zero here: whoever writes the tables numbers them.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Tables {
            /// By vport; the uplink's row among them.
            pub vports: BTreeMap<u32, Vport>,
            $($(#[$doc])* pub $field: BTreeMap<$key, $row>,)*
        }

        /// The place of a row: the table, those of policies first, and the row's key there. Vports' rows have their own
        /// steps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum TableKey {
            $(#[doc = concat!("Of [`Tables::", stringify!($field), "`].")] $variant($key),)*
        }

        /// A row written (`Some`) or removed (`None`).
        #[derive(Clone, Debug, PartialEq)]
        #[expect(
            clippy::large_enum_variant,
            reason = "a policy's row is half a kilobyte; plans are short and live for one pass"
        )]
        pub enum TableChange {
            $(#[doc = concat!("Of [`Tables::", stringify!($field), "`].")] $variant($key, Option<$row>),)*
        }

        impl Tables {
            /// The change that brings another state of the tables to this one at `key`.
            #[must_use]
            pub fn change(&self, key: TableKey) -> TableChange {
                match key {
                    $(TableKey::$variant(key) => TableChange::$variant(key, self.$field.get(&key).copied()),)*
                }
            }

            /// Writes or removes one row.
            pub fn apply(&mut self, change: &TableChange) {
                match change {
                    $(TableChange::$variant(key, row) => set(&mut self.$field, key, row.as_ref()),)*
                }
            }

            /// Whether there is the same row, or none, at `key`.
            #[must_use]
            pub fn agree_at(&self, other: &Self, key: TableKey) -> bool {
                match key {
                    $(TableKey::$variant(key) => self.$field.get(&key) == other.$field.get(&key),)*
                }
            }

            /// The keys of all rows but those of vports.
            pub fn keys(&self) -> impl Iterator<Item = TableKey> {
                core::iter::empty()$(.chain(self.$field.keys().map(|key| TableKey::$variant(*key))))*
            }

            /// The first `count` of these keys after one of them, in their order.
            #[must_use]
            pub fn keys_after(&self, last: Option<TableKey>, count: usize) -> Vec<TableKey> {
                let mut keys = Vec::new();
                let mut is_past = last.is_none();
                $(
                    let from = match last {
                        Some(TableKey::$variant(key)) => {
                            is_past = true;
                            Bound::Excluded(key)
                        }
                        _ => Bound::Unbounded,
                    };
                    if is_past {
                        let left = count - keys.len();
                        let rows = self.$field.range((from, Bound::Unbounded)).take(left);
                        keys.extend(rows.map(|(key, _)| TableKey::$variant(*key)));
                    }
                )*
                keys
            }

            /// Adds the keys at which `other` has another row, or none, or the only one.
            pub fn add_differences(&self, other: &Self, keys: &mut BTreeSet<TableKey>) {
                $(
                    let differs = |key: &&$key| self.$field.get(key) != other.$field.get(key);
                    let both = self.$field.keys().chain(other.$field.keys());
                    keys.extend(both.filter(differs).map(|key| TableKey::$variant(*key)));
                )*
            }
        }

        impl TableChange {
            /// Where.
            #[must_use]
            pub fn key(&self) -> TableKey {
                match self {
                    $(Self::$variant(key, _) => TableKey::$variant(*key),)*
                }
            }

            /// The removal of the row at `key`.
            pub(crate) fn removal(key: TableKey) -> Self {
                match key {
                    $(TableKey::$variant(key) => Self::$variant(key, None),)*
                }
            }

            /// Whether the row goes.
            #[must_use]
            pub fn removes(&self) -> bool {
                match self {
                    $(Self::$variant(_, row) => row.is_none(),)*
                }
            }
        }
    };
}

tables! {
    /// Rules by remote address.
    remote_rules: RemoteRule(LpmKey<RemoteKey> => RuleBits),
    /// Rules by the peer's identity.
    identity_rules: IdentityRule(IdentityKey => RuleBits),
    /// Rules by protocol and port.
    port_rules: PortRule(LpmKey<PortKey> => RuleBits),
    /// Policies, by number.
    policies: Policy(u32 => Policy),
    /// NAT gateways, by number.
    nat_gateways: NatGateway(u32 => NatGateway),
    /// Where private addresses live.
    mappings: Mapping(MappingKey => Mapping),
    /// Where the addresses of interfaces' prefixes live.
    prefix_mappings: PrefixMapping(LpmKey<MappingKey> => Mapping),
    /// The blocks of VPCs, and those that the internet has.
    vpc_blocks: VpcBlock(LpmKey<VpcBlockKey> => u32),
    /// Where MAC addresses live.
    macs: Mac(MacKey => Location),
    /// Routes.
    routes: Route(LpmKey<RouteKey> => Route),
    /// Where public addresses lead.
    public_addresses: PublicAddress(Address => PublicAddress),
}

impl TableChange {
    /// The policy that the row is part of, if it is part of one.
    #[must_use]
    pub fn policy(&self) -> Option<u32> {
        self.key().policy()
    }

    /// Whether a row of a policy loses rules by the change of `tables`.
    #[must_use]
    pub fn takes_rules(&self, tables: &Tables) -> bool {
        let loses = |before: Option<&RuleBits>, after: &Option<RuleBits>| {
            let after = after.unwrap_or_default();
            before.is_some_and(|before| before.iter().any(|rule| !after.contains(rule)))
        };
        match self {
            Self::RemoteRule(key, bits) => loses(tables.remote_rules.get(key), bits),
            Self::IdentityRule(key, bits) => loses(tables.identity_rules.get(key), bits),
            Self::PortRule(key, bits) => loses(tables.port_rules.get(key), bits),
            _ => false,
        }
    }

    /// Whether guests are yet to be told of the row.
    #[must_use]
    pub fn is_unannounced(&self) -> bool {
        matches!(self, Self::Mapping(_, Some(row)) if row.unannounced != 0)
    }
}

impl TableKey {
    /// The policy that a row here is part of, if it is part of one.
    #[must_use]
    pub fn policy(self) -> Option<u32> {
        match self {
            Self::Policy(number) => Some(number),
            Self::RemoteRule(key) => Some(key.data.policy.policy()),
            Self::IdentityRule(key) => Some(key.policy.policy()),
            Self::PortRule(key) => Some(key.data.policy.policy()),
            _ => None,
        }
    }
}

fn set<K: Ord + Copy, V: Copy>(table: &mut BTreeMap<K, V>, key: &K, row: Option<&V>) {
    match row {
        Some(row) => table.insert(*key, *row),
        None => table.remove(key),
    };
}
