//! The four measurements, each between a server thread in one namespace and a client thread in another.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

/// The port that servers listen on: one that tests of rules allow.
pub(crate) const PORT: u16 = 5_201;
/// Bytes of a write or read of the TCP stream.
const STREAM_CHUNK_BYTES: usize = 128 * 1024;
/// Bytes of payload of a UDP packet.
const DATAGRAM_BYTES: usize = 64;
/// Datagrams sent or received with one system call, so that the path and not the system call is measured.
pub(crate) const BATCH: usize = 64;
/// How long a peer may keep the other waiting before a measurement fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// Two ends between which is measured.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    /// Namespace file of the client.
    pub(crate) client: PathBuf,
    /// Namespace file of the server.
    pub(crate) server: PathBuf,
    /// The server's address.
    pub(crate) address: IpAddr,
}

/// What one round of measurements between two ends gave.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Figures {
    /// Gigabits of payload a second over one TCP connection.
    pub(crate) stream_gbps: f64,
    /// Microseconds for one byte there and one back over TCP: median.
    pub(crate) round_trip_p50_us: f64,
    /// The same, 99th percentile.
    pub(crate) round_trip_p99_us: f64,
    /// Packets of 64 bytes of UDP payload received, millions a second.
    pub(crate) udp_mpps: f64,
    /// TCP connections opened, used for one byte each way, and closed, thousands a second.
    pub(crate) connections_kps: f64,
}

impl Ends {
    /// Measures everything, `time` each.
    pub(crate) fn measure(&self, time: Duration) -> io::Result<Figures> {
        let (round_trip_p50_us, round_trip_p99_us) = self.round_trips(time)?;
        Ok(Figures {
            stream_gbps: self.stream(time)?,
            round_trip_p50_us,
            round_trip_p99_us,
            udp_mpps: self.datagrams(time)?,
            connections_kps: self.connections(time)?,
        })
    }

