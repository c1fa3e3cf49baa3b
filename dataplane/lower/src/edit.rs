//! Rules that come or go while their policy keeps its number.
//!
//! Only the rows that hold such a rule are written, one after the other, while packets are decided. That each packet is decided
//! as before or as after follows from what is edited so:
//!
//! - rules of security groups, any of which allows, and either only new ones or only old ones: what a packet finds in the
//!   middle are the rules of before and some of the new ones, or of after and some of the old ones. So what is allowed
//!   before and after is allowed all the time, and what is denied before and after is denied;
//! - with bits that have stood for nothing, so that no row of before says anything of a new rule, and a packet that reads
//!   some rows before and some after finds a new rule in all of them or is decided as if there were none;
//! - and a row is replaced, comes or goes at once (`BPF_MAP_UPDATE_ELEM` of tries and of hash tables links a new element),
//!   each with all the other rules that it is to have;
//! - the policy's own row, which says whether flows are tracked, stays as it is.
//!
//! Everything else is another policy, which gets a number of its own. What has been decided before is void when the rows
//! stand, as after every change of a table: the topology's generation is the next one.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_abi::{Direction, IdentityKey, MAX_RULES, PolicyKey, RemoteKey, RuleBits};
use eni_model::resource::IpProtocol;
use eni_types::{IpCidr, SecurityGroupId};

use crate::delta::Draft;
use crate::layout::{Layout, Numbered, bits_of, port_key};
use crate::policy::{Content, Peer, PortPrefix, Rule, port_prefixes};
use crate::{TableChange, prefix};

/// What comes or goes.
#[derive(Debug)]
pub(crate) struct Edit {
    /// What the policy is afterwards.
    pub(crate) layout: Layout,
    changed: Vec<(usize, Rule)>,
    /// Whether they come.
    comes: bool,
}

impl Layout {
    /// How the rules become those of `after` in place; `None` if they must not.
    pub(crate) fn edit(&self, after: &Arc<Content>) -> Option<Edit> {
        let before = self.content();
        if before.network_acl || after.network_acl {
            return None;
        }
        let (mut bits, mut unused) = (Vec::with_capacity(after.rules.len()), self.unused);
        let (mut come, mut gone) = (Vec::new(), Vec::new());
        let mut old = before.rules.iter().zip(&self.bits).peekable();
        for rule in &after.rules {
            while let Some((rule, bit)) = old.next_if(|(old, _)| *old < rule) {
                gone.push((*bit, rule.clone()));
            }
            let kept = old.next_if(|(old, _)| *old == rule);
            bits.push(match kept {
                Some((_, bit)) => *bit,
                None => {
                    let next = &mut unused[usize::from(rule.egress)];
                    let bit = *next;
                    *next += 1;
                    come.push((bit, rule.clone()));
                    bit
                }
            });
        }
        gone.extend(old.map(|(rule, bit)| (*bit, rule.clone())));
        let comes = !come.is_empty();
        let fits = !comes || unused.iter().all(|bit| *bit <= MAX_RULES);
        if comes && !gone.is_empty() || !fits {
            return None;
        }
        let layout = Self::with(Arc::clone(after), bits, unused);
        (layout.policy() == self.policy()).then_some(Edit {
            layout,
            changed: if comes { come } else { gone },
            comes,
        })
    }
}

impl Edit {
    /// Writes the rows of policy `number`. `identities` are those that are in use of sets that hold a group.
    pub(crate) fn write(
        &self,
        number: u32,
        draft: &mut Draft,
        identities: impl Fn(SecurityGroupId) -> Vec<u32>,
    ) {
        for direction in crate::layout::DIRECTIONS {
            let rules = self.layout.numbered(direction);
            let key = PolicyKey::new(number, direction);
            for (bit, rule) in &self.changed {
                if rule.egress != (direction == Direction::Egress) {
                    continue;
                }
                match rule.peer {
                    Peer::Block(block) => self.write_remotes(key, *bit, block, &rules, draft),
                    Peer::Group(group) => {
                        self.write_identities(key, *bit, &identities(group), draft);
                    }
                }
                self.write_ports(key, *bit, rule, &rules, draft);
            }
        }
    }

