//! A connection whose packets' reach can be bounded while it is used.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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
pub(crate) struct Connection {
    stream: TcpStream,
    reach: Reach,
    set: u8,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, reach: Reach) -> Self {
        Self {
            stream,
            reach,
            set: 0,
        }
    }

    /// Before anything is written.
    fn keep_reach(&mut self) -> io::Result<()> {
        let wanted = self.reach.0.load(Ordering::Acquire);
        if wanted != self.set {
            self.stream.set_ttl(wanted.into())?;
            self.set = wanted;
        }
        Ok(())
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
        Pin::new(&mut self.stream).poll_shutdown(context)
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
