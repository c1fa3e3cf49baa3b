//! `openeni status --fabric`: a fabric service without a region answers on a socket beside its own with one JSON
//! document.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use eni_efa_abi::Gid;
use eni_fabric::{CounterReader, Device, DeviceCounters};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, socket};
use serde::{Deserialize, Serialize};

use crate::cli::Output;
use crate::status::{AdapterCounters, PATIENCE, Question, StatusError, markdown, read_document};

/// What goes on is the owner's to see.
const SOCKET_MODE: u32 = 0o600;

/// Readers that wait to be accepted.
const BACKLOG: i32 = 16;

/// Between tries to accept where accepting fails.
const PAUSE: Duration = Duration::from_millis(100);

/// All devices of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    devices: Vec<DeviceStatus>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DeviceStatus {
    name: String,
    gid: String,
    subnet: String,
    counters: AdapterCounters,
}

impl Report {
    fn new(devices: &[Device], counters: Vec<(Gid, DeviceCounters)>) -> Self {
        let mut counters: HashMap<_, _> = counters.into_iter().collect();
        let devices = devices.iter().map(|device| {
            let attributes = &device.attributes;
            DeviceStatus {
                name: attributes.name.clone(),
                gid: attributes.gid.to_string(),
                subnet: attributes.subnet.clone(),
                counters: counters.remove(&attributes.gid).unwrap_or_default().into(),
            }
        });
        Self {
            devices: devices.collect(),
        }
    }

    /// A table for people.
    fn render(&self) -> String {
        let header = ["DEVICE", "GID", "SUBNET"].into_iter();
        let mut table = markdown(header.chain(AdapterCounters::HEADER));
        for device in &self.devices {
            let label = [&device.name, &device.gid, &device.subnet].map(Clone::clone);
            table.add_row(label.into_iter().chain(device.counters.cells()));
        }
        format!("{table}\n")
    }
}

/// Where the service with this socket tells its status: never at that socket itself.
fn status_socket(service: &Path) -> PathBuf {
    let mut path = service.as_os_str().to_owned();
    path.push(".status");
    path.into()
}

/// Answers on a socket until it is dropped.
pub(super) struct StatusServer {
    path: PathBuf,
}

impl StatusServer {
    /// Begins to answer for the service with this socket. Only one service has it, so what is in the way was left by
    /// one that was killed.
    pub(super) fn start(
        service: &Path,
        devices: Vec<Device>,
        counters: CounterReader,
    ) -> io::Result<Self> {
        let path = status_socket(service);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = listen(&path)?;
        let server = Self { path };
        // It waits in accept until the process ends.
        let _detached = thread::Builder::new()
            .name("fabric-status".to_owned())
            .spawn(move || {
                for stream in listener.incoming() {
                    let Ok(stream) = stream else {
                        // No descriptor is free, say, and none will be at once.
                        thread::sleep(PAUSE);
                        continue;
                    };
                    let report = Report::new(&devices, counters.read());
                    // A reader that has gone needs no answer.
                    let _told = tell(&stream, &report);
                }
            })?;
        Ok(server)
    }
}

impl Drop for StatusServer {
    fn drop(&mut self) {
        // Someone else may have removed it.
        let _removed = std::fs::remove_file(&self.path);
    }
}

/// Listens at a path. Nobody can connect before the permissions are right.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let listener = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new(path)?)?;
    std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    nix::sys::socket::listen(&listener, Backlog::new(BACKLOG)?)?;
    Ok(listener.into())
}

fn tell(mut stream: &UnixStream, report: &Report) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let text = serde_json::to_string(report).map_err(io::Error::other)?;
    stream.write_all(text.as_bytes())
}

/// Asks the service with this socket.
pub(crate) fn ask(service: &Path, output: Output) -> Result<String, StatusError> {
    let text = read_document(&status_socket(service), Question::Status)?;
    let report: Report = serde_json::from_str(&text)?;
    Ok(match output {
        Output::Json => text + "\n",
        Output::Table => report.render(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use eni_efa_abi::control::DeviceAttributes;
    use eni_efa_client::{EndpointKind, Fabric};
    use eni_fabric::{Isolated, SameSubnet, Service, ServiceOptions};
    use std::sync::Arc;
    use std::time::Instant;

    fn device(number: u8, subnet: &str) -> Device {
        Device {
            attributes: DeviceAttributes {
                name: format!("efa_{number}"),
                gid: Gid([number; 16]),
                mac: [number; 6],
                subnet: subnet.to_owned(),
                node_guid: 0,
                max_transfer: 8_928,
                max_endpoints: 256,
                reaches_other_hosts: false,
            },
            network_namespace: None,
        }
    }

    #[test]
    fn a_service_tells_what_its_devices_have_and_were_denied() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("fabric.sock");
        let devices = vec![device(1, "a"), device(2, "b")];
        let subnets = devices.iter().map(|device| &device.attributes);
        let subnets = subnets.map(|device| (device.gid, device.subnet.clone()));
        let service = Service::start(ServiceOptions {
            socket: socket.clone(),
            policy: Arc::new(SameSubnet::new(subnets)),
            devices: devices.clone(),
            directory: Arc::new(Isolated),
            underlay: None,
            seed: 1,
        })
        .unwrap();
        let server = StatusServer::start(&socket, devices, service.counter_reader()).unwrap();
        let mode = std::fs::metadata(&server.path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, SOCKET_MODE);
        let fabric = Fabric::open_at(&socket).unwrap();
        let _endpoint = fabric.create_endpoint(0, EndpointKind::Srd).unwrap();
        fabric.create_address_handle(0, Gid([2; 16])).unwrap_err();
        let counters = |report: &Report| {
            let counters = report.devices.iter().map(|device| &device.counters);
            counters
                .map(|of| (of.endpoints, of.refused))
                .collect::<Vec<_>>()
        };
        // The service counts after it has answered.
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let text = ask(&socket, Output::Json).unwrap();
            let report: Report = serde_json::from_str(&text).unwrap();
            if counters(&report) == [(1, 1), (0, 0)] {
                break;
            }
            assert!(Instant::now() < deadline, "{text}");
        }
        let table = ask(&socket, Output::Table).unwrap();
        assert!(
            table.contains("efa_1") && table.contains("REFUSED"),
            "{table}"
        );
        drop(server);
        assert!(ask(&socket, Output::Json).is_err());
        assert!(!status_socket(&socket).exists());
    }
}
