//! Instance metadata over HTTP.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use eni_abi::Service;
use eni_metadata::{
    Answer, FORWARDED_HEADER, Request, Scope, TOKEN_HEADER, TOKEN_TTL_HEADER, TokenKey, answer,
};
use eni_model::Source;
use eni_types::{InstanceId, Timestamp};
use http::header::{ACCEPT_RANGES, CONTENT_TYPE, HeaderValue, SERVER};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::Askers;
use crate::connection::{Connection, Reach};
use crate::places::{Place, Places};

/// The largest head of a request. A token has 56 bytes.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// How long a head may take, and how long a kept connection may idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);
/// The longest life of a connection: its client opens another.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);
/// How long to wait before accepting again where the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What EC2's server calls itself.
const SERVER_NAME: &str = "EC2ws";

/// Answers what the instances of this machine ask about themselves.
pub struct MetadataService {
    source: Arc<dyn Source>,
    askers: Arc<Askers>,
    key: TokenKey,
    places: Places,
}

impl MetadataService {
    /// Of what `source` publishes, with tokens by `key`.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, askers: Arc<Askers>, key: TokenKey) -> Self {
        Self {
            source,
            askers,
            key,
            places: Places::default(),
        }
    }

    /// Where guests' connections arrive. To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub async fn listen() -> io::Result<TcpListener> {
        let port = Service::InstanceMetadata.port().number();
        TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
    }

    /// Serves until `stop` holds or its sender is gone.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        // They end with this function.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if let Some(connection) = self.connection(stream) {
                            connections.spawn(connection);
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

    /// A connection's life; `None` where it is closed at once.
    fn connection(self: &Arc<Self>, stream: TcpStream) -> Option<impl Future<Output = ()> + use<>> {
        let vport = asker_of(stream.local_addr().ok()?)?;
        let place: Place = self.places.take(vport)?;
        stream.set_nodelay(true).ok()?;
        let reach = Reach::default();
        let io = TokioIo::new(Connection::new(stream, reach.clone()));
        let service = Arc::clone(self);
        let respond = service_fn(move |request: http::Request<_>| {
            let (head, _) = request.into_parts();
            let response = service.respond(&head, vport, &reach);
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(io, respond);
        Some(async move {
            if let Ok(Err(error)) = timeout(LONGEST_CONNECTION, connection).await {
                debug!(%error, vport, "a guest's connection ended early");
            }
            drop(place);
        })
    }

    fn respond(&self, head: &Parts, vport: u32, reach: &Reach) -> Response<Full<Bytes>> {
        let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
        let header = |name| head.headers.get(name).map(HeaderValue::as_bytes);
        let request = Request {
            method: head.method.as_str(),
            path: &path,
            token: header(TOKEN_HEADER),
            token_ttl: header(TOKEN_TTL_HEADER),
            is_forwarded: head.headers.contains_key(FORWARDED_HEADER),
        };
        let published = self.source.published();
        let scope = Scope {
            world: published.world(),
            region: self.source.settings(),
            key: &self.key,
            now: now(),
        };
        match self.instance_at(vport, scope) {
            Some(instance_id) => {
                let answer = answer(&request, instance_id, scope);
                if let Some(hops) = answer.hop_limit {
                    reach.bound(hops);
                }
                response(answer)
            }
            // An interface that has just gone.
            None => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }

    /// Asked anew for each request: a vport's number may become another interface's.
    fn instance_at(&self, vport: u32, scope: Scope<'_>) -> Option<InstanceId> {
        let id = self.askers.at(vport)?;
        let eni = scope.world.network_interface_of_attachment(id)?;
        Some(eni.attachment.as_ref()?.instance_id)
    }
}

/// The vport whose guest called this address for instance metadata.
fn asker_of(called: SocketAddr) -> Option<u32> {
    let IpAddr::V4(address) = called.ip() else {
        return None;
    };
    let (Service::InstanceMetadata, vport) = Service::of_address(address.into())?;
    Some(vport)
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let Answer {
        status,
        content_type,
        body,
        token_ttl,
        hop_limit: _,
    } = answer;
    let mut response = Response::new(Full::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(SERVER, HeaderValue::from_static(SERVER_NAME));
    if let Some(ttl) = token_ttl {
        headers.insert(TOKEN_TTL_HEADER, HeaderValue::from(ttl.0));
    }
    response
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = since_epoch.unwrap_or_default().as_millis();
    Timestamp(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}