    /// The rows of the rule's block, and of all blocks in it.
    fn write_remotes(
        &self,
        key: PolicyKey,
        bit: usize,
        own: IpCidr,
        rules: &[Numbered<'_>],
        draft: &mut Draft,
    ) {
        let blocks = rules.iter().filter_map(|(_, rule)| rule.block());
        let named: BTreeSet<IpCidr> = blocks.filter(|block| own.covers(*block)).collect();
        let row_key = |block| RemoteKey::prefix(key, prefix(block));
        for block in &named {
            let key = row_key(*block);
            let bits = match draft.desired.tables.remote_rules.get(&key) {
                Some(bits) => self.changed_bits(bits, bit),
                None => bits_of(rules, |rule| {
                    rule.block().is_some_and(|outer| outer.covers(*block))
                }),
            };
            draft.change(&TableChange::RemoteRule(key, Some(bits)));
        }
        if !named.contains(&own) {
            draft.change(&TableChange::RemoteRule(row_key(own), None));
        }
    }

    fn write_identities(
        &self,
        policy: PolicyKey,
        bit: usize,
        identities: &[u32],
        draft: &mut Draft,
    ) {
        for identity in identities {
            let key = IdentityKey {
                policy,
                identity: *identity,
            };
            let bits = draft.desired.tables.identity_rules.get(&key);
            let bits = self.changed_bits(bits.unwrap_or(&RuleBits::EMPTY), bit);
            let row = (!bits.is_empty()).then_some(bits);
            draft.change(&TableChange::IdentityRule(key, row));
        }
    }

    /// The rows of the rule's ports, and of all ports among them; of a rule for all protocols those of all protocols.
    fn write_ports(
        &self,
        key: PolicyKey,
        bit: usize,
        own: &Rule,
        rules: &[Numbered<'_>],
        draft: &mut Draft,
    ) {
        let prefixes = port_prefixes(own.ports);
        let concerned = rules.iter().filter(|(_, rule)| {
            (own.protocol == IpProtocol::All || own.protocol == rule.protocol)
                && own.ports.0 <= rule.ports.1
                && rule.ports.0 <= own.ports.1
        });
        let named = concerned.flat_map(|(_, rule)| {
            let prefixes = port_prefixes(rule.ports).into_iter();
            prefixes.map(|prefix| (rule.protocol, prefix))
        });
        let is_among = |inner: &PortPrefix| prefixes.iter().any(|outer| outer.covers(*inner));
        let named: BTreeSet<(IpProtocol, PortPrefix)> =
            named.filter(|(_, prefix)| is_among(prefix)).collect();
        for (protocol, prefix) in &named {
            let key = port_key(key, *protocol, *prefix);
            let bits = match draft.desired.tables.port_rules.get(&key) {
                Some(bits) => self.changed_bits(bits, bit),
                None => bits_of(rules, |rule| {
                    (rule.protocol == IpProtocol::All || rule.protocol == *protocol)
                        && rule.ports.0 <= prefix.first
                        && prefix.last() <= rule.ports.1
                }),
            };
            draft.change(&TableChange::PortRule(key, Some(bits)));
        }
        for prefix in prefixes {
            if !named.contains(&(own.protocol, prefix)) {
                let key = port_key(key, own.protocol, prefix);
                draft.change(&TableChange::PortRule(key, None));
            }
        }
    }

    fn changed_bits(&self, bits: &RuleBits, bit: usize) -> RuleBits {
        let mut bits = *bits;
        match self.comes {
            true => bits.insert(bit),
            false => bits.remove(bit),
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::layout::DIRECTIONS;
    use crate::{Desired, Tables, uplink};
    use eni_types::{Ipv4Cidr, Ipv6Cidr};

    const POLICY: u32 = 7;
    const LONGEST_BLOCK: u8 = 4;

    /// Few and wide, so that they lie in each other.
    fn any_rule() -> impl Strategy<Value = Rule> {
        let block = (any::<u32>(), 1..=LONGEST_BLOCK, any::<bool>());
        let block = block.prop_map(|(bits, length, is_ipv6)| {
            let ipv4 = Ipv4Cidr::new((bits & 0xf000_0000).into(), length).unwrap();
            // Of IPv6 the same bits: what would meet, did families share rows.
            let ipv6 = Ipv6Cidr::new((u128::from(bits & 0xf000_0000) << 96).into(), length);
            Peer::Block(if is_ipv6 {
                ipv6.unwrap().into()
            } else {
                ipv4.into()
            })
        });
        let peer = prop_oneof![4 => block, 1 => (0..2_usize).prop_map(|n| Peer::Group(group(n)))];
        let ports = (0..16_u16, 0..16_u16).prop_map(|(one, other)| {
            let (first, last) = (one.min(other), one.max(other));
            (first << 12, last << 12 | 0xfff)
        });
        let protocols = Vec::from([IpProtocol::All, IpProtocol::TCP, IpProtocol::UDP]);
        let protocol = prop::sample::select(protocols);
        (any::<bool>(), protocol, ports, peer).prop_map(|(egress, protocol, ports, peer)| Rule {
            egress,
            number: 0,
            protocol,
            ports: match protocol {
                IpProtocol::All => (0, u16::MAX),
                IpProtocol::Number(_) => ports,
            },
            peer,
            allow: true,
        })
    }

    fn group(number: usize) -> SecurityGroupId {
        let text = ["sg-00000000000000001", "sg-00000000000000002"][number];
        text.parse().unwrap()
    }

    /// Of the sets of one group each, and of the set of both.
    fn identities(id: SecurityGroupId) -> Vec<u32> {
        match id == group(0) {
            true => alloc::vec![1, 3],
            false => alloc::vec![2, 3],
        }
    }

    fn sets() -> [(u32, Vec<SecurityGroupId>); 3] {
        let [one, other] = [0, 1].map(group);
        [
            (1, Vec::from([one])),
            (2, Vec::from([other])),
            (3, Vec::from([one, other])),
        ]
    }

    fn layout(rules: &BTreeSet<Rule>) -> Layout {
        Layout::new(content(rules))
    }

    fn content(rules: &BTreeSet<Rule>) -> Arc<Content> {
        Arc::new(Content {
            network_acl: false,
            rules: rules.iter().cloned().collect(),
        })
    }

    fn rows(layout: &Layout) -> Vec<TableChange> {
        let mut rows = Vec::new();
        layout.rows(POLICY, &mut rows);
        for (identity, groups) in sets() {
            layout.identity_rows(POLICY, &groups, identity, &mut rows);
        }
        rows
    }

    fn draft(tables: Tables) -> Draft {
        let settings = eni_model::testing::TestWorld::bootstrapped().region;
        Draft::new(Desired {
            instances: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            uplink: uplink::lower(&settings).0,
            tables,
        })
    }

    /// A packet that is matched by the pipeline's rules.
    #[derive(Clone, Debug)]
    struct Probe {
        direction: Direction,
        remote: Ipv4Cidr,
        identity: u32,
        protocol: IpProtocol,
        port: u16,
    }

    fn any_probe() -> impl Strategy<Value = Probe> {
        let protocols = Vec::from([IpProtocol::TCP, IpProtocol::UDP, IpProtocol::ICMP]);
        let protocol = prop::sample::select(protocols);
        let direction = prop::sample::select(&DIRECTIONS[..]);
        (direction, any::<u32>(), 0..4_u32, protocol, any::<u16>()).prop_map(
            |(direction, remote, identity, protocol, port)| Probe {
                direction,
                remote: Ipv4Cidr::new(remote.into(), 32).unwrap(),
                identity,
                protocol,
                port,
            },
        )
    }

    impl Probe {
        /// The longest prefix's row, of all that there may be.
        fn remotes(&self, tables: &Tables) -> RuleBits {
            let policy = PolicyKey::new(POLICY, self.direction);
            let mut remotes = (0..=LONGEST_BLOCK).rev().filter_map(|length| {
                let block = Ipv4Cidr::new(self.remote.network(), length)?;
                tables
                    .remote_rules
                    .get(&RemoteKey::prefix(policy, prefix(block.into())))
            });
            let mut bits = remotes.next().copied().unwrap_or_default();
            let key = IdentityKey {
                policy,
                identity: self.identity,
            };
            bits.union(tables.identity_rules.get(&key).unwrap_or(&RuleBits::EMPTY));
            bits
        }

        fn ports(&self, tables: &Tables) -> RuleBits {
            let policy = PolicyKey::new(POLICY, self.direction);
            let row = |protocol, port: u16, length: u8| {
                let mask = u16::try_from(u32::from(u16::MAX) << (16 - length) & 0xffff).unwrap();
                let first = port & mask;
                let prefix = PortPrefix { first, length };
                tables.port_rules.get(&port_key(policy, protocol, prefix))
            };
            let mut own = (0..=16)
                .rev()
                .filter_map(|length| row(self.protocol, self.port, length));
            let bits = own.next().or_else(|| row(IpProtocol::All, 0, 0));
            bits.copied().unwrap_or_default()
        }

        fn is_allowed(&self, remotes: &Tables, ports: &Tables) -> bool {
            let (remotes, ports) = (self.remotes(remotes), self.ports(ports));
            remotes.iter().any(|rule| ports.contains(rule))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn while_rules_come_or_go_each_packet_is_decided_as_before_or_as_after(
            rules in prop::collection::btree_set(any_rule(), 1..30),
            others in prop::collection::vec(prop::collection::btree_set(any_rule(), 1..4), 1..4),
            probes in prop::collection::vec(any_probe(), 40),
            times in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 10),
        ) {
            let mut rules = rules;
            let mut layout = layout(&rules);
            let mut draft = draft(Tables::default());
            draft.change_all(rows(&layout), true);
            draft.take_delta();
            // They come, and go in another order.
            let goes = others.iter().map(|some| (false, some));
            let mut meanings = BTreeMap::new();
            for (comes, some) in others.iter().map(|some| (true, some)).chain(goes) {
                match comes {
                    true => rules.extend(some.iter().cloned()),
                    false => rules.retain(|rule| !some.contains(rule)),
                }
                let Some(edit) = layout.edit(&content(&rules)) else {
                    return Err(TestCaseError::fail("these rules need no other number"));
                };
                let before = draft.desired.tables.clone();
                edit.write(POLICY, &mut draft, identities);
                layout = edit.layout;
                for direction in DIRECTIONS {
                    for (bit, rule) in layout.numbered(direction) {
                        let first = meanings.entry((rule.egress, bit)).or_insert_with(|| rule.clone());
                        prop_assert_eq!(&*first, rule, "a bit has come to mean another rule");
                    }
                }
                let after = &draft.desired.tables;
                let mut whole = Tables::default();
                rows(&layout).iter().for_each(|row| whole.apply(row));
                prop_assert_eq!(after, &whole);
                // What stands after each row, as it is written.
                let mut standing = Vec::from([before.clone()]);
                let changed = before.keys().chain(after.keys());
                for key in changed.filter(|key| !before.agree_at(after, *key)) {
                    let mut next = standing.last().unwrap().clone();
                    next.apply(&after.change(key));
                    standing.push(next);
                }
                for probe in &probes {
                    let [was, is] = [&before, after].map(|tables| probe.is_allowed(tables, tables));
                    for (early, late) in &times {
                        let [early, late] = [early, late].map(|time| time.get(&standing));
                        let is_allowed = probe.is_allowed(early, late);
                        prop_assert!(is_allowed == was || is_allowed == is, "{:?}", probe);
                    }
                }
                draft.take_delta();
            }
        }
    }

    #[test]
    fn what_would_show_neither_the_old_nor_the_new_rules_is_another_policy() {
        let rule = |last, peer: &str| Rule {
            egress: false,
            number: 0,
            protocol: IpProtocol::TCP,
            ports: (0, last),
            peer: Peer::Block(peer.parse().unwrap()),
            allow: true,
        };
        let one = BTreeSet::from([rule(1, "10.0.0.0/8")]);
        let other = BTreeSet::from([rule(2, "10.0.0.0/8")]);
        let open = BTreeSet::from([rule(1, "10.0.0.0/8"), rule(1, "0.0.0.0/0")]);
        let both = &one | &other;
        assert!(layout(&one).edit(&content(&both)).is_some());
        assert!(layout(&both).edit(&content(&one)).is_some());
        assert!(
            layout(&one).edit(&content(&other)).is_none(),
            "one for the other"
        );
        assert!(
            layout(&one).edit(&content(&open)).is_none(),
            "flows may be untracked"
        );
        let full = Layout::with_bits(content(&one), Vec::from([0]));
        assert!(full.edit(&content(&both)).is_none(), "no bit is new");
        let acl = Arc::new(Content {
            network_acl: true,
            rules: both.iter().cloned().collect(),
        });
        assert!(
            Layout::new(Arc::clone(&acl)).edit(&acl).is_none(),
            "the first decides"
        );
    }
}
