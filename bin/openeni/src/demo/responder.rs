//! What answers the demo's probes from inside an instance.
//!
//! The address it listens on may come and go with the interface that carries it, so it is bound before it exists
//! (`IP_FREEBIND`), and answers leave from the address that was asked.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
    sockopt,
};

/// Time between two lines of the TCP stream.
const STREAM_INTERVAL: Duration = Duration::from_millis(1);
/// Bytes of the largest probe.
pub(crate) const PROBE_BYTES: usize = 64;

/// Answers until it is killed: each UDP probe with its own bytes and the name, each TCP connection with a line a
/// millisecond that holds the name.
pub(crate) fn run(address: SocketAddr, name: &str) -> io::Result<()> {
    let streams = TcpListener::from(bound(SockType::Stream, address)?);
    let probes = UdpSocket::from(bound(SockType::Datagram, address)?);
    let streamed = name.to_owned();
    thread::spawn(move || {
        for stream in streams.incoming().flatten() {
            let name = streamed.clone();
            thread::spawn(move || stream_lines(stream, &name));
        }
    });
    answer_probes(&probes, name)
}

fn bound(kind: SockType, address: SocketAddr) -> io::Result<OwnedFd> {
    let SocketAddr::V4(address) = address else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let socket = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(
        std::os::fd::AsRawFd::as_raw_fd(&socket),
        &SockaddrIn::from(address),
    )?;
    if kind == SockType::Stream {
        listen(&socket, Backlog::MAXCONN)?;
    }
    Ok(socket)
}

fn answer_probes(probes: &UdpSocket, name: &str) -> io::Result<()> {
    let mut buffer = [0; PROBE_BYTES];
    loop {
        let (length, asker) = probes.recv_from(&mut buffer)?;
        let mut answer = buffer[..length.min(8)].to_vec();
        answer.extend_from_slice(name.as_bytes());
        // The interface may leave between question and answer; then the probe counts as lost.
        let _ = probes.send_to(&answer, asker);
    }
}

fn stream_lines(mut stream: TcpStream, name: &str) {
    let line = format!("{name}\n");
    while stream.write_all(line.as_bytes()).is_ok() {
        thread::sleep(STREAM_INTERVAL);
    }
}
