//! HTTP, SigV4 and XML in front of the model.
//!
//! [`serve`] takes connections, [`QueryApi`] answers the calls on them: it reads the form, verifies the signature, finds
//! the operation in the model's list, reads its request, has the region plan (and commit) it and writes the answer
//! as XML. What is refused is refused as EC2 or STS words it, a [`Fault`]; requests for other services of AWS are refused
//! in those services' own protocols.
//!
//! Every call leaves one line in the log, under the target [`ACCESS_LOG`]; none shows a parameter or a secret.
//!
//! A listing is written a piece at a time from one moment of the region: a short one at once, a long one by threads of its
//! own ([`workers`]) while it is sent ([`long_answer`]).
//!
//! Bounds: head, body, time and number of connections (constants in `server`), number, time and pace of long answers (in
//! `turns` and `long_answer`). Nothing a client sends ends the server.
#![forbid(unsafe_code)]

mod access_log;
mod client;
mod credentials;
mod fault;
mod key_maker;
mod long_answer;
mod operations;
mod other_service;
mod patient;
mod pieces;
mod query_api;
mod server;
mod sessions;
pub mod sigv4;
mod sts;
mod turns;
mod workers;
pub mod xml;

pub use access_log::ACCESS_LOG;
pub use client::Client;
pub use credentials::{Access, CredentialStore, Credentials, SecretAccessKey};
pub use fault::Fault;
pub use operations::Consoles;
pub use query_api::{Answer, QueryApi};
pub use server::{ServeError, serve, serve_one};
