//! A world for tests in which everything is the same in every run.

mod invariants;
mod region_of;
mod rng;
mod sequences;
mod unchanging;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_query::QueryTree;
use eni_types::{IdSequence, Timestamp};
use serde_json::Value;

use crate::operations::empty_family::EmptyFamily;
use crate::operations::key_pair::NewKeyPair;
use crate::resource::ResourceKey;
use crate::{
    Caller, ChangeSet, Context, Ec2Error, Operation, RegionSettings, Resource, World, bootstrap,
    read_request,
};

pub use invariants::check_invariants;
pub use region_of::region_of;
pub use rng::TestRng;
pub use sequences::random_step;
pub use unchanging::Unchanging;

/// The rows that differ between two worlds, found by comparing all of them.
#[must_use]
pub fn differing_rows(before: &World, after: &World) -> BTreeSet<ResourceKey> {
    let rows = |world: &World| -> Vec<Resource> { world.resources().collect() };
    let (before, after) = (rows(before), rows(after));
    let differs = |row: &&Resource| !(before.contains(row) && after.contains(row));
    let rows = before.iter().chain(&after);
    rows.filter(differs).map(Resource::key).collect()
}

/// When a test begins.
const START: Timestamp = Timestamp(1_795_201_854_000);

/// A region of three zones, the account `123456789012` and the pool `203.0.113.0/24`, called as a client calls it.
#[derive(Clone, Debug)]
pub struct TestWorld {
    /// What the calls so far have made.
    pub world: World,
    /// The settings that calls are planned under.
    pub region: RegionSettings,
    /// The time of the next call; nothing moves it but the test.
    pub now: Timestamp,
    /// Who calls; the region's owner, where there is none.
    pub caller: Option<Caller>,
    /// What the last call changed; empty after one that failed.
    pub changes: ChangeSet,
    rng: TestRng,
    ids: IdSequence,
}

impl TestWorld {
    /// A region without anything in it.
    #[must_use]
    pub fn empty() -> Self {
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        Self {
            world: World::default(),
            region: RegionSettings {
                region: "us-east-1".into(),
                availability_zones: zones.map(String::from).into(),
                account_id: "123456789012".into(),
                public_pool: "203.0.113.0/24".parse().expect("a literal block"),
            },
            now: START,
            caller: None,
            changes: ChangeSet::none(),
            rng: TestRng::new(0),
            ids: IdSequence::new(START, 0),
        }
    }

    /// A region as an account finds it, with its default VPC.
    #[must_use]
    pub fn bootstrapped() -> Self {
        let mut made = Self::empty();
        let changes = bootstrap(&made.region, &mut made.ids);
        made.world.apply(&changes);
        made
    }

    /// Puts a resource as a call would, with what belongs to it.
    pub fn put(&mut self, resource: impl Into<Resource>) {
        let mut changes = ChangeSet::none();
        changes.put(resource);
        changes.add_identities(&self.world);
        self.world.apply(&changes);
    }

    /// Runs `action` with these parameters, from their text on, applies what it changes, and gives the answer as JSON
    /// (lists are `{"item": […]}`, as in the XML).
    ///
    /// # Errors
    /// The operation's.
    ///
    /// # Panics
    /// If no operation has this name.
    pub fn call(&mut self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, Ec2Error> {
        macro_rules! dispatch {
            ($($operation:ident,)*) => {
                match action {
                    $(stringify!($operation) => self.plan_and_apply::<crate::api::$operation>(parameters),)*
                    _ => self.list_nothing(action, parameters),
                }
            };
        }
        crate::for_each_operation!(dispatch)
    }

    /// Who calls: the region's owner, unless a test says otherwise.
    fn caller(&self) -> Caller {
        let owner = || Caller::root(self.region.account_id.clone());
        self.caller.clone().unwrap_or_else(owner)
    }

    fn list_nothing(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, Ec2Error> {
        let family =
            EmptyFamily::find(action).unwrap_or_else(|| panic!("no operation is named {action}"));
        let tree = QueryTree::from_pairs(parameters.iter().copied())?;
        let answer = family.plan(&tree.read()?, &self.world)?;
        Ok(serde_json::to_value(answer).expect("answers have string keys only"))
    }

    /// Runs `action`, which must succeed, and gives the text at `pointer` (RFC 6901) of the answer, such as an id.
    ///
    /// # Panics
    /// If the call fails or its answer has no text there.
    pub fn make(&mut self, action: &str, parameters: &[(&str, &str)], pointer: &str) -> String {
        let answer = self.must(action, parameters);
        answer
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{action} answers no text at {pointer}: {answer:#}"))
            .into()
    }

    /// Runs `action`, which must succeed.
    ///
    /// # Panics
    /// If the call fails.
    pub fn must(&mut self, action: &str, parameters: &[(&str, &str)]) -> Value {
        self.call(action, parameters)
            .unwrap_or_else(|error| panic!("{action} {parameters:?}: {error}"))
    }

    /// Runs `action`, which must fail without changing anything, and gives `CODE: message`.
    ///
    /// # Panics
    /// If the call succeeds.
    pub fn refused(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        match self.call(action, parameters) {
            Err(error) => format!("{error}"),
            Ok(answer) => panic!("{action} {parameters:?} is answered: {answer:#}"),
        }
    }

    /// The texts at `pointer` in each member of the list at `list` of an answer.
    #[must_use]
    pub fn texts(answer: &Value, list: &str, pointer: &str) -> Vec<String> {
        let members = answer
            .pointer(&format!("{list}/item"))
            .and_then(Value::as_array);
        members
            .into_iter()
            .flatten()
            .filter_map(|member| member.pointer(pointer)?.as_str().map(String::from))
            .collect()
    }

    fn plan_and_apply<O: Operation>(
        &mut self,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Ec2Error> {
        self.changes = ChangeSet::none();
        let mut tree = QueryTree::from_pairs(parameters.iter().copied())?;
        let request: O = read_request(&mut tree)?;
        let caller = self.caller();
        self.ids.advance_to(self.now, 0);
        let mut context = Context {
            caller: &caller,
            region: &self.region,
            now: self.now,
            ids: &mut self.ids,
            rng: &mut self.rng,
            fingerprint: tree.fingerprint(),
            key_pair: request.wants_key_pair(&self.world)?.map(|_| made()),
        };
        let (mut changes, response) = request.plan(&self.world, &mut context)?;
        assert!(
            O::MUTATES || changes.is_empty(),
            "{} says that it changes nothing",
            O::NAME
        );
        changes.add_identities(&self.world);
        self.world.apply(&changes);
        self.changes = changes;
        Ok(serde_json::to_value(&response).expect("answers have string keys only"))
    }
}

/// A key pair that takes no time to make, the same for every call.
fn made() -> NewKeyPair {
    NewKeyPair {
        public_key:
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFI7HH1XT/2e4InAXC3F+AEgT3fT/XEyjWKE+iHd4Lt made"
                .into(),
        fingerprint: "PO53Jrn+Q45tAha4lO95nmJtKSEI1bFH/GD0YgJg1wI=".into(),
        key_material: "-----BEGIN A KEY-----".into(),
    }
}
