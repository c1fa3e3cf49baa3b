//! HTTP, SigV4 and XML in front of the model.
#![forbid(unsafe_code)]

mod credentials;
pub mod sigv4;

pub use credentials::{Access, CredentialStore, Credentials, SecretAccessKey};
