//! Numbers that an earlier process has left in the rows.
//!
//! A vport's row names everything that its interface uses, by number. What an interface uses for life is known from that.
//! Its groups and route table may have changed since the row was written: where two things claim a number, or a policy's
//! rows are not what its rules give now, the number is left to what is in use for it, and another one given.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_abi::{IdentityKey, NatGateway, PolicyKey, RuleBits, Vport};
use eni_model::resource::NetworkInterface;
use eni_model::{IdentityNumber, World};
use eni_types::MacAddress;

use crate::endpoints;
use crate::layout::{DIRECTIONS, Layout};
use crate::numbers::Numbers;
use crate::policy::Content;
use crate::{TableChange, TableKey, Tables, VportNumbers};

impl Numbers {
    /// Finds the numbers in `tables`, by the attachments that `vports` knows, and those of endpoints' vports, which it then knows
    /// as well. Where the world is the one that the tables were lowered from, lowering it gives the same rows again.
    #[must_use]
    pub fn recover(world: &World, tables: &Tables, vports: &mut VportNumbers) -> Self {
        let mut numbers = Self::default();
        numbers.skip_all_in(tables);
        let of_endpoints = endpoints::recover(world, tables, vports);
        let mut rows: Vec<(&NetworkInterface, &Vport)> = vports
            .iter()
            .filter_map(|(id, vport)| {
                let row = tables.vports.get(&vport)?;
                let eni = world.network_interface_of_attachment(id)?;
                row.has(Vport::PRESENT).then_some((&**eni, row))
            })
            .collect();
        rows.extend(of_endpoints);
        for (eni, row) in &rows {
            numbers.vpcs.adopt(&eni.vpc_id, row.vpc);
            numbers.subnets.adopt(&eni.subnet_id, row.subnet);
            let subnet = world.subnets.get(eni.subnet_id);
            if let Some(table) = subnet.and_then(|subnet| world.route_table_of(subnet)) {
                let id = &table.route_table_id;
                numbers.route_tables.adopt(id, row.route_table);
            }
        }
        let gateways: Vec<(&NetworkInterface, &NatGateway)> = tables
            .nat_gateways
            .iter()
            .filter_map(|(number, row)| {
                let mac = MacAddress(row.mac.to_bytes());
                let eni = world.network_interfaces.one(&mac)?;
                let gateway = world.nat_gateways.one(&eni.network_interface_id)?;
                let id = gateway.nat_gateway_id;
                numbers.nat_gateways.adopt(&id, *number);
                Some((&**eni, row))
            })
            .collect();
        for (eni, row) in &gateways {
            numbers.vpcs.adopt(&eni.vpc_id, row.vpc);
            numbers.subnets.adopt(&eni.subnet_id, row.subnet);
            let subnet = world.subnets.get(eni.subnet_id);
            if let Some(table) = subnet.and_then(|subnet| world.route_table_of(subnet)) {
                let id = &table.route_table_id;
                numbers.route_tables.adopt(id, row.route_table);
            }
        }
        let standing = StandingPolicies::of(tables);
        let (mut sets, mut acls) = (BTreeSet::new(), BTreeSet::new());
        for (eni, row) in &rows {
            let set = eni.security_group_set();
            if sets.insert((set.clone(), row.security_policy)) {
                let content = Content::of_groups(world, &set);
                standing.adopt(world, content, row.security_policy, &mut numbers);
            }
        }
        let of_rows = rows.iter().map(|(eni, row)| (eni, row.network_acl_policy));
        let of_gateways = gateways.iter();
        let of_gateways = of_gateways.map(|(eni, row)| (eni, row.network_acl_policy));
        for (eni, policy) in of_rows.chain(of_gateways) {
            if let Some(acl) = world.network_acl_of(eni.subnet_id)
                && acls.insert((acl.network_acl_id, policy))
            {
                let content = Content::of_network_acl(acl);
                standing.adopt(world, content, policy, &mut numbers);
            }
        }
        numbers
    }

    /// New things get numbers that no row names.
    fn skip_all_in(&mut self, tables: &Tables) {
        for row in tables.vports.values() {
            self.vpcs.skip(row.vpc);
            self.subnets.skip(row.subnet);
            self.route_tables.skip(row.route_table);
        }
        for (number, row) in &tables.nat_gateways {
            self.nat_gateways.skip(*number);
            self.vpcs.skip(row.vpc);
            self.subnets.skip(row.subnet);
            self.route_tables.skip(row.route_table);
        }
        for key in tables.keys() {
            match key {
                TableKey::Mapping(key) => self.vpcs.skip(key.vpc),
                TableKey::PrefixMapping(key) => self.vpcs.skip(key.data.vpc),
                TableKey::VpcBlock(key) => self.vpcs.skip(key.data.vpc_number()),
                TableKey::Mac(key) => self.subnets.skip(key.subnet),
                TableKey::Route(key) => self.route_tables.skip(key.data.route_table_number()),
                _ => {}
            }
            if let Some(policy) = key.policy() {
                self.policies.skip(policy);
            }
        }
    }
}

