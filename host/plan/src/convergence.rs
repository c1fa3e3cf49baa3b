//! The way from observed to desired, as both change.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use eni_abi::{Globals, Vport};
use eni_lower::{Delta, Desired, TableChange, TableKey, Tables, VportNumbers};
use eni_types::InstanceId;

use crate::index::Index;
use crate::lanes::{InFlight, Queue, Scope, SeenDevices};
use crate::observed::Concerned;
use crate::plan::Comparison;
use crate::touched::Touched;
use crate::{Observed, Plan, Step};

/// What is observed, and where it may differ from what is desired. A plan looks there only: where something has changed
/// since it was last looked at, and where steps of earlier plans have been done or are to be planned again.
///
/// What is desired is the caller's, and the same in all calls but for what [`Convergence::follow`] is told.
#[derive(Clone, Debug)]
pub struct Convergence {
    observed: Observed,
    index: Index,
    /// What the steps are about that plans have given and that are not known to be done.
    pending: Touched,
    /// As much of it as is about deferred steps.
    deferred: Touched,
    /// What has been touched since it was last planned.
    touched: Touched,
    /// Whether the next plan is of all that is pending, too.
    looks_at_all: bool,
    /// Vports that their interfaces have left: each is free when its device is gone, too.
    left: BTreeSet<u32>,
    /// The last row that [`Convergence::check_next`] has come to, and the last vport.
    checked: (Option<TableKey>, Option<u32>),
}

/// What is left to do where something has changed. Steps of earlier plans elsewhere are wanted as before.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedPlan {
    /// The steps.
    pub plan: Plan,
    /// The queues that these steps replace.
    pub scope: Scope,
}

impl Convergence {
    /// What has been found on the machine. What is desired is yet to be told ([`Convergence::begin`]).
    #[must_use]
    pub fn new(observed: Observed) -> Self {
        Self {
            observed,
            index: Index::default(),
            pending: Touched::default(),
            deferred: Touched::default(),
            touched: Touched::default(),
            looks_at_all: true,
            left: BTreeSet::new(),
            checked: (None, None),
        }
    }

    /// Begins the way to `desired`, whatever was desired before: the next plan looks at everything.
    pub fn begin(&mut self, desired: &Desired) {
        self.index = Index::of(desired, &self.observed);
        self.touched = Touched::all(desired, &self.observed);
        self.looks_at_all = true;
        self.left.extend(self.observed.devices.keys());
    }

    /// What is observed.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Follows what is desired: `desired` differs by `delta` from what it was.
    pub fn follow(&mut self, delta: &Delta, desired: &Desired) {
        self.index.follow(delta, desired);
        self.touched.add_delta(delta, desired);
        let before = delta.interfaces.values().flatten();
        self.left.extend(before.map(|interface| interface.vport));
        self.left.extend(delta.endpoints.values().flatten());
    }

    /// All that is left to do. It may be asked for again: the next plan is of all of it.
    pub fn plan(&mut self, desired: &Desired) -> Plan {
        self.looks_at_all = true;
        let plan = self.plan_changed(desired).plan;
        self.looks_at_all = true;
        plan
    }

    /// What is left to do where something has changed since it was last planned. The rest of earlier plans stands: what is
    /// left out of their steps must be planned again ([`Convergence::plan_again`]), but for rows other than vports', which
    /// are planned until they stand.
    pub fn plan_changed(&mut self, desired: &Desired) -> ChangedPlan {
        let (observed, index) = (&self.observed, &self.index);
        let mut touched = core::mem::take(&mut self.touched);
        let all = core::mem::take(&mut self.looks_at_all);
        if all {
            touched.add(core::mem::take(&mut self.pending));
            self.deferred = Touched::default();
        } else {
            touched.rows.append(&mut self.pending.rows);
        }
        touched.add_related(desired, observed, index);
        let comparison = Comparison {
            desired,
            observed,
            index,
            touched: &touched,
        };
        let plan = comparison.plan();
        for (left, steps) in [
            (&mut self.pending, Touched::of_steps(plan.steps())),
            (&mut self.deferred, Touched::of_steps(&plan.deferred)),
        ] {
            left.remove(&touched);
            left.add(steps);
        }
        let scope = if all {
            Scope::All
        } else {
            Scope::Only(touched.queues())
        };
        ChangedPlan { plan, scope }
    }

