//! A region in memory behind a real listener, and a signing client.
#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "part of several test binaries, each of which uses some of it"
)]

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use eni_ec2_api::sigv4::{Service, Signer};
use eni_ec2_api::{Access, Credentials, QueryApi, SecretAccessKey, serve};
use eni_model::RegionSettings;
use eni_model::testing::TestRng;
use eni_region::{Environment, Region};
use eni_sessions::SessionKey;
use eni_store::MemoryStore;
use eni_types::Timestamp;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// What temporary credentials are made with.
pub const SECRET: &[u8] = b"secret";
pub const NOW: Timestamp = Timestamp(1_795_201_854_000);
pub const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

pub fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        account_id: "123456789012".into(),
    }
}

/// A server that runs until its test ends.
pub struct Endpoint {
    pub address: SocketAddr,
    pub region: Arc<Region>,
    now: Arc<AtomicI64>,
}

impl Endpoint {
    pub async fn start() -> Self {
        Self::start_with(Access::Verified(Arc::new(credentials()))).await
    }

    pub async fn start_with(access: Access) -> Self {
        let now = Arc::new(AtomicI64::new(NOW.0));
        let region = region(&now);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = QueryApi::new(Arc::clone(&region), access);
        let api = Arc::new(api.with_sessions(SessionKey::from_secret(SECRET)));
        tokio::spawn(serve(listener, api, pending()));
        Self {
            address,
            region,
            now,
        }
    }

    /// Moves the server's clock, from the client's.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.now.store(NOW.0 + seconds * 1000, Ordering::SeqCst);
    }

    /// Posts a form signed for EC2 by the region's own key pair.
    pub async fn call(&self, form: &str) -> (u16, String) {
        self.post(&ec2_signer(), form).await
    }

    pub async fn post(&self, signer: &Signer, form: &str) -> (u16, String) {
        Connection::open(self.address)
            .await
            .post(signer, form)
            .await
    }
}

pub fn settings() -> RegionSettings {
    RegionSettings {
        region: "us-east-1".into(),
        availability_zones: vec!["us-east-1a".into(), "us-east-1b".into()],
        account_id: "123456789012".into(),
        public_pool: "203.0.113.0/24".parse().unwrap(),
    }
}

pub fn region(now: &Arc<AtomicI64>) -> Arc<Region> {
    let now = Arc::clone(now);
    let environment = Environment {
        clock: Arc::new(move || Timestamp(now.load(Ordering::SeqCst))),
        rng: Box::new(TestRng::new(0)),
    };
    Arc::new(Region::open_in(Arc::new(MemoryStore::new()), settings(), environment).unwrap())
}

pub fn ec2_signer() -> Signer {
    Signer::new(credentials(), "us-east-1", Service::Ec2)
}

/// A kept connection.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self {
            sender,
            host: HeaderValue::try_from(address.to_string()).unwrap(),
        }
    }

    pub async fn post(&mut self, signer: &Signer, form: &str) -> (u16, String) {
        self.post_at(signer, form, NOW).await
    }

    pub async fn post_at(&mut self, signer: &Signer, form: &str, now: Timestamp) -> (u16, String) {
        let mut headers = HeaderMap::new();
        headers.insert("host", self.host.clone());
        headers.insert("content-type", HeaderValue::from_static(FORM));
        signer
            .sign("POST", "", &mut headers, form.as_bytes(), now)
            .unwrap();
        self.send("POST", "/", headers, form.as_bytes()).await
    }

    pub async fn send(
        &mut self,
        method: &str,
        target: &str,
        mut headers: HeaderMap,
        body: &[u8],
    ) -> (u16, String) {
        headers.entry("host").or_insert(self.host.clone());
        let mut request = Request::new(Full::from(Bytes::copy_from_slice(body)));
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = target.parse().unwrap();
        *request.headers_mut() = headers;
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// `STATUS CODE: message` of an error, whichever service's.
pub fn error((status, document): &(u16, String)) -> String {
    let (code, message) = (text_of(document, "Code"), text_of(document, "Message"));
    format!("{status} {code}: {message}")
}

/// `STATUS CODE` of an error.
pub fn code(answer: &(u16, String)) -> String {
    format!("{} {}", answer.0, text_of(&answer.1, "Code"))
}

/// The text of the first element `name`.
pub fn text_of(document: &str, name: &str) -> String {
    let after = document
        .split_once(&format!("<{name}>"))
        .map(|(_, after)| after);
    let inside = after.and_then(|after| after.split_once('<'));
    inside.map_or_else(String::new, |(text, _)| text.into())
}

/// The document with its request id, which is new each time, replaced.
pub fn without_request_id(document: &str) -> String {
    let mut out = document.to_owned();
    for tag in ["requestId", "RequestId", "RequestID"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        if let (Some(start), Some(end)) = (out.find(&open), out.find(&close)) {
            let id = &out[start + open.len()..end];
            assert_eq!(
                (id.len(), id.as_bytes()[14]),
                (36, b'4'),
                "{id} is no random UUID"
            );
            out.replace_range(start + open.len()..end, "ID");
        }
    }
    out
}