    fn stream(&self, time: Duration) -> io::Result<f64> {
        let serve = |listener: TcpListener| -> io::Result<u64> {
            let (mut stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let (mut buffer, mut total) = (vec![0; STREAM_CHUNK_BYTES], 0);
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(total),
                    length => total += length as u64,
                }
            }
        };
        let ask = |address| -> io::Result<Duration> {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            let (chunk, began) = (vec![0; STREAM_CHUNK_BYTES], Instant::now());
            while began.elapsed() < time {
                stream.write_all(&chunk)?;
            }
            Ok(began.elapsed())
        };
        let (bytes, elapsed) = self.tcp(serve, ask)?;
        Ok(bytes as f64 * 8.0 / elapsed.as_secs_f64() / 1e9)
    }

    fn round_trips(&self, time: Duration) -> io::Result<(f64, f64)> {
        let serve = |listener: TcpListener| -> io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut byte = [0];
            while stream.read(&mut byte)? == 1 {
                stream.write_all(&byte)?;
            }
            Ok(())
        };
        let ask = |address| -> io::Result<Vec<f64>> {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let (mut trips, began) = (Vec::new(), Instant::now());
            while began.elapsed() < time {
                let sent = Instant::now();
                stream.write_all(&[0])?;
                stream.read_exact(&mut [0])?;
                trips.push(sent.elapsed().as_secs_f64() * 1e6);
            }
            Ok(trips)
        };
        let ((), mut trips) = self.tcp(serve, ask)?;
        trips.sort_by(f64::total_cmp);
        let at = |share: f64| trips[((trips.len() - 1) as f64 * share) as usize];
        Ok((at(0.5), at(0.99)))
    }

    fn connections(&self, time: Duration) -> io::Result<f64> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let serve = move |listener: TcpListener| -> io::Result<()> {
            while !stopped.load(Ordering::Relaxed) {
                let (mut stream, _) = listener.accept()?;
                let mut byte = [0];
                // The client resets what it is done with, which may reach the server before the end of its answer.
                if matches!(stream.read(&mut byte), Ok(1)) {
                    let _ = stream.write_all(&byte);
                }
            }
            Ok(())
        };
        let ask = move |address| -> io::Result<(u64, Duration)> {
            let (mut count, began) = (0, Instant::now());
            while began.elapsed() < time {
                let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
                // The side that closes first keeps TIME_WAIT; a reset keeps the client's ports from running out.
                nix::sys::socket::setsockopt(
                    &stream,
                    nix::sys::socket::sockopt::Linger,
                    &nix::libc::linger {
                        l_onoff: 1,
                        l_linger: 0,
                    },
                )?;
                stream.write_all(&[0])?;
                stream.read_exact(&mut [0])?;
                count += 1;
            }
            stop.store(true, Ordering::Relaxed);
            let elapsed = began.elapsed();
            // Wakes the server's last accept, and is refused where the server has seen the end by itself.
            let _ = TcpStream::connect_timeout(&address, PATIENCE);
            Ok((count, elapsed))
        };
        let ((), (count, elapsed)) = self.tcp(serve, ask)?;
        Ok(count as f64 / elapsed.as_secs_f64() / 1e3)
    }

    /// Runs `serve` on a listener in the server's namespace and `ask` in the client's.
    fn tcp<S: Send, A: Send>(
        &self,
        serve: impl FnOnce(TcpListener) -> io::Result<S> + Send,
        ask: impl FnOnce(SocketAddr) -> io::Result<A> + Send,
    ) -> io::Result<(S, A)> {
        let address = SocketAddr::from((self.address, PORT));
        let (listening, listens) = mpsc::channel();
        thread::scope(|scope| {
            let server = scope.spawn(move || {
                enter(&self.server)?;
                let listener = TcpListener::bind(address)?;
                let _ = listening.send(());
                serve(listener)
            });
            let client = scope.spawn(move || {
                enter(&self.client)?;
                listens
                    .recv_timeout(PATIENCE)
                    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
                ask(address)
            });
            let asked = client.join().expect("measuring does not panic")?;
            Ok((server.join().expect("measuring does not panic")?, asked))
        })
    }

    fn datagrams(&self, time: Duration) -> io::Result<f64> {
        let address = SocketAddr::from((self.address, PORT));
        let (stop, received) = (AtomicBool::new(false), AtomicU64::new(0));
        let (listening, listens) = mpsc::channel();
        thread::scope(|scope| {
            let (stop, received) = (&stop, &received);
            let server = scope.spawn(move || -> io::Result<()> {
                enter(&self.server)?;
                let socket = UdpSocket::bind(address)?;
                socket.set_read_timeout(Some(Duration::from_millis(50)))?;
                let _ = listening.send(());
                receive(&socket, stop, received)
            });
            let client = scope.spawn(move || -> io::Result<f64> {
                enter(&self.client)?;
                listens
                    .recv_timeout(PATIENCE)
                    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
                let socket = any_port(address)?;
                socket.connect(address)?;
                let (began, before) = (Instant::now(), received.load(Ordering::Relaxed));
                while began.elapsed() < time {
                    send(&socket)?;
                }
                let count = received.load(Ordering::Relaxed) - before;
                Ok(count as f64 / began.elapsed().as_secs_f64() / 1e6)
            });
            let rate = client.join().expect("measuring does not panic");
            stop.store(true, Ordering::Relaxed);
            server.join().expect("measuring does not panic")?;
            rate
        })
    }
}

/// A socket of this address's family.
pub(crate) fn any_port(address: SocketAddr) -> io::Result<UdpSocket> {
    match address {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// Sends [`BATCH`] datagrams.
pub(crate) fn send(socket: &UdpSocket) -> io::Result<()> {
    let payload = [0; DATAGRAM_BYTES];
    let slices: Vec<_> = (0..BATCH).map(|_| [IoSlice::new(&payload)]).collect();
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let nowhere = vec![None; BATCH];
    match sendmmsg(
        socket.as_raw_fd(),
        &mut headers,
        &slices,
        &nowhere,
        [],
        MsgFlags::empty(),
    ) {
        // ENOBUFS and a refused earlier datagram are losses, which the receiver's count shows.
        Ok(_) | Err(nix::Error::ENOBUFS | nix::Error::ECONNREFUSED) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn receive(socket: &UdpSocket, stop: &AtomicBool, received: &AtomicU64) -> io::Result<()> {
    let mut buffers = vec![[0; DATAGRAM_BYTES]; BATCH];
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    while !stop.load(Ordering::Relaxed) {
        let mut slices: Vec<_> = buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        match recvmmsg(
            socket.as_raw_fd(),
            &mut headers,
            slices.iter_mut(),
            MsgFlags::MSG_WAITFORONE,
            None,
        ) {
            Ok(messages) => {
                received.fetch_add(messages.count() as u64, Ordering::Relaxed);
            }
            Err(nix::Error::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Moves this thread into a network namespace.
pub(crate) fn enter(namespace: &Path) -> io::Result<()> {
    setns(File::open(namespace)?, CloneFlags::CLONE_NEWNET).map_err(Into::into)
}