    /// Looks again at the next `count` vports and the next `count` other rows, and at some instances, although nothing has
    /// changed there: the next plan is of them, too, and is empty if nothing was left out before. Whether they are found as
    /// they should be; if not, that is mended.
    pub fn check_next(
        &mut self,
        instances: &BTreeSet<InstanceId>,
        count: usize,
        desired: &Desired,
    ) -> bool {
        let (last_row, last_vport) = &mut self.checked;
        let (wanted, found) = (&desired.tables, &self.observed.tables);
        let rows = [wanted, found].map(|tables| tables.keys_after(*last_row, count));
        let rows = first(rows.into_iter().flatten(), count, last_row);
        let after = (
            last_vport.map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded,
        );
        let rows_of = |vports: &BTreeMap<u32, Vport>| -> Vec<u32> {
            let vports = vports.range(after).take(count);
            vports.map(|(vport, _)| *vport).collect()
        };
        let vports = rows_of(&wanted.vports)
            .into_iter()
            .chain(rows_of(&found.vports));
        let devices = self.observed.devices.range(after).take(count);
        let vports = vports.chain(devices.map(|(vport, _)| *vport));
        let vports = first(vports, count, last_vport);
        let agrees = |vport: &u32| self.index.agrees_at(*vport, desired, &self.observed);
        let is_right = vports.iter().all(agrees);
        if is_right {
            self.touched.rows.extend(rows);
            self.touched.vports.extend(vports);
            self.touched.instances.extend(instances);
        } else {
            self.begin(desired);
        }
        is_right
    }

    /// Whether there is anything to plan: something has changed, or is to be planned again.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.looks_at_all || !self.touched.is_empty() || !self.pending.rows.is_empty()
    }

    /// Whether deferred steps are left to do, as of the last plan.
    #[must_use]
    pub fn has_deferred(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// The next plan is of all that is left to do.
    pub fn plan_all_again(&mut self) {
        self.looks_at_all = true;
    }

    /// The next plan is of what the step is about, too: it has failed, or was left out for now.
    pub fn plan_again(&mut self, step: &Step) {
        self.touched.add_step(step);
        if let Some(vport) = step.vport() {
            self.touched.add_vport(vport, &self.observed);
        }
    }

    /// The next plan is of these vports, too: something that steps at them wait for has changed.
    pub fn plan_again_at(&mut self, vports: impl IntoIterator<Item = u32>) {
        self.touched.vports.extend(vports);
    }

    /// The next plan is of what is worked on in a queue, too: a step has ended there.
    pub fn plan_again_in(&mut self, queue: Queue) {
        self.touched.add_queue(queue);
    }

    /// Takes over that a step has been done.
    pub fn done(&mut self, step: &Step) {
        // A row that stands as the last plan wanted it need not be looked at again for its sake.
        match step {
            Step::Table(change) if !change.is_unannounced() => {
                self.pending.rows.remove(&change.key());
            }
            Step::Announce(announcement) => {
                let key = TableKey::Mapping(announcement.key);
                self.pending.rows.remove(&key);
            }
            step => self.plan_again(step),
        }
        let concerned = Concerned::by(step, &self.observed, &self.index);
        self.index.forget(step, &concerned, &self.observed);
        self.observed.apply_to(step, &concerned);
        self.index.remember(step, &concerned, &self.observed);
    }

    /// What is to be cut because `change` could not be made: the vports that pass and name the policy, if rules of it have gone
    /// with the change. They would let in what those rules have let in, until the change is made.
    #[must_use]
    pub fn cuts_without(&self, change: &TableChange) -> Vec<Step> {
        let tables = &self.observed.tables;
        let Some(policy) = change.policy().filter(|_| change.takes_rules(tables)) else {
            return Vec::new();
        };
        let named = self.index.naming(policy);
        let rows = named.filter_map(|vport| Some((vport, tables.vports.get(&vport)?)));
        let passing = rows.filter(|(vport, _)| self.observed.passes(*vport));
        let cut = |(vport, row): (u32, &Vport)| {
            let cut = Vport {
                flags: row.flags | Vport::BLOCKED,
                generation: self.index.last_generation() + 1,
                ..*row
            };
            Step::Cut(vport, cut)
        };
        passing.map(cut).collect()
    }

    /// Whether a row of a vport that stands names the policy.
    #[must_use]
    pub fn names(&self, policy: u32) -> bool {
        self.index.naming(policy).next().is_some()
    }

    /// Takes over what has been found on the machine, but for the tables, where it is not what was remembered: all but what
    /// belongs to queues that were being `changed` meanwhile. Whether there was anything.
    pub fn take_over(&mut self, seen: SeenDevices, changed: &BTreeSet<Queue>) -> bool {
        let tables = core::mem::take(&mut self.observed.tables);
        let before = self.observed.clone();
        self.observed.take_over(seen, changed);
        let differs = before != self.observed;
        if differs {
            self.touched.add_observed(&before, &self.observed);
        }
        self.observed.tables = tables;
        if differs {
            self.index.read_observed(&self.observed);
        }
        differs
    }

    /// Takes over what has been read from the tables.
    pub fn read_tables(&mut self, tables: Tables, globals: Globals) {
        self.touched.add_tables(&self.observed.tables, &tables);
        self.observed.tables = tables;
        self.observed.globals = globals;
        self.index.read_observed(&self.observed);
    }

    /// Frees the numbers of attachments that have left no trace, and for whose vport no step is under way. Whether there
    /// were any.
    pub fn release_vports(
        &mut self,
        desired: &Desired,
        in_flight: &InFlight,
        vports: &mut VportNumbers,
    ) -> bool {
        let observed = &self.observed;
        let mut released = false;
        self.left.retain(|vport| {
            let Some(id) = vports.attachment(*vport) else {
                return false;
            };
            let row = desired.tables.vports.get(vport);
            if desired.interfaces.contains_key(&id) || row.is_some_and(Vport::is_endpoint) {
                return false;
            }
            let leaves_trace = observed.devices.contains_key(vport)
                || observed.passes(*vport)
                || in_flight.touches_vport(*vport);
            if !leaves_trace {
                vports.release(id);
                released = true;
            }
            leaves_trace
        });
        released
    }
}

