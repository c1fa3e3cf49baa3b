//! What can go wrong on the machine.

use std::io;
use std::path::PathBuf;

use eni_bpf_loader::DataPlaneError;
use eni_instance::InstanceError;
use eni_netlink::NetlinkError;
use eni_types::Ipv4Cidr;

use crate::UPLINK_NAME;

/// The agent could not start, do a step, or take the network down.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Devices, addresses or namespaces.
    #[error(transparent)]
    Network(#[from] NetlinkError),
    /// The packet tables or the program.
    #[error(transparent)]
    DataPlane(#[from] DataPlaneError),
    /// Instances and their interfaces.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The service of the Elastic Fabric Adapters.
    #[error(transparent)]
    Adapters(crate::AdapterServiceError),
    /// The run directory or the agent's thread.
    #[error("{action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The host's namespace has the uplink of another region.
    #[error(
        "the device {UPLINK_NAME} of this network namespace belongs to the region of {0}: stop that one first (start it \
         and stop it, if it was killed), or run this one in a network namespace of its own (nsenter --net=/run/netns/NAME)"
    )]
    UplinkOfAnother(String),
    /// The host's namespace has a device of the uplink's name that no region made.
    #[error(
        "the device {UPLINK_NAME} of this network namespace was not made by this region: remove it (ip link delete \
         {UPLINK_NAME}) if nobody needs it, or run in a network namespace of its own (nsenter --net=/run/netns/NAME)"
    )]
    UplinkOfNobody,
    /// The public pool's addresses lead elsewhere on the host.
    #[error(
        "the public pool {pool} is in use on this host, where {holder}: take that away, or give a new region another pool by \
         --public-pool"
    )]
    PoolInUse {
        /// The pool.
        pool: Ipv4Cidr,
        /// By what.
        holder: String,
    },
    /// A lane's work has panicked.
    #[error(transparent)]
    Panicked(#[from] crate::supervision::Panicked),
    /// The agent's thread has ended.
    #[error("the agent has stopped")]
    Stopped,
}

/// An error with all its causes in one line, for people.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries' errors tell their causes themselves.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