/// The rows of policies as they stand.
struct StandingPolicies<'a> {
    tables: &'a Tables,
    /// How many rows by remote address and by port each policy has, and its own.
    counts: BTreeMap<u32, usize>,
    by_identity: BTreeMap<u32, Vec<(&'a IdentityKey, &'a RuleBits)>>,
}

impl<'a> StandingPolicies<'a> {
    fn of(tables: &'a Tables) -> Self {
        let mut counts = BTreeMap::new();
        let by_others = |key: &TableKey| !matches!(key, TableKey::IdentityRule(_));
        for policy in tables.keys().filter(by_others).filter_map(TableKey::policy) {
            *counts.entry(policy).or_default() += 1;
        }
        let mut by_identity = BTreeMap::<u32, Vec<_>>::new();
        for (key, bits) in &tables.identity_rules {
            let rows = by_identity.entry(key.policy.policy()).or_default();
            rows.push((key, bits));
        }
        Self {
            tables,
            counts,
            by_identity,
        }
    }

    /// Gives the rules this number, if the policy's rows are what they give, whichever bit stands for each. Rows about
    /// identities that nobody has, or that are yet to be written, do not count: these come and go while a policy is in use.
    fn adopt(&self, world: &World, content: Content, number: u32, numbers: &mut Numbers) {
        let content = Arc::new(content);
        let is_network_acl = content.network_acl;
        let Some(layout) = self.layout(world, Arc::clone(&content), number) else {
            return;
        };
        if self.stands(world, &layout, number) {
            numbers.policies.adopt(&content, number);
            if !is_network_acl && numbers.policies.get(&content) == Some(number) {
                numbers.layouts.insert(number, layout);
            }
        }
    }

    /// Which bit stands for each rule: one that stands in the rows in which the rule is to stand, and in no others. Rules for
    /// the same packets may change places.
    fn layout(&self, world: &World, content: Arc<Content>, number: u32) -> Option<Layout> {
        let layout = Layout::new(Arc::clone(&content));
        let mut bits = Vec::new();
        for direction in DIRECTIONS {
            let policy = PolicyKey::new(number, direction);
            let mut wanted = Places::default();
            let mut found = Places::default();
            for row in layout.direction_rows(policy) {
                wanted.add(&row);
                found.add(&self.tables.change(row.key()));
            }
            let by_identity = self.by_identity.get(&number).into_iter().flatten();
            for (key, row) in by_identity.filter(|(key, _)| key.policy == policy) {
                if let Some(set) = world.security_group_set(IdentityNumber(key.identity)) {
                    wanted.add_bits(&layout.identity_bits(direction, set));
                    found.add_bits(row);
                }
            }
            bits.extend(found.of_rules(&wanted, content.direction(direction).len())?);
        }
        Some(Layout::with_bits(content, bits))
    }

    /// Whether the policy's rows are those of `layout`.
    fn stands(&self, world: &World, layout: &Layout, number: u32) -> bool {
        let mut rows = Vec::new();
        layout.rows(number, &mut rows);
        let stand = self.counts.get(&number) == Some(&rows.len())
            && rows.iter().all(|row| self.tables.change(row.key()) == *row);
        let by_identity = self.by_identity.get(&number).into_iter().flatten();
        let mut known = by_identity.filter_map(|(key, bits)| {
            let set = world.security_group_set(IdentityNumber(key.identity))?;
            Some(layout.identity_bits(key.policy.direction(), set) == **bits)
        });
        stand && known.all(|is_same| is_same)
    }
}

/// The rows in which each bit stands, of some rows that are the same in number and order wherever this is compared.
#[derive(Debug, Default)]
struct Places {
    rows: usize,
    of_bits: BTreeMap<usize, Vec<usize>>,
}

impl Places {
    fn add(&mut self, row: &TableChange) {
        let bits = match row {
            TableChange::RemoteRule(_, bits) => bits,
            TableChange::PortRule(_, bits) => bits,
            _ => &None,
        };
        self.add_bits(bits.as_ref().unwrap_or(&RuleBits::EMPTY));
    }

    fn add_bits(&mut self, bits: &RuleBits) {
        for bit in bits.iter() {
            self.of_bits.entry(bit).or_default().push(self.rows);
        }
        self.rows += 1;
    }

    /// The bits here of as many rules, which `wanted` names in order; `None` where one has no place.
    fn of_rules(self, wanted: &Self, rules: usize) -> Option<Vec<usize>> {
        let mut by_rows = BTreeMap::<Vec<usize>, Vec<usize>>::new();
        for (bit, rows) in self.of_bits.into_iter().rev() {
            by_rows.entry(rows).or_default().push(bit);
        }
        let bit_of = |rule| by_rows.get_mut(wanted.of_bits.get(&rule)?)?.pop();
        (0..rules).map(bit_of).collect()
    }
}
