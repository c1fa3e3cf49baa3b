//! What an operation is.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{AttachmentId, InstanceId, ReservationId, Timestamp};
use serde::Serialize;

use crate::describe::Listing;
use crate::operations::key_pair::WantedKeyPair;
use crate::resource::Instance;
use crate::{ChangeSet, Context, Ec2Error, World};

/// Whose operation a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiService {
    /// Elastic Compute Cloud.
    Ec2,
    /// Identity and Access Management.
    Iam,
}

impl ApiService {
    /// As texts call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Iam => "IAM",
        }
    }
}

/// A request, as its service's model has it: what `cargo xtask api` writes.
pub trait Action: FromQuery + Send + 'static {
    /// Whose it is.
    const SERVICE: ApiService = ApiService::Ec2;
    /// The `Action`, such as `CreateSubnet`.
    const NAME: &'static str;
    /// Whether planning may change the world. Describes do not: they run at once against the published world.
    const MUTATES: bool;
    /// Whether it takes `DryRun` (a few do not).
    const HAS_DRY_RUN: bool;
    /// What is answered; its serialised fields are the children of `<NAMEResponse>` after `requestId`.
    type Response: Serialize + Send + 'static;
}

/// What planning gives: the changes and the answer, or EC2's error.
pub type Planned<A> = Result<(ChangeSet, <A as Action>::Response), Ec2Error>;

/// A listing that no request is refused for any more; `None` for a call whose answer is planned whole.
pub type Listed<A> = Result<Option<Box<dyn Listing<<A as Action>::Response>>>, Ec2Error>;

/// The rules of one EC2 operation: what a person writes for a request.
pub trait Operation: Action {
    /// Whether the answer waits (bounded) until the packet tables are as the call has made the world. What a call forbids
    /// then passes no more once it is answered, even if the region is killed at that moment.
    const AWAITS_TABLES: bool = false;

    /// Checks the request against the rules and says what it changes and answers. Pure.
    ///
    /// # Errors
    /// EC2's error for the first rule that the request breaks. Then nothing changes.
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self>;

    /// The same answer in parts, for a call that lists what there may be many of. Pure.
    ///
    /// # Errors
    /// As [`Operation::plan`]: the parts cannot fail.
    fn listing(&self, _world: &World) -> Listed<Self> {
        Ok(None)
    }

    /// The key pair that is to be made for the call before it is planned ([`Context::key_pair`]): nobody is to wait for it at the
    /// region's writer.
    ///
    /// # Errors
    /// As [`Operation::plan`], so that none is made for a call that is refused.
    fn wants_key_pair(&self, _world: &World) -> Result<Option<WantedKeyPair>, Ec2Error> {
        Ok(None)
    }

    /// What the answer waits for (bounded) after the commit, so that the next call finds it done: a client's waiter sees
    /// the final state at its first poll, and does not come back after 15 s. This is what the request tells of it.
    fn awaits(&self) -> Option<Await> {
        None
    }

    /// What the answer waits for besides, where only the answer tells what the call has made.
    fn response_awaits(_response: &Self::Response) -> Option<Await> {
        None
    }

    /// Whose console the answer shows, which is on the machine and not in the world.
    fn wants_console(_response: &Self::Response) -> Option<InstanceId> {
        None
    }

    /// Puts into the answer what [`Operation::wants_console`] asks for. Not called for an instance without a console.
    fn show_console(_response: &mut Self::Response, _console: &Console) {}
}

/// What an instance has printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// The end of it.
    pub output: Vec<u8>,
    /// When the last of it was printed.
    pub written: Timestamp,
}

/// What the agent brings about after a commit. It holds when nothing of it is on its way to another state any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Await {
    /// None of these is `pending`, `stopping` or `shutting-down`.
    Instances(Vec<InstanceId>),
    /// None of the instances that this call launched is.
    Launch(ReservationId),
    /// The attachment is neither `attaching` nor `detaching`; it may be gone.
    Attachment(AttachmentId),
}

impl Await {
    /// Whether it has come about in `world`.
    #[must_use]
    pub fn holds(&self, world: &World) -> bool {
        let at_rest = |instance: &Arc<Instance>| !instance.state.is_passing();
        match self {
            Self::Instances(ids) => ids
                .iter()
                .filter_map(|id| world.instances.get(*id))
                .all(at_rest),
            Self::Launch(id) => world.instances.by(id).all(at_rest),
            Self::Attachment(id) => world
                .network_interface_of_attachment(*id)
                .and_then(|eni| eni.attachment.as_ref())
                .is_none_or(|attachment| !attachment.status.is_passing()),
        }
    }
}
