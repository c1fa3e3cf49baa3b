//! The listening socket.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::StartError;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;
/// Everybody may connect: a caller's network namespace says what it may open.
const SOCKET_MODE: u32 = 0o666;

/// Listens at `path`, in the place of a service that died.
pub(super) fn listen(path: &Path) -> Result<OwnedFd, StartError> {
    let failed = |source: io::Error| StartError::Listen {
        path: path.to_owned(),
        source,
    };
    let address = SocketAddrUnix::new(path).map_err(|error| failed(error.into()))?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = || net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
    let listener = socket().map_err(|error| failed(error.into()))?;
    if net::bind(&listener, &address).is_err() {
        let probe = socket().map_err(|error| failed(error.into()))?;
        match net::connect(&probe, &address) {
            // Nobody listens: what is there was left by a service that was killed.
            Err(rustix::io::Errno::CONNREFUSED) => std::fs::remove_file(path).map_err(failed)?,
            Ok(()) | Err(rustix::io::Errno::AGAIN) => {
                return Err(StartError::Running {
                    path: path.to_owned(),
                });
            }
            Err(_) => {}
        }
        net::bind(&listener, &address).map_err(|error| failed(error.into()))?;
    }
    let mode = std::fs::Permissions::from_mode(SOCKET_MODE);
    std::fs::set_permissions(path, mode).map_err(failed)?;
    net::listen(&listener, BACKLOG).map_err(|error| failed(error.into()))?;
    Ok(listener)
}
