//! What can go wrong on the machine.

use std::io;
use std::path::PathBuf;

use eni_bpf_loader::DataPlaneError;
use eni_instance::InstanceError;
use eni_netlink::NetlinkError;

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
    /// The agent's thread has ended.
    #[error("the agent has stopped")]
    Stopped,
}

/// An error with all its causes in one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
