//! Sockets of both families where the kernel has both.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::errno::Errno;

/// Whom a socket hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    /// IPv6, and IPv4 by mapped addresses.
    Both,
    /// Where the kernel has no IPv6.
    Ipv4,
}

impl Families {
    /// What `open` opens for both families, or for IPv4 where there is no other.
    pub(crate) fn open<S>(open: impl Fn(Self) -> io::Result<S>) -> io::Result<S> {
        match open(Self::Both) {
            Err(error) if is_without_ipv6(&error) => open(Self::Ipv4),
            opened => opened,
        }
    }
}

fn is_without_ipv6(error: &io::Error) -> bool {
    // The latter where it is there, and turned off.
    let without = [Errno::EAFNOSUPPORT, Errno::EADDRNOTAVAIL].map(|errno| Some(errno as i32));
    without.contains(&error.raw_os_error())
}

/// All addresses of these families.
pub(crate) fn everywhere(families: Families, port: u16) -> SocketAddr {
    match families {
        Families::Both => (Ipv6Addr::UNSPECIFIED, port).into(),
        Families::Ipv4 => (Ipv4Addr::UNSPECIFIED, port).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_ipv6_ipv4_is_heard() {
        for errno in [Errno::EAFNOSUPPORT, Errno::EADDRNOTAVAIL] {
            let opened = Families::open(|families| match families {
                Families::Both => Err(errno.into()),
                Families::Ipv4 => Ok("IPv4"),
            });
            assert_eq!(opened.unwrap(), "IPv4");
        }
        let refused = Families::open(|_| Err::<(), _>(Errno::EADDRINUSE.into()));
        let error = refused.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EADDRINUSE as i32));
    }
}
