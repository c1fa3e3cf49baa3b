//! The rules of EC2 networking: a world, a request, a change set.
//!
//! Each operation is a request type that reads itself from the Query protocol, a response type that serialises to EC2's
//! XML, and a planner: `plan(self, &World, &mut Context) -> Result<(ChangeSet, Response), Ec2Error>`. Planners are pure.
//! A change set is applied to a [`World`] whole or not at all.
//!
//! *Invariant*: nothing here knows HTTP, Linux or the store.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod api;
mod bootstrap;
mod caller;
mod change;
mod client_token;
mod context;
pub mod describe;
mod error;
mod host;
mod identity;
mod index;
pub mod instance_types;
mod items;
mod operation;
pub mod operations;
pub mod persistent;
pub mod resource;
mod served;
mod table;
pub mod tags;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transition;
mod unserved;
mod world;

pub use bootstrap::bootstrap;
pub use caller::{Caller, Principal};
pub use change::{Change, ChangeSet};
pub use client_token::ClientToken;
pub use context::{Context, RegionSettings};
pub use error::{Ec2Error, ErrorCode};
pub use host::{Published, Reports, Source};
pub use identity::{Identity, IdentityNumber, SecurityGroupSet};
pub use index::{Ids, Index};
pub use items::{ItemSet, Members, ReturnTrue};
pub use operation::{Action, ApiService, Await, Console, Listed, Operation, Planned};
pub use resource::{Resource, ResourceKind, World};
pub use served::ServedApi;
pub use table::{FoundBy, IdsOf, Indexed, Indexes, Row, Table};
pub use transition::{Transition, expire, plan_transitions};
pub use unserved::read_request;
