//! Instance metadata over HTTP.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eni_abi::Service;
use eni_metadata::{
    Answer, FORWARDED_HEADER, Keys, Request, Scope, TOKEN_HEADER, TOKEN_TTL_HEADER, answer,
};
use eni_model::Source;
use eni_types::InstanceId;
use http::header::{ACCEPT_RANGES, CONTENT_TYPE, HeaderValue, SERVER};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

use crate::Askers;
use crate::connection::{Connection, Reach, accept, listen_at};
use crate::measure;
use crate::places::{Place, Places};

/// The largest head of a request. A token has 56 bytes.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// How long a head may take, and how long a kept connection may idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);
/// The longest life of a connection: its client opens another.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);
/// What EC2's server calls itself.
const SERVER_NAME: &str = "EC2ws";

/// Answers what the instances of this machine ask about themselves.
pub struct MetadataService {
    source: Arc<dyn Source>,
    askers: Arc<Askers>,
    keys: Keys,
    places: Places,
}

impl MetadataService {
    /// Of what `source` publishes, with tokens and credentials by `keys`.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, askers: Arc<Askers>, keys: Keys) -> Self {
        Self {
            source,
            askers,
            keys,
            places: Places::default(),
        }
    }

    /// Where guests' connections arrive. To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub async fn listen() -> io::Result<TcpListener> {
        listen_at(Service::InstanceMetadata.port().number())
    }

    /// Serves until `stop` holds or its sender is gone.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, stop: watch::Receiver<bool>) {
        accept(listener, stop, |stream| self.connection(stream)).await;
    }

    /// A connection's life; `None` where it is reset at once.
    fn connection(self: &Arc<Self>, stream: TcpStream) -> Option<impl Future<Output = ()> + use<>> {
        let reach = Reach::default();
        let connection = Connection::new(stream, reach.clone());
        let vport = asker_of(connection.called().ok()?)?;
        let Some(arrival) = self.places.arrive(vport) else {
            measure::refused(Service::InstanceMetadata);
            return None;
        };
        connection.send_at_once().ok()?;
        let service = Arc::clone(self);
        Some(async move {
            let Some(place) = arrival.place().await else {
                measure::refused(Service::InstanceMetadata);
                return;
            };
            let served = service.serve_one(connection, vport, &place, reach);
            if let Ok(Err(error)) = timeout(LONGEST_CONNECTION, served).await {
                debug!(%error, vport, "a guest's connection ended early");
            }
            drop(place);
        })
    }

    /// Answers what comes on a connection, until no more does, or another connection wants its place while it idles.
    async fn serve_one(
        self: Arc<Self>,
        connection: Connection,
        vport: u32,
        place: &Place,
        reach: Reach,
    ) -> hyper::Result<()> {
        let turns = place.turns();
        let respond = service_fn(move |request: http::Request<_>| {
            let (head, _) = request.into_parts();
            let (service, turns, reach) = (self.clone(), turns.clone(), reach.clone());
            async move {
                let make = || service.respond(&head, vport, &reach);
                Ok::<_, Infallible>(measure::answered(&turns, make).await)
            }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(connection), respond);
        let mut served = std::pin::pin!(served);
        tokio::select! {
            biased;
            ended = served.as_mut() => return ended,
            () = place.is_wanted() => {}
        }
        served.as_mut().graceful_shutdown();
        served.await
    }

    fn respond(&self, head: &Parts, vport: u32, reach: &Reach) -> Response<Full<Bytes>> {
        let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
        let token = combined(&head.headers, TOKEN_HEADER);
        let token_ttl = combined(&head.headers, TOKEN_TTL_HEADER);
        let request = Request {
            method: head.method.as_str(),
            path: &path,
            token: token.as_deref(),
            token_ttl: token_ttl.as_deref(),
            is_forwarded: head.headers.contains_key(FORWARDED_HEADER),
        };
        let published = self.source.published();
        let scope = Scope {
            world: published.world(),
            region: self.source.settings(),
            keys: &self.keys,
            now: self.source.now(),
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

/// A header's value. Where its lines differ, all of them as a list (RFC 9110, 5.3), which neither a token nor a time is.
fn combined<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = values.next()?;
    let others: Vec<&[u8]> = values.filter(|value| *value != first).collect();
    if others.is_empty() {
        return Some(first.into());
    }
    let lines = [&[first], others.as_slice()].concat();
    Some(lines.join(&b", "[..]).into())
}

/// The vport whose guest called this address for instance metadata.
fn asker_of(called: IpAddr) -> Option<u32> {
    let (service, vport) = Service::called(called)?;
    (service == Service::InstanceMetadata).then_some(vport)
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
