//! What an operation is.

use eni_query::FromQuery;
use eni_types::AttachmentId;
use serde::Serialize;

use crate::{ChangeSet, Context, Ec2Error, World};

/// One EC2 operation: the request type implements this.
pub trait Operation: FromQuery + Send + 'static {
    /// The `Action`, such as `CreateSubnet`.
    const NAME: &'static str;
    /// Whether planning may change the world. Describes do not: they run at once against the published world.
    const MUTATES: bool = true;
    /// Whether the operation takes `DryRun` (a few do not).
    const HAS_DRY_RUN: bool = true;
    /// What is answered; its serialised fields are the children of `<NAMEResponse>` after `requestId`.
    type Response: Serialize + Send + 'static;

    /// Checks the request against the rules and says what it changes and answers. Pure.
    ///
    /// # Errors
    /// EC2's error for the first rule that the request breaks. Then nothing changes.
    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error>;

    /// What the answer waits for (bounded) after the commit, so that a following call finds it done.
    fn awaits(&self) -> Option<Await> {
        None
    }
}

/// Something that the agent brings about after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Await {
    /// The attachment exists no more.
    AttachmentGone(AttachmentId),
}

impl Await {
    /// Whether it has come about in `world`.
    #[must_use]
    pub fn holds(self, world: &World) -> bool {
        match self {
            Self::AttachmentGone(id) => world.network_interface_of_attachment(id).is_none(),
        }
    }
}
