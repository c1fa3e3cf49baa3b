//! HTTP, SigV4 and XML in front of the model.
#![forbid(unsafe_code)]

mod credentials;
mod fault;
pub mod sigv4;
pub mod xml;

pub use credentials::{Access, CredentialStore, Credentials, SecretAccessKey};
pub use fault::Fault;
