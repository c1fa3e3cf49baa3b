//! Numbers that stand for things in the tables.
//!
//! A number is given out once and remembered as long as the thing is in use, a VPC's as long as there is the VPC. The next new thing gets the number after the
//! last one that was given, so that a number comes to mean something else only when all have been given: long after
//! whatever might remember it has gone. A restarted agent finds the numbers in the rows that stand
//! ([`Numbers::recover`]), so that it writes none of them again.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use eni_abi::MAX_NAT_GATEWAYS;
use eni_types::{NatGatewayId, RouteTableId, SubnetId, VpcId};

use crate::layout::Layout;
use crate::policy::Content;

/// The highest number that every table takes: policy numbers share a word with a direction and a family.
const HIGHEST: u32 = (1 << 30) - 1;

/// The numbers of everything that the tables name but vports, and identities, which the region gives
/// ([`eni_model::Identity`]): they mean the same on every host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    pub(crate) vpcs: Register<VpcId>,
    pub(crate) subnets: Register<SubnetId>,
    pub(crate) route_tables: Register<RouteTableId>,
    pub(crate) nat_gateways: Register<NatGatewayId, { MAX_NAT_GATEWAYS - 1 }>,
    pub(crate) policies: Register<Arc<Content>>,
    /// Those of policies that are not as they were when they got their number.
    pub(crate) layouts: BTreeMap<u32, Layout>,
}

impl Numbers {
    /// The policy of this number had the rules `before`, and has `layout` now.
    pub(crate) fn edit(&mut self, number: u32, before: &Arc<Content>, layout: &Layout) {
        self.policies.release(before);
        self.policies.adopt(layout.content(), number);
        self.layouts.insert(number, layout.clone());
    }
}

/// The numbers of things of one kind: 1 to 2³⁰ − 1 or another highest, as zero stands for nothing. No two things share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Register<T: Ord, const MOST: u32 = HIGHEST> {
    numbers: BTreeMap<T, u32>,
    things: BTreeMap<u32, T>,
    /// The last one given.
    last: u32,
}

impl<T: Ord, const MOST: u32> Default for Register<T, MOST> {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            things: BTreeMap::new(),
            last: 0,
        }
    }
}

impl<T: Ord + Clone, const MOST: u32> Register<T, MOST> {
    /// The number of a thing that has one.
    pub(crate) fn get(&self, thing: &T) -> Option<u32> {
        self.numbers.get(thing).copied()
    }

    /// The thing's number: the one it has, or a new one.
    pub(crate) fn assign(&mut self, thing: &T) -> u32 {
        if let Some(number) = self.get(thing) {
            return number;
        }
        // There is far less room in any table than there are numbers.
        let mut number = self.last % MOST + 1;
        while self.things.contains_key(&number) {
            number = number % MOST + 1;
        }
        self.last = number;
        self.things.insert(number, thing.clone());
        self.numbers.insert(thing.clone(), number);
        number
    }

    /// [`Register::assign`], where there may be as many things as numbers: `None` when all are taken.
    pub(crate) fn assign_if_free(&mut self, thing: &T) -> Option<u32> {
        let has_free = self.things.len() < MOST as usize;
        (has_free || self.numbers.contains_key(thing)).then(|| self.assign(thing))
    }

    /// Remembers the number that a thing had before a restart, unless either is taken already.
    pub(crate) fn adopt(&mut self, thing: &T, number: u32) {
        let is_legal = (1..=MOST).contains(&number);
        if is_legal && !self.numbers.contains_key(thing) && !self.things.contains_key(&number) {
            self.things.insert(number, thing.clone());
            self.numbers.insert(thing.clone(), number);
        }
    }

    /// Gives no number up to this one before all after it.
    pub(crate) fn skip(&mut self, number: u32) {
        if number <= MOST {
            self.last = self.last.max(number);
        }
    }

    /// Forgets what is not in use any more.
    pub(crate) fn retain(&mut self, is_in_use: impl Fn(&T, u32) -> bool) {
        self.numbers
            .retain(|thing, number| is_in_use(thing, *number));
        self.things
            .retain(|number, thing| is_in_use(thing, *number));
    }

    /// Forgets a thing that is not in use any more.
    pub(crate) fn release(&mut self, thing: &T) {
        if let Some(number) = self.numbers.remove(thing) {
            self.things.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_keeps_its_number_and_no_other_gets_it_soon() {
        let mut register: Register<char> = Register::default();
        assert_eq!((register.assign(&'a'), register.assign(&'b')), (1, 2));
        assert_eq!(register.assign(&'a'), 1);
        register.release(&'a');
        assert_eq!(register.get(&'a'), None);
        assert_eq!((register.assign(&'c'), register.assign(&'a')), (3, 4));
    }

    #[test]
    fn what_is_adopted_is_not_given_again() {
        let mut register: Register<char> = Register::default();
        register.adopt(&'a', 2);
        register.adopt(&'b', 2);
        register.adopt(&'a', 3);
        register.adopt(&'c', 0);
        register.skip(4);
        assert_eq!(register.get(&'a'), Some(2));
        assert_eq!((register.assign(&'b'), register.assign(&'c')), (5, 6));
    }

    #[test]
    fn after_the_last_number_comes_the_first_that_is_free() {
        let mut register: Register<char> = Register::default();
        register.adopt(&'a', 1);
        register.skip(HIGHEST - 1);
        assert_eq!((register.assign(&'b'), register.assign(&'c')), (HIGHEST, 2));
    }
}
