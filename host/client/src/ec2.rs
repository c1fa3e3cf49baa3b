//! An EC2 client: signed calls over one kept connection, values picked from the answers by name.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eni_ec2_api::sigv4::{Service, Signer};
use eni_ec2_api::{Credentials, SecretAccessKey};
use eni_types::Timestamp;
use ureq::http::header::{CONTENT_TYPE, HOST};
use ureq::http::{HeaderValue, Request};

use crate::KeyPair;

/// The longest that a call may take.
const CALL_PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read: a hundred thousand interfaces are 160 MB.
const ANSWER_BYTES: u64 = 256 << 20;
/// The API version every client of EC2 sends.
const VERSION: &str = "2016-11-15";

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// EC2 said no.
    #[error("{action}: {code}: {message}")]
    Refused {
        /// The call.
        action: String,
        /// EC2's code.
        code: String,
        /// EC2's text.
        message: String,
    },
    /// The answer lacks what it should hold.
    #[error("{action}: the answer holds no {name}")]
    Absent {
        /// The call.
        action: String,
        /// The element.
        name: &'static str,
    },
    /// The call could not be made.
    #[error("{action}: {source}")]
    Transport {
        /// The call.
        action: String,
        /// Why.
        source: Cause,
    },
}

/// A client of one region.
pub struct Ec2 {
    agent: ureq::Agent,
    signer: Signer,
    endpoint: SocketAddr,
}

/// An answer's XML.
pub struct Answer {
    action: String,
    xml: String,
}

impl Ec2 {
    /// A client of the region at `endpoint`.
    #[must_use]
    pub fn new(endpoint: SocketAddr, region: &str, account_id: &str, key_pair: KeyPair) -> Self {
        let credentials = Credentials {
            access_key_id: key_pair.access_key_id,
            secret_access_key: SecretAccessKey::new(key_pair.secret_access_key),
            account_id: account_id.into(),
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(CALL_PATIENCE))
            .build()
            .into();
        Self {
            agent,
            signer: Signer::new(credentials, region, Service::Ec2),
            endpoint,
        }
    }

    /// Calls `action` with `parameters`.
    ///
    /// # Errors
    /// [`CallError::Refused`] with EC2's code, or that the call could not be made.
    pub fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Answer, CallError> {
        let (status, xml) =
            self.send(action, parameters)
                .map_err(|source| CallError::Transport {
                    action: action.into(),
                    source,
                })?;
        let answer = Answer {
            action: action.into(),
            xml,
        };
        if status == 200 {
            return Ok(answer);
        }
        Err(CallError::Refused {
            action: action.into(),
            code: answer.first("Code")?,
            message: answer.first("Message")?,
        })
    }

    /// The signed request of such a call as it goes over the wire, for a client that reads the answer itself.
    ///
    /// # Errors
    /// The parameters cannot be signed.
    pub fn request(&self, action: &str, parameters: &[(&str, &str)]) -> io::Result<Vec<u8>> {
        let request = self.signed(action, parameters).map_err(io::Error::other)?;
        let body = request.body();
        let mut bytes =
            format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len()).into_bytes();
        for (name, value) in request.headers() {
            bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend([b"\r\n", body.as_bytes()].concat());
        Ok(bytes)
    }

    fn signed(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Request<String>, Cause> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", VERSION)
            .extend_pairs(parameters)
            .finish();
        let mut request = Request::post(format!("http://{}/", self.endpoint)).body(body.clone())?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::try_from(self.endpoint.to_string())?);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        self.signer.sign(
            "POST",
            "",
            headers,
            body.as_bytes(),
            Timestamp(i64::try_from(now)?),
        )?;
        Ok(request)
    }

    fn send(&self, action: &str, parameters: &[(&str, &str)]) -> Result<(u16, String), Cause> {
        let mut response = self.agent.run(self.signed(action, parameters)?)?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES);
        let xml = body.read_to_string()?;
        Ok((response.status().as_u16(), xml))
    }
}

impl Answer {
    /// The text of the first element `name`.
    ///
    /// # Errors
    /// [`CallError::Absent`] where there is none.
    pub fn first(&self, name: &'static str) -> Result<String, CallError> {
        self.all(name).into_iter().next().ok_or(CallError::Absent {
            action: self.action.clone(),
            name,
        })
    }

    /// The texts of all elements `name` that hold only text.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<String> {
        use quick_xml::events::Event;
        let mut reader = quick_xml::Reader::from_str(&self.xml);
        let (mut found, mut inside) = (Vec::new(), None::<String>);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => inside = (tag.name().as_ref() == name).then(String::new),
                Ok(Event::Text(text)) => {
                    if let (Some(value), Ok(text)) =
                        (inside.as_mut(), quick_xml::escape::unescape(&text))
                    {
                        value.push_str(&text);
                    }
                }
                Ok(Event::End(_)) => found.extend(inside.take()),
                Ok(Event::Eof) | Err(_) => return found,
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// More than an HTTP client reads by itself.
    const LONG_ANSWER: usize = 11 << 20;

    #[test]
    fn a_long_answer_is_read_to_its_end() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"Version=2016-11-15") {
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            let text = "x".repeat(LONG_ANSWER);
            let xml = format!("<R><tagSet>{text}</tagSet><vpcId>vpc-1</vpcId></R>");
            let length = xml.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{xml}"
            )
            .unwrap();
        });
        let key_pair = KeyPair {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "secret".into(),
        };
        let ec2 = Ec2::new(endpoint, "us-east-1", "123456789012", key_pair);
        let answer = ec2.call("DescribeVpcs", &[]).unwrap();
        server.join().unwrap();
        assert_eq!(answer.first("vpcId").unwrap(), "vpc-1");
    }

    #[test]
    fn values_are_picked_by_the_name_of_their_element() {
        let answer = Answer {
            action: "RunInstances".into(),
            xml: "<R><instancesSet><item><instanceId>i-1</instanceId></item><item><instanceId>i-2</instanceId></item>\
                  </instancesSet><empty/></R>"
                .into(),
        };
        assert_eq!(answer.all("instanceId"), ["i-1", "i-2"]);
        assert_eq!(answer.first("instanceId").unwrap(), "i-1");
        assert!(answer.first("vpcId").is_err());
    }
}
