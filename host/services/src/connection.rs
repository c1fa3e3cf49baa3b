//! A connection whose packets' reach can be bounded while it is used, and of which nothing stays when it is given up.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};
use tracing::warn;

use crate::families::{Families, everywhere};

/// How long a client may take to agree that its connection has ended.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before accepting again where the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that may wait to be accepted, of all interfaces together: as many as the kernel lets a listener have
/// (`net.core.somaxconn`, its Documentation/admin-guide/sysctl/net.rst).
const BACKLOG: u32 = 4_096;

/// How many hops what is written may go from now on; 0 while nobody has bounded it.
#[derive(Clone, Default)]
pub(crate) struct Reach(Arc<AtomicU8>);

impl Reach {
    /// Bounds it. It stays so as long as the connection does: what was written is perhaps sent again later.
    pub(crate) fn bound(&self, hops: u8) {
        self.0.store(hops, Ordering::Release);
    }
}

/// A connection, and what has been set of its [`Reach`].
///
/// Closed in order it would stay in the kernel until its client agrees (`tcp_close` in the kernel's net/ipv4/tcp.c), where no
/// bound of ours counts it. So to shut it down takes until the client has done the same; dropped before, it is reset.
pub(crate) struct Connection {
    stream: TcpStream,
    reach: Reach,
    set: u8,
    end: End,
}

/// How far the end of a connection has come.
enum End {
    Open,
    /// We write no more, and wait so long until the client does not either.
    Ending(Pin<Box<Sleep>>),
    Agreed,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, reach: Reach) -> Self {
        Self {
            stream,
            reach,
            set: 0,
            end: End::Open,
        }
    }

    /// The address that the client has called.
    pub(crate) fn called(&self) -> io::Result<IpAddr> {
        Ok(self.stream.local_addr()?.ip().to_canonical())
    }

    /// The address that it has come from.
    pub(crate) fn caller(&self) -> io::Result<IpAddr> {
        Ok(self.stream.peer_addr()?.ip().to_canonical())
    }

    /// Small answers do not wait for the client to confirm those before.
    pub(crate) fn send_at_once(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)
    }

    /// Before anything is written.
    fn keep_reach(&mut self) -> io::Result<()> {
        let wanted = self.reach.0.load(Ordering::Acquire);
        if wanted != self.set {
            match self.called()? {
                IpAddr::V4(_) => self.stream.set_ttl(wanted.into())?,
                IpAddr::V6(_) => setsockopt(&self.stream, sockopt::Ipv6Ttl, &wanted.into())?,
            }
            self.set = wanted;
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !matches!(self.end, End::Agreed) {
            // It cannot fail for a socket that is open.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.keep_reach()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.end, End::Open) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.end = End::Ending(Box::pin(sleep(LAST_PATIENCE)));
        }
        while let End::Ending(patience) = &mut self.end {
            if patience.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let mut rest = [0; 512];
            let mut rest = ReadBuf::new(&mut rest);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut rest))?;
            if rest.filled().is_empty() {
                self.end = End::Agreed;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.keep_reach()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where guests' connections arrive, at a port of all addresses; at one that the kernel picks for 0.
pub(crate) fn listen_at(port: u16) -> io::Result<TcpListener> {
    Families::open(|families| {
        let socket = match families {
            Families::Both => TcpSocket::new_v6()?,
            Families::Ipv4 => TcpSocket::new_v4()?,
        };
        if families == Families::Both {
            setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
        }
        // As tokio's own: the one before may have left connections.
        socket.set_reuseaddr(true)?;
        socket.bind(everywhere(families, port))?;
        socket.listen(BACKLOG)
    })
}

/// Spawns the life that `connection` gives each connection, until `stop` holds or its sender is gone. All of them end with this
/// function; one for which there is none is reset.
pub(crate) async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
    connection: impl Fn(TcpStream) -> Option<F>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = ended(&mut stop) => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(life) = connection(stream) {
                        connections.spawn(life);
                    }
                }
                Err(error) => {
                    warn!(%error, "cannot accept a guest's connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// Completes when `stop` holds, or its sender is gone.
async fn ended(stop: &mut watch::Receiver<bool>) {
    // What is seen of it is let go before anybody else waits.
    drop(stop.wait_for(|stop| *stop).await);
}

#[cfg(test)]
mod tests {
    use std::net::{self, Ipv4Addr};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    async fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let (stream, _) = accepted.unwrap();
        (Connection::new(stream, Reach::default()), client.unwrap())
    }

    #[tokio::test]
    async fn what_is_given_up_is_reset() {
        let (server, mut client) = pair().await;
        drop(server);
        let error = client.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn what_was_shut_down_ends_in_order() {
        let (mut server, mut client) = pair().await;
        server.write_all(b"last").await.unwrap();
        let mut text = String::new();
        let reads = async {
            client.read_to_string(&mut text).await.unwrap();
            // What it had sent already is nobody's any more.
            client.write_all(b"more").await.unwrap();
            client.shutdown().await.unwrap();
        };
        let (ended, ()) = tokio::join!(server.shutdown(), reads);
        ended.unwrap();
        drop(server);
        assert_eq!(text, "last");
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn who_does_not_agree_to_the_end_is_reset() {
        let (mut server, mut client) = pair().await;
        let began = Instant::now();
        let error = server.shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= LAST_PATIENCE);
        drop(server);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the end");
        assert!(client.write_all(b"more").await.is_err());
    }

    /// More than the 128 for whom a listener has room unless it is told.
    #[tokio::test]
    async fn a_crowd_may_wait_to_be_accepted() {
        let listener = listen_at(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = (Ipv4Addr::LOCALHOST, port).into();
        // The kernel answers nobody whom it has no room for: the first would come only after its client's second attempt.
        let crowd: Result<Vec<_>, _> = (0..300)
            .map(|_| net::TcpStream::connect_timeout(&address, Duration::from_millis(800)))
            .collect();
        assert_eq!(crowd.unwrap().len(), 300);
    }
}
