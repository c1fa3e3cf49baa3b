//! HTTP, SigV4 and XML in front of the model.
//!
//! [`serve`] takes connections, [`QueryApi`] answers the calls on them: it reads the form, verifies the signature, finds
//! the operation in the model's list, reads its request, has the region plan (and commit) it and writes the answer
//! as XML. What is refused is refused as EC2 or STS words it, a [`Fault`]; requests for other services of AWS are refused
//! in those services' own protocols.
//!
//! Every call leaves one line in the log, under the target [`ACCESS_LOG`]; none shows a parameter or a secret.
//!
//! Bounds: head, body, time and number of connections (constants in `server`). Nothing a client sends ends the server.
#![forbid(unsafe_code)]

mod access_log;
mod credentials;
mod fault;
mod operations;
mod other_service;
mod query_api;
mod server;
pub mod sigv4;
mod sts;
pub mod xml;

pub use access_log::ACCESS_LOG;
pub use credentials::{Access, CredentialStore, Credentials, SecretAccessKey};
pub use fault::Fault;
pub use operations::Consoles;
pub use query_api::{Answer, QueryApi};
pub use server::serve;
