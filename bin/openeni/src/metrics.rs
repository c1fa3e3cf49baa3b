//! What the region measures of itself (`eni_metrics`), kept in this process and told when somebody asks.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, sleep, timeout};
use tracing::{debug, warn};

use crate::status::PATIENCE;

/// How often values are sorted into what they are told as. Until then each takes some bytes: at five thousand calls a second
/// less than a megabyte.
const SORT_INTERVAL: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be taken, as where no descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Where Prometheus asks, and in which form it is answered (its text format, version 0.0.4).
const PATH: &str = "/metrics";
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
const CONTENT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// All figures of this process.
#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to measure: before anything is.
    pub(crate) fn begin() -> Self {
        let mut builder = PrometheusBuilder::new();
        for figure in eni_metrics::ALL {
            let name = Matcher::Full(figure.name.to_owned());
            builder = builder
                .set_buckets_for_metric(name, figure.bounds())
                .expect("no figure's bounds are empty");
        }
        let recorder = builder.build_recorder();
        let metrics = Self(recorder.handle());
        if metrics::set_global_recorder(recorder).is_err() {
            warn!("something else measures in this process");
        }
        eni_metrics::describe_all();
        metrics
    }

    /// In Prometheus' text form.
    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps what is measured small, and answers Prometheus where there is a `listener`, until `stop` completes.
    pub(crate) async fn keep(self, listener: Option<TcpListener>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut sorting = interval(SORT_INTERVAL);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return,
                _ = sorting.tick() => {
                    self.0.run_upkeep();
                    continue;
                }
                accepted = accept(listener.as_ref()) => accepted,
            };
            // One asks after the other, and none takes longer.
            let answered = timeout(PATIENCE, self.answer(accepted)).await;
            if answered.is_err() {
                debug!("a reader of the metrics took too long");
            }
        }
    }

    async fn answer(&self, stream: TcpStream) {
        let service = service_fn(async |request| Ok::<_, Infallible>(self.respond(&request)));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            debug!(%error, "a reader of the metrics left early");
        }
    }

    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::default();
        if request.uri().path() != PATH {
            *response.status_mut() = StatusCode::NOT_FOUND;
        } else if matches!(*request.method(), Method::GET | Method::HEAD) {
            // The server leaves the body of an answer to HEAD out, and keeps its length.
            *response.body_mut() = Full::from(self.render());
            response.headers_mut().insert(CONTENT_TYPE, CONTENT);
        } else {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, METHODS);
        }
        response
    }
}

/// The next connection; none ever where nobody listens.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                warn!(%error, "cannot accept a reader of the metrics");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
