//! The least that a durable call over HTTP costs: a server that reads the request, verifies nothing, and answers when the
//! disk has it, one fsync for all calls that wait.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// As many as `openeni dev` has.
const THREADS: usize = 2;
/// As many as a region's writer commits at once, and lets wait.
const MAX_BATCH_CALLS: usize = 256;
const MAX_WAITING_CALLS: usize = 2_048;

/// A server that ends with this value.
pub(crate) struct Bare {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Bare {
    /// Answers every call with `document`, once that much has been written to a file in `directory`.
    pub(crate) fn start(directory: &Path, document: Vec<u8>) -> io::Result<Self> {
        let file = File::create(directory.join("bare"))?;
        let document = Bytes::from(document);
        let (queue, calls) = sync_channel(MAX_WAITING_CALLS);
        let written = document.clone();
        thread::spawn(move || commit(file, &written, &calls));
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        runtime.spawn(serve(listener, document, queue));
        Ok(Self {
            address,
            _runtime: runtime,
        })
    }
}

async fn serve(listener: TcpListener, document: Bytes, queue: SyncSender<oneshot::Sender<()>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (document, queue) = (document.clone(), queue.clone());
        let service = service_fn(move |request| answer(request, document.clone(), queue.clone()));
        let _ = stream.set_nodelay(true);
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    document: Bytes,
    queue: SyncSender<oneshot::Sender<()>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (durable, is_durable) = oneshot::channel();
    let read = request.into_body().collect().await.is_ok();
    let done = read && queue.try_send(durable).is_ok() && is_durable.await.is_ok();
    let mut response = Response::new(Full::from(document));
    if !done {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

fn commit(mut file: File, document: &[u8], calls: &Receiver<oneshot::Sender<()>>) {
    while let Ok(first) = calls.recv() {
        let mut batch = vec![first];
        batch.extend(calls.try_iter().take(MAX_BATCH_CALLS - 1));
        let written = file
            .write_all(&document.repeat(batch.len()))
            .and_then(|()| file.sync_data());
        if written.is_err() {
            return;
        }
        for call in batch {
            let _ = call.send(());
        }
    }
}
