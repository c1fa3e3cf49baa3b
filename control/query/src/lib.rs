//! The EC2 Query protocol: parameters to typed requests.
//!
//! A request is a flat form such as `NetworkInterface.1.PrivateIpAddresses.2.Primary=true`. [`QueryTree`] holds it as a
//! tree; [`FromQuery`], usually derived, reads a typed value out of it. Reading proves legality: ids and CIDR blocks in
//! a request are well formed, and a parameter that the request does not know is an error, as in EC2.
//!
//! ```
//! use eni_query::{FromQuery, QueryTree};
//! use eni_types::VpcId;
//!
//! #[derive(Debug, FromQuery)]
//! struct CreateSubnetRequest {
//!     vpc_id: VpcId,
//!     cidr_block: String,
//!     #[query(name = "Filter")]
//!     filters: Vec<String>,
//! }
//! let tree = QueryTree::from_pairs([("VpcId", "vpc-12345678"), ("CidrBlock", "10.0.0.0/24")]).unwrap();
//! assert_eq!(tree.read::<CreateSubnetRequest>().unwrap().cidr_block, "10.0.0.0/24");
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
extern crate self as eni_query;

mod error;
mod form;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;
mod unread;

pub use eni_query_derive::FromQuery;
pub use error::QueryError;
pub use form::{form_pairs, percent_encoded};
pub use scalar::read_id;
pub use tree::{ANY_MEMBER, MAX_DEPTH, MAX_PARAMETERS, QueryNode, QueryTree};
pub use unread::Unread;

/// What can be read from a node of the tree.
pub trait FromQuery: Sized {
    /// Whether an optional parameter of this type that is given with an empty value counts as not given, as EC2 has it:
    /// Terraform's provider sends `Placement.AvailabilityZone=` with every instance that names no zone. Ids are none of
    /// these: EC2 finds nothing under an empty one. A field marked `#[query(keep_empty)]` takes an empty text as one.
    const EMPTY_IS_ABSENT: bool = false;

    /// Reads the value at `path`; `node` is `None` where the request has nothing there.
    ///
    /// # Errors
    /// [`QueryError`], with EC2's code for what is wrong.
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError>;

    /// Reads the value among parameters that belong to the structure around it, so without refusing unknown ones.
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    fn read_flattened(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        Self::from_query(node, path)
    }

    /// Reads the value at `path`; an empty one is not taken for an absent one.
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    fn keeping_empty(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        Self::from_query(node, path)
    }

    /// Whether this type reads the child `name`. For derived types, and for the check for unknown parameters.
    #[must_use]
    fn knows(_name: &str) -> bool {
        false
    }
}