/// The first `count` of the keys, which are after the `last` ones; none after the end, where the next begin anew.
fn first<K: Ord + Copy>(
    keys: impl Iterator<Item = K>,
    count: usize,
    last: &mut Option<K>,
) -> BTreeSet<K> {
    let mut keys: BTreeSet<K> = keys.collect();
    while keys.len() > count {
        keys.pop_last();
    }
    *last = keys.last().copied().filter(|_| keys.len() == count);
    keys
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use eni_abi::{IdentityKey, RuleBits};
    use eni_lower::{Lowering, Numbers};
    use eni_model::testing::{TestWorld, differing_rows, random_step};
    use proptest::prelude::*;

    use super::*;

    /// Sets the source/destination check of one of the interfaces in use.
    fn change_a_check(seed: u64, region: &mut TestWorld) {
        let enis = region.world.network_interfaces.iter();
        let attached = enis.filter(|eni| eni.attachment.is_some());
        let ids: Vec<_> = attached.map(|eni| eni.network_interface_id).collect();
        let Some(id) = ids.get((seed / 2) as usize % ids.len().max(1)) else {
            return;
        };
        let (id, is_checked) = (id.to_string(), seed.is_multiple_of(2).to_string());
        let check = [
            ("NetworkInterfaceId", &*id),
            ("SourceDestCheck.Value", &*is_checked),
        ];
        region.must("ModifyNetworkInterfaceAttribute", &check);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_index_that_follows_is_the_index_of_what_it_has_followed(
            steps in prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>()), 1..120),
        ) {
            let mut region = TestWorld::bootstrapped();
            let settings = region.region.clone();
            let (mut vports, numbers) = (VportNumbers::default(), Numbers::default());
            let (mut lowering, _) = Lowering::new(&region.world, &settings, numbers, &mut vports);
            let mut convergence = Convergence::new(Observed::default());
            convergence.begin(lowering.desired());
            for (choice, seed, done) in steps {
                let before = region.world.clone();
                // The random calls seldom let an interface take what is another's.
                if seed.is_multiple_of(4) {
                    change_a_check(seed / 4, &mut region);
                } else {
                    random_step(choice, seed, &mut region);
                }
                let keys = differing_rows(&before, &region.world);
                let update = lowering.update(&before, &region.world, &keys, &mut vports);
                convergence.follow(&update.delta, lowering.desired());
                let plan = convergence.plan(lowering.desired());
                for (number, step) in plan.steps().enumerate() {
                    // Some steps fail.
                    if done.rotate_right(number as u32) & 1 == 1 {
                        convergence.done(step);
                    }
                    let whole = Index::of(lowering.desired(), convergence.observed());
                    prop_assert_eq!(&convergence.index, &whole, "after {:?}", step);
                }
                prop_assert!(checks_all(&mut convergence, lowering.desired()));
                let whole = Index::of(lowering.desired(), convergence.observed());
                prop_assert_eq!(&convergence.index, &whole, "after {:?}", keys);
                convergence.release_vports(lowering.desired(), &InFlight::default(), &mut vports);
            }
        }
    }

    /// Checks everything, in pieces.
    fn checks_all(convergence: &mut Convergence, desired: &Desired) -> bool {
        loop {
            let is_right = convergence.check_next(&BTreeSet::new(), 7, desired);
            if !is_right || convergence.checked == (None, None) {
                return is_right;
            }
        }
    }

    #[test]
    fn a_check_in_pieces_finds_what_was_not_told() {
        let region = eni_model::testing::region_of(20);
        let settings = region.region.clone();
        let (mut vports, numbers) = (VportNumbers::default(), Numbers::default());
        let (lowering, _) = Lowering::new(&region.world, &settings, numbers, &mut vports);
        let desired = lowering.desired();
        let mut settled = Convergence::new(Observed::default());
        settled.begin(desired);
        for step in settled.plan(desired).steps() {
            settled.done(step);
        }
        assert!(settled.plan(desired).is_empty());
        assert!(checks_all(&mut settled, desired));
        assert!(settled.plan(desired).is_empty());

        let rows = settled.observed.tables.keys().count();
        assert!(rows > 50, "{rows} rows are one piece");
        for row in settled.observed.tables.keys() {
            let mut lost = settled.clone();
            lost.observed.tables.apply(&Tables::default().change(row));
            assert!(checks_all(&mut lost, desired));
            let steps = lost.plan(desired);
            assert!(steps.now.contains(&Step::Table(desired.tables.change(row))));
        }
        for vport in settled.observed.devices.keys() {
            let mut lost = settled.clone();
            lost.observed.linked.remove(vport);
            lost.observed.tables.vports.remove(vport);
            lost.index.read_observed(&lost.observed);
            assert!(checks_all(&mut lost, desired));
            let steps = lost.plan(desired);
            assert!(steps.deferred.contains(&Step::Link(*vport)));
            assert!(matches!(&*steps.now, [Step::WriteVport(at, _)] if at == vport));
        }
        let nothing = Observed::default();
        for index in [
            Index::of_observed(&settled.observed),
            Index::of(desired, &nothing),
        ] {
            let mut wrong = settled.clone();
            wrong.index = index;
            assert!(!checks_all(&mut wrong, desired));
            assert_eq!(wrong.index, settled.index, "mended");
        }
    }

    #[test]
    fn a_rule_that_could_not_be_taken_from_a_policy_cuts_who_names_it() {
        let row = |flags, security_policy| Vport {
            flags,
            security_policy,
            generation: 4,
            ..Vport::default()
        };
        let mut both = RuleBits::EMPTY;
        both.insert(1);
        let one = both;
        both.insert(2);
        let key = IdentityKey::default();
        let key = |policy| IdentityKey {
            policy: eni_abi::PolicyKey::new(policy, eni_abi::Direction::Ingress),
            ..key
        };
        let mut observed = Observed::default();
        let blocked = Vport::PRESENT | Vport::BLOCKED;
        let rows = [
            (1, Vport::PRESENT, 7),
            (2, Vport::PRESENT, 8),
            (3, blocked, 7),
        ];
        for (vport, flags, policy) in rows {
            observed.tables.vports.insert(vport, row(flags, policy));
        }
        observed.tables.identity_rules.insert(key(7), one);
        let mut convergence = Convergence::new(observed);
        convergence.index.read_observed(&convergence.observed);
        let without =
            |policy, bits| convergence.cuts_without(&TableChange::IdentityRule(key(policy), bits));
        assert_eq!(without(7, Some(both)), [], "a rule has come");
        assert_eq!(without(8, Some(both)), [], "the row is new");
        let cut = Vport {
            generation: 5,
            ..row(blocked, 7)
        };
        assert_eq!(without(7, None), [Step::Cut(1, cut)]);
        let other = Some(RuleBits::EMPTY);
        assert_eq!(without(7, other), [Step::Cut(1, cut)]);
    }

    #[test]
    fn the_vport_of_an_endpoint_that_has_come_back_is_not_given_again() {
        let mut region = TestWorld::bootstrapped();
        let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let subnet = [("VpcId", &*vpc), ("CidrBlock", "10.0.1.0/24")];
        let subnet = region.make("CreateSubnet", &subnet, "/subnet/subnetId");
        let without = region.world.clone();
        let endpoint = [
            ("VpcEndpointType", "Interface"),
            ("ServiceName", "com.amazonaws.us-east-1.ec2"),
            ("VpcId", &*vpc),
            ("SubnetId.1", &*subnet),
            ("PrivateDnsEnabled", "false"),
        ];
        region.must("CreateVpcEndpoint", &endpoint);
        let with = region.world.clone();
        let keys = differing_rows(&without, &with);

        let settings = region.region.clone();
        let (mut vports, numbers) = (VportNumbers::default(), Numbers::default());
        let (mut lowering, _) = Lowering::new(&with, &settings, numbers, &mut vports);
        let mut convergence = Convergence::new(Observed::default());
        convergence.begin(lowering.desired());
        // Its row is never written: what is desired alone holds the number.
        for (before, after, is_released) in [
            (&with, &without, None),
            (&without, &with, Some(false)),
            (&with, &without, Some(true)),
        ] {
            let update = lowering.update(before, after, &keys, &mut vports);
            convergence.follow(&update.delta, lowering.desired());
            if let Some(is_released) = is_released {
                let desired = lowering.desired();
                let released =
                    convergence.release_vports(desired, &InFlight::default(), &mut vports);
                assert_eq!(released, is_released);
            }
            let is_numbered = vports.iter().count() == 1;
            assert_eq!(is_numbered, is_released != Some(true));
        }
    }
}
