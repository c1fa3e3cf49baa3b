//! The HTTP server: connections, their bounds, and their end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, EXPECT, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::long_answer::AnswerBody;
use crate::other_service::OtherService;
use crate::patient::Patient;
use crate::query_api::{Answer, PATH, QueryApi};
use crate::{Client, Fault};

/// The largest body. EC2's largest parameter, user data, is 16 KiB; nothing comes near a mebibyte.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The largest body that is read past: Lambda's largest request, a code archive of 50 MB in base64.
const MAX_DISCARDED_BYTES: usize = 70 << 20;
/// The largest head. A presigned query carries all parameters in the request line.
const MAX_HEAD_BYTES: usize = 256 << 10;
/// Connections served at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// How long a head may take, and how long a kept connection may idle. The SDKs' pools reopen one that was closed.
const HEAD_PATIENCE: Duration = Duration::from_secs(60);
/// How long a body may take.
const BODY_PATIENCE: Duration = Duration::from_secs(20);
/// How long a write may wait for a client that does not read.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How long calls in progress may take to end once the server is told to stop.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before accepting again where the machine has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the API on `listener` until `stop` completes; calls in progress are answered first.
pub async fn serve(listener: TcpListener, api: Arc<QueryApi>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        let (stream, client) = match accepted {
            Ok((stream, address)) => (stream, Client::new(address.ip())),
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection closed before it began");
            continue;
        }
        let connection = connection(stream, client.clone(), Arc::clone(&api));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        debug!(%error, "a connection ended early");
                    }
                }
                () = client.to_end() => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    if timeout(SHUTDOWN_PATIENCE, graceful.shutdown())
        .await
        .is_err()
    {
        warn!("calls in progress did not end in time");
    }
}

/// A connection ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// By its client, or because it was too slow.
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// The client may not call any more: its connection ends.
#[derive(Debug, thiserror::Error)]
#[error("its client may not call any more")]
struct NotAdmitted;

/// Serves the API to `client` on `stream`, until the client ends the connection, or is idle once `is_wanted` has completed.
///
/// # Errors
/// When it ends otherwise.
pub async fn serve_one<S>(
    stream: S,
    client: Client,
    api: Arc<QueryApi>,
    is_wanted: impl Future<Output = ()>,
) -> Result<(), ServeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut served = std::pin::pin!(connection(stream, client.clone(), api));
    tokio::select! {
        biased;
        ended = served.as_mut() => return Ok(ended?),
        () = client.to_end() => return Ok(()),
        () = is_wanted => {}
    }
    served.as_mut().graceful_shutdown();
    tokio::select! {
        ended = served => Ok(ended?),
        () = client.to_end() => Ok(()),
    }
}

type Connection<T, S> = http1::Connection<TokioIo<Patient<T>>, S>;

fn connection<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: T,
    client: Client,
    api: Arc<QueryApi>,
) -> Connection<
    T,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = Response<AnswerBody>,
        Error = NotAdmitted,
        Future: Send,
    > + Send,
> {
    let service = service_fn(move |request| {
        let (api, client) = (Arc::clone(&api), client.clone());
        async move {
            match client.may_call() {
                true => Ok(respond(&api, &client, request).await),
                false => Err(NotAdmitted),
            }
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, WRITE_PATIENCE)), service)
}

async fn respond(
    api: &QueryApi,
    client: &Client,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let answer = match receive(&head, body).await {
        Ok(body) => api.answer(client, &head, &body).await,
        Err(fault) => api.refuse(client, &head, &fault).into_body(),
    };
    let Answer {
        status,
        request_id,
        content_type,
        header,
        body,
    } = answer;
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((name, value)) = header {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    response
}

/// Reads the body of a request that could be a call.
async fn receive(head: &Parts, body: Incoming) -> Result<Bytes, Fault> {
    let invalid = |reason: &str, status| Fault {
        code: "InvalidHttpRequest",
        message: format!("The HTTP request is invalid. Reason: {reason}"),
        status,
    };
    let refused = if head.uri.path() != PATH {
        Some(invalid("There is nothing at this path", 404))
    } else if !matches!(head.method, Method::GET | Method::POST) {
        Some(invalid("Only GET and POST are supported", 405))
    } else if OtherService::of_request(head, &[]).is_some() {
        // Other services take larger bodies.
        Some(invalid("It is for another service", 400))
    } else {
        None
    };
    if let Some(refused) = refused {
        discard(head, body).await;
        return Err(refused);
    }
    // What is announced as too large is not waited for.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(invalid("The request is too large", 413));
    }
    let collected = timeout(BODY_PATIENCE, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(invalid("The request is too large", 413))
        }
        Ok(Err(_)) => Err(invalid("Unable to parse request", 400)),
        Err(_) => Err(invalid("The request did not arrive in time", 408)),
    }
}

/// Reads past a body, so that a client that does not look for an answer before it has sent everything gets one.
async fn discard(head: &Parts, body: Incoming) {
    // Such a client looks first (RFC 9110, 10.1.1).
    if head.headers.contains_key(EXPECT) {
        return;
    }
    if body.size_hint().lower() > MAX_DISCARDED_BYTES as u64 {
        return;
    }
    let mut body = Limited::new(body, MAX_DISCARDED_BYTES);
    let all = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(BODY_PATIENCE, all).await;
}
