//! A program that speaks the control protocol by hand, so that it can break it.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use eni_efa_abi::control::{self, EndpointKind, Event, Request};
use eni_efa_abi::limits::DEFAULT_RING;
use eni_efa_abi::region::{MAGIC, UNIT, VERSION, size};
use eni_efa_channel::{ControlSocket, Received};
use rustix::fs::{MemfdFlags, SealFlags};

use super::PATIENCE;

/// Seals of an honest region.
pub(crate) const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);
/// Units of an ordinary ring.
pub(crate) const UNITS: u32 = DEFAULT_RING / UNIT as u32;

/// A connection without a client library.
pub(crate) struct Raw {
    pub(crate) socket: ControlSocket,
    pub(crate) devices: usize,
}

impl Raw {
    pub(crate) fn open(path: &Path) -> Self {
        let socket = ControlSocket::connect(path, PATIENCE).unwrap();
        let mut raw = Self { socket, devices: 0 };
        let (Event::Welcome { devices, .. }, _) = raw.receive() else {
            panic!("no welcome")
        };
        raw.devices = devices.len();
        raw
    }

    pub(crate) fn send(&self, request: Request, files: &[&OwnedFd]) {
        let bytes = control::encode(&request).unwrap();
        let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        self.socket.send(&bytes, &files, true).unwrap();
    }

    pub(crate) fn receive(&self) -> (Event, Vec<OwnedFd>) {
        match self.socket.receive().unwrap() {
            Received::Message(event, files) => (event, files),
            Received::End => panic!("the service has closed"),
        }
    }

    /// Whether the service has closed this connection.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.socket.receive::<Event>(), Ok(Received::End))
    }

    pub(crate) fn create_endpoint(&self, device: u16) -> (u32, u32) {
        let kind = EndpointKind::Srd;
        self.send(
            Request::CreateEndpoint {
                request: 1,
                device,
                kind,
            },
            &[],
        );
        match self.receive().0 {
            Event::EndpointCreated {
                endpoint,
                queue_pair,
                ..
            } => (endpoint, queue_pair),
            other => panic!("no endpoint: {other:?}"),
        }
    }
}

/// A memfd with these bytes at its start, of this size, with these seals.
pub(crate) fn memfd(start: &[u8], size: usize, seals: SealFlags) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("forged", flags).unwrap());
    file.set_len(size as u64).unwrap();
    file.write_all(start).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file.into()
}

/// What a region begins with.
pub(crate) fn start_of_region(magic: u64) -> Vec<u8> {
    let mut start = magic.to_ne_bytes().to_vec();
    start.extend(VERSION.to_ne_bytes());
    start.extend(UNITS.to_ne_bytes());
    start
}

/// A region that is as it must be, but for `contents` in its ring and what its owner claims to have consumed.
pub(crate) fn region_with(contents: &[u8], consumed: u32) -> OwnedFd {
    let mut start = start_of_region(MAGIC);
    start.resize(0x80, 0);
    start.extend(consumed.to_ne_bytes());
    start.resize(0x200, 0);
    start.extend(contents);
    memfd(&start, size(UNITS), SEALS)
}
