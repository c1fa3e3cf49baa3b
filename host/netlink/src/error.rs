//! What can go wrong between us and the kernel.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

/// A request to the kernel failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel refused the request.
    #[error("{request} was refused")]
    Refused {
        /// The request in words, for example `add veth eni7`.
        request: String,
        /// The kernel's reason.
        #[source]
        errno: Errno,
    },
    /// The socket failed, or no answer came in [`crate::ANSWER_TIMEOUT`].
    #[error("{request}: no answer from netlink")]
    Socket {
        /// The request in words.
        request: String,
        /// What the socket said.
        #[source]
        errno: Errno,
    },
    /// The answer could not be parsed.
    #[error("{request}: unreadable answer")]
    Unreadable {
        /// The request in words.
        request: String,
        /// What the parser said.
        #[source]
        source: netlink_packet_core::DecodeError,
    },
    /// A namespace could not be made, entered or removed, or a setting in it not written.
    #[error("{action} {path}")]
    Namespace {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl NetlinkError {
    /// Whether the kernel refused because the name or the index is taken.
    #[must_use]
    pub fn is_already_there(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                errno: Errno::EEXIST | Errno::EBUSY,
                ..
            }
        )
    }

    /// Whether the kernel refused for what it found (no such device, no way to the gateway, ...), and would refuse again
    /// as long as that stays so; not because it is short of something.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        let short = |errno: Errno| {
            matches!(
                errno,
                Errno::ENOMEM | Errno::ENOBUFS | Errno::EAGAIN | Errno::EPERM | Errno::EINTR
            )
        };
        matches!(self, Self::Refused { errno, .. } if !short(*errno))
    }

    /// Whether the kernel refused because the object of the request is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                errno: Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL,
                ..
            }
        )
    }
}

/// Takes "it is there already" for success, and says by `false` that it was.
pub(crate) fn whether_new(result: Result<(), NetlinkError>) -> Result<bool, NetlinkError> {
    match result {
        Err(error) if error.is_already_there() => Ok(false),
        other => other.map(|()| true),
    }
}

/// Takes "it is gone already" for success.
pub(crate) fn gone_is_fine(result: Result<(), NetlinkError>) -> Result<(), NetlinkError> {
    match result {
        Err(error) if error.is_gone() => Ok(()),
        other => other,
    }
}
