//! A private region and its EC2 client, for demonstrations, benchmarks and tests.

mod ec2;
mod key_pair;
mod median;
mod region;

pub use ec2::{Answer, CallError, Ec2};
pub use key_pair::KeyPair;
pub use median::median;
pub use region::{PrivateRegion, isolate};
