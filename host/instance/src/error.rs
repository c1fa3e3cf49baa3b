//! What can go wrong with an instance.

use std::io;
use std::path::PathBuf;

use eni_netlink::NetlinkError;
use eni_types::InstanceId;

/// A driver could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The kernel refused a change of devices, addresses, routes or network namespaces.
    #[error(transparent)]
    Network(#[from] NetlinkError),
    /// A file of the instance or its cgroup could not be read, written or removed.
    #[error("{action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// What reaches the instance's adapters could not be laid out.
    #[error(transparent)]
    AdapterFiles(crate::AdapterFilesError),
    /// The instance's first process did not come up.
    #[error("{id} did not boot: {reason}")]
    Boot {
        /// The instance.
        id: InstanceId,
        /// What was seen of it, and the last words on its console.
        reason: String,
    },
    /// No process of the instance is there to join.
    #[error("{0} is not running")]
    NotRunning(InstanceId),
    /// A command could not be run inside the instance.
    #[error("run a command in {id}")]
    Exec {
        /// The instance.
        id: InstanceId,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The instance's processes were killed and did not end.
    #[error("processes in {0} do not end")]
    Unkillable(PathBuf),
}

/// Names the action and the file in an error of the system.
pub(crate) fn file_error(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> InstanceError {
    let path = path.into();
    move |source| InstanceError::File {
        action,
        path,
        source,
    }
}
