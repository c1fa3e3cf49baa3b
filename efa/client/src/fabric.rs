//! The connection to the fabric service.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eni_efa_abi::Gid;
use eni_efa_abi::control::{
    DeviceAttributes, EndpointKind, Event, PROTOCOL_VERSION, Refusal, Request,
};
use eni_efa_abi::limits::CONTROL_TIMEOUT;
use eni_efa_channel::{ControlSocket, Received, RegionError};

use crate::connection::{Answer, Session};
use crate::endpoint::Endpoint;
use crate::service_rings::{ServiceRings, Unmapped};

/// Names the service's socket.
pub const SOCKET_VARIABLE: &str = "OPENENI_FABRIC_SOCKET";
/// The service's socket where [`SOCKET_VARIABLE`] is not set.
pub const DEFAULT_SOCKET: &str = "/run/openeni/fabric.sock";

/// The number of an address handle within its device and program.
pub type AddressHandleNumber = u16;

/// Why there is no fabric.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody listens, or the thread cannot be started.
    #[error("cannot reach the fabric service at {path}")]
    Connect {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Someone else listens, or another version.
    #[error("what listens at {path} is no fabric service of this version")]
    Version {
        /// Where.
        path: PathBuf,
    },
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The service says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The kernel says no.
    #[error(transparent)]
    Region(#[from] RegionError),
}

/// One control connection and the devices that it may open.
#[derive(Debug)]
pub struct Fabric {
    session: Arc<Session>,
    devices: Vec<DeviceAttributes>,
}

impl Fabric {
    /// Connects to the service at [`SOCKET_VARIABLE`], or else at [`DEFAULT_SOCKET`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open() -> Result<Self, OpenError> {
        match std::env::var_os(SOCKET_VARIABLE) {
            Some(path) => Self::open_at(Path::new(&path)),
            None => Self::open_at(Path::new(DEFAULT_SOCKET)),
        }
    }

    /// Connects to the service at `path`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_at(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Connect {
            path: path.to_owned(),
            source,
        };
        let socket = ControlSocket::connect(path, CONTROL_TIMEOUT).map_err(failed)?;
        let welcome = socket.receive().map_err(failed)?;
        let Received::Message(
            Event::Welcome {
                version: PROTOCOL_VERSION,
                devices,
            },
            _,
        ) = welcome
        else {
            return Err(OpenError::Version {
                path: path.to_owned(),
            });
        };
        socket.wait_for_ever().map_err(failed)?;
        let session = Arc::new(Session::start(socket).map_err(failed)?);
        Ok(Self { session, devices })
    }

    /// The devices that this program may open, as they were when it connected.
    pub fn devices(&self) -> &[DeviceAttributes] {
        &self.devices
    }

    /// A number for an address handle, after the service has agreed that `device` may talk to `gid`. The same address
    /// gives the same number again.
    ///
    /// # Errors
    /// [`Refusal`]. Waits for the service for [`CONTROL_TIMEOUT`] at most.
    pub fn create_address_handle(
        &self,
        device: usize,
        gid: Gid,
    ) -> Result<AddressHandleNumber, Refusal> {
        let device = self.device_number(device)?;
        let ask = |request| Request::CreateAddressHandle {
            request,
            device,
            gid,
        };
        match self.session.connection.ask(ask, &[])? {
            Answer::AddressHandle(number) => Ok(number),
            Answer::Endpoint { .. } | Answer::Refused(_) => Err(Refusal::ServiceGone),
        }
    }

    /// Makes an endpoint: a queue pair on `device`.
    ///
    /// # Errors
    /// [`CreateError`]. Waits for the service for [`CONTROL_TIMEOUT`] at most.
    pub fn create_endpoint(
        &self,
        device: usize,
        kind: EndpointKind,
    ) -> Result<Endpoint, CreateError> {
        let number = self.device_number(device)?;
        let attributes = self.devices.get(device).ok_or(Refusal::NoSuchDevice)?;
        let ours = if attributes.reaches_other_hosts {
            Some(Unmapped::create()?)
        } else {
            None
        };
        let ask = |request| Request::CreateEndpoint {
            request,
            device: number,
            kind,
        };
        let files: Vec<_> = ours
            .iter()
            .flat_map(|ours| ours.files.iter().map(AsFd::as_fd))
            .collect();
        let answer = self.session.connection.ask(ask, &files)?;
        let Answer::Endpoint {
            endpoint,
            queue_pair,
            mailbox,
            regions,
        } = answer
        else {
            return Err(Refusal::ServiceGone.into());
        };
        let rings = ours
            .map(|ours| ServiceRings::map(ours, &regions))
            .transpose();
        let rings = rings.inspect_err(|_| self.session.connection.forget(endpoint))?;
        let session = Arc::clone(&self.session);
        Ok(Endpoint::new(
            session,
            mailbox,
            endpoint,
            eni_efa_abi::Peer {
                gid: attributes.gid,
                queue_pair,
            },
            rings,
        ))
    }

    fn device_number(&self, device: usize) -> Result<u16, Refusal> {
        if device >= self.devices.len() {
            return Err(Refusal::NoSuchDevice);
        }
        u16::try_from(device).map_err(|_| Refusal::NoSuchDevice)
    }
}
