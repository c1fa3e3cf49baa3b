//! TLS for the API's server.

use std::fmt;
use std::sync::Arc;

use eni_types::Timestamp;
use parking_lot::Mutex;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::{Authority, AuthorityError};

/// A certificate that is older than this is followed by a new one: a third of its life.
const RENEWED_AFTER_MS: i64 = 10 * 24 * 60 * 60 * 1_000;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How the API is served: HTTP/1.1 over TLS 1.2 or 1.3, with certificates of `authority` that hold at the time that `clock` tells.
///
/// # Errors
/// When no certificate can be made.
pub fn server_config(authority: Authority, clock: Clock) -> Result<ServerConfig, AuthorityError> {
    let first = make(&authority, clock())?;
    let shown = Shown {
        authority,
        clock,
        current: Mutex::new(first),
    };
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = [b"http/1.1".into()].into();
    Ok(config)
}

/// A certificate, and when it was made.
type Made = (Arc<CertifiedKey>, Timestamp);

/// The certificate that clients are shown.
struct Shown {
    authority: Authority,
    clock: Clock,
    current: Mutex<Made>,
}

impl ResolvesServerCert for Shown {
    /// The same for every name that a client may ask for: it has all of them.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.at((self.clock)()))
    }
}

impl Shown {
    fn at(&self, now: Timestamp) -> Arc<CertifiedKey> {
        let mut current = self.current.lock();
        let (certificate, made) = &*current;
        // Also where the clock was set back: what was made later does not hold yet.
        if (0..RENEWED_AFTER_MS).contains(&(now.0 - made.0)) {
            return Arc::clone(certificate);
        }
        match make(&self.authority, now) {
            Ok(new) => *current = new,
            Err(error) => tracing::error!(%error, "no new certificate of the API"),
        }
        Arc::clone(&current.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shown").finish_non_exhaustive()
    }
}

fn make(authority: &Authority, now: Timestamp) -> Result<Made, AuthorityError> {
    let (certificate, key) = authority.issue(now)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = ring::default_provider();
    let certified = CertifiedKey::from_der([certificate.into()].into(), key.into(), &provider)?;
    Ok((Arc::new(certified), now))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_rustls::rustls::client::WebPkiServerVerifier;
    use tokio_rustls::rustls::client::danger::ServerCertVerifier;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use tokio_rustls::rustls::{Error, RootCertStore};

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

    struct Bench {
        shown: Shown,
        verifier: Arc<WebPkiServerVerifier>,
    }

    impl Bench {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let authority = Authority::open(directory.path(), "eu-west-1", NOW).unwrap();
            let mut roots = RootCertStore::empty();
            let pem = authority.certificate().as_bytes();
            roots
                .add(CertificateDer::from_pem_slice(pem).unwrap())
                .unwrap();
            let provider = Arc::new(ring::default_provider());
            let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
            Self {
                shown: Shown {
                    current: Mutex::new(make(&authority, NOW).unwrap()),
                    authority,
                    clock: Arc::new(|| NOW),
                },
                verifier: builder.build().unwrap(),
            }
        }

        /// Whether a client that trusts the authority accepts what it is shown, by this name at this time.
        fn accepts(&self, name: &str, now: Timestamp) -> Result<(), Error> {
            let certificate = self.shown.at(now);
            let [certificate] = &*certificate.cert else {
                panic!("one certificate");
            };
            let name = ServerName::try_from(name.to_owned()).unwrap();
            let seconds = u64::try_from(now.0 / 1_000).unwrap();
            let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let verified = (self.verifier).verify_server_cert(certificate, &[], &name, &[], now);
            verified.map(drop)
        }
    }

    #[test]
    fn clients_accept_the_names_of_the_services_and_of_endpoints_and_no_others() {
        let bench = Bench::new();
        for name in [
            "ec2.eu-west-1.amazonaws.com",
            "ec2.eu-west-1.api.aws",
            "sts.eu-west-1.amazonaws.com",
            "sts.amazonaws.com",
            "iam.amazonaws.com",
            "vpce-0a1b-2c3d.ec2.eu-west-1.vpce.amazonaws.com",
            "vpce-0a1b-2c3d-eu-west-1a.sts.eu-west-1.vpce.amazonaws.com",
        ] {
            assert_eq!(bench.accepts(name, NOW), Ok(()), "{name}");
        }
        for name in [
            "ec2.us-east-1.amazonaws.com",
            "s3.amazonaws.com",
            "example.com",
            "169.254.169.243",
        ] {
            assert!(bench.accepts(name, NOW).is_err(), "{name}");
        }
    }

    #[test]
    fn an_authority_is_believed_nothing_but_names_of_aws() {
        let mut bench = Bench::new();
        bench.shown.authority.names = ["example.com".into(), "sts.amazonaws.com".into()].into();
        *bench.shown.current.lock() = make(&bench.shown.authority, NOW).unwrap();
        assert!(bench.accepts("example.com", NOW).is_err());
    }

    #[test]
    fn a_certificate_is_followed_by_another_before_it_ends() {
        let bench = Bench::new();
        let first = bench.shown.at(NOW);
        let soon = Timestamp(NOW.0 + 9 * DAY_MS);
        assert!(Arc::ptr_eq(&bench.shown.at(soon), &first));
        for day in [10, 400] {
            let later = Timestamp(NOW.0 + day * DAY_MS);
            assert!(!Arc::ptr_eq(&bench.shown.at(later), &first));
            assert_eq!(bench.accepts("iam.amazonaws.com", later), Ok(()));
        }
        // The clock is set back.
        assert_eq!(bench.accepts("iam.amazonaws.com", NOW), Ok(()));
    }
}
