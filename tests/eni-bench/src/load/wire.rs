//! A connection that reads answers of any length, and tells when they begin.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What came of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// Until the first bytes.
    pub(crate) first: Duration,
    /// Until the last.
    pub(crate) last: Duration,
    /// Of the document.
    pub(crate) bytes: usize,
}

/// A kept connection.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(256 << 10, stream)))
    }

    /// Sends a request and reads its answer, which must be a success, into `document`.
    pub(crate) fn call(&mut self, request: &[u8], document: &mut Vec<u8>) -> io::Result<Answered> {
        document.clear();
        let began = Instant::now();
        self.0.get_mut().write_all(request)?;
        self.0.fill_buf()?;
        let first = began.elapsed();
        let length = self.head()?;
        match length {
            Some(length) => self.read(length, document)?,
            None => loop {
                let line = self.line()?;
                let length = usize::from_str_radix(&line, 16).map_err(io::Error::other)?;
                self.read(length, document)?;
                self.line()?;
                if length == 0 {
                    break;
                }
            },
        }
        Ok(Answered {
            first,
            last: began.elapsed(),
            bytes: document.len(),
        })
    }

    /// The length that the head tells; none of an answer in chunks.
    fn head(&mut self) -> io::Result<Option<usize>> {
        let status = self.line()?;
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse().map_err(io::Error::other)?);
            }
        }
        if status.contains(" 200 ") {
            return Ok(length);
        }
        let mut document = Vec::new();
        self.read(length.unwrap_or_default(), &mut document)?;
        let text = String::from_utf8_lossy(&document).into_owned();
        Err(io::Error::other(format!("{status}: {text}")))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().into())
    }

    fn read(&mut self, length: usize, document: &mut Vec<u8>) -> io::Result<()> {
        let read = (&mut self.0).take(length as u64).read_to_end(document)?;
        if read < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}
