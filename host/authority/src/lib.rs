//! A region's own certificate authority, the certificates that its API shows to instances, and the key that signs their identity
//! documents.
//!
//! The authority is made once, and kept in the data directory: whoever trusts its certificate goes on doing so after a restart.
//! It is bound to AWS's names (RFC 5280, 4.2.1.10): a client that trusts it believes it nothing else. The certificates of
//! the API are never kept: each process makes its own, and a new one long before the last one ends.
#![forbid(unsafe_code)]

mod identity;
mod kept;
mod server;

use std::io;
use std::path::{Path, PathBuf};

use eni_model::ServedApi;
use eni_types::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType,
};
use time::{Duration, OffsetDateTime};

pub use identity::{IDENTITY_CERTIFICATE, IDENTITY_KEY, Identity};
pub use kept::{CERTIFICATE, KEY};
pub use server::{Clock, server_config};

/// How long the authority lasts: longer than a region.
const AUTHORITY_LIFE: Duration = Duration::days(30 * 365);
/// How long a certificate of the API lasts.
const CERTIFICATE_LIFE: Duration = Duration::days(30);
/// How long before it is made a certificate holds: clocks of clients may be a little behind.
const LENIENCE: Duration = Duration::hours(1);
/// The domains of AWS's names, which are all that the authority can speak for.
const DOMAINS: [&str; 2] = ["amazonaws.com", "api.aws"];

/// Why there is no authority, or no certificate of it.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file of its cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error(
        "{} is not as a region has written it: put it back from a copy, or remove it, and the next start makes a new authority",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// No key can be made.
    #[error(transparent)]
    Key(#[from] eni_keys::KeyError),
    /// The system gives no seed for one.
    #[error("the system gives no seed for a key")]
    Entropy(#[source] rand::rngs::SysError),
    /// What was made is not served.
    #[error("cannot serve a certificate")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// A region's authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate, in PEM.
    certificate: String,
    names: Vec<String>,
}

impl Authority {
    /// The authority that `directory` keeps for `region`, made if it keeps none.
    ///
    /// # Errors
    /// When its files cannot be read, or not be written.
    pub fn open(directory: &Path, region: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let (key, certificate) = match kept::read(directory, kept::AUTHORITY)? {
            Some(kept) => kept,
            None => {
                let key = KeyPair::generate()?;
                let certificate = authority(region, now).self_signed(&key)?.pem();
                kept::write(directory, kept::AUTHORITY, &key, &certificate)?;
                (key, certificate)
            }
        };
        // Of the parameters only name and key are read again.
        Ok(Self {
            issuer: Issuer::new(authority(region, now), key),
            certificate,
            names: names(region),
        })
    }

    /// Its certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A new certificate of the API, and its key.
    fn issue(&self, now: Timestamp) -> Result<(Certificate, KeyPair), AuthorityError> {
        let key = KeyPair::generate()?;
        let mut wanted = lasting(now, CERTIFICATE_LIFE);
        let names = self.names.iter();
        let names = names.map(|name| Ok(SanType::DnsName(name.as_str().try_into()?)));
        wanted.subject_alt_names = names.collect::<Result<_, rcgen::Error>>()?;
        let first = self.names.first().map_or("", String::as_str);
        wanted.distinguished_name = named(first);
        wanted.use_authority_key_identifier_extension = true;
        wanted.key_usages = [KeyUsagePurpose::DigitalSignature].into();
        wanted.extended_key_usages = [ExtendedKeyUsagePurpose::ServerAuth].into();
        Ok((wanted.signed_by(&key, &self.issuer)?, key))
    }
}

/// Where the API may be found by: the names of the services that the region serves, and those of their interface endpoints.
fn names(region: &str) -> Vec<String> {
    let of_services = ServedApi::ALL
        .into_iter()
        .flat_map(|service| service.names(region));
    let of_endpoints = ServedApi::ALL
        .into_iter()
        .map(|service| format!("*.{}", service.endpoint_zone(region)));
    of_services.chain(of_endpoints).collect()
}

/// What the authority's certificate says.
fn authority(region: &str, now: Timestamp) -> CertificateParams {
    let mut wanted = lasting(now, AUTHORITY_LIFE);
    wanted.distinguished_name = named(&format!("OpenENI {region}"));
    wanted.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    wanted.key_usages = [KeyUsagePurpose::KeyCertSign].into();
    wanted.name_constraints = Some(NameConstraints {
        permitted_subtrees: DOMAINS
            .map(|domain| GeneralSubtree::DnsName(domain.into()))
            .into(),
        // What is not spoken of would be permitted.
        excluded_subtrees: [
            CidrSubnet::from_v4_prefix([0; 4], 0),
            CidrSubnet::from_v6_prefix([0; 16], 0),
        ]
        .map(GeneralSubtree::IpAddress)
        .into(),
    });
    wanted
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn lasting(now: Timestamp, life: Duration) -> CertificateParams {
    let now = OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(now.0);
    let mut wanted = CertificateParams::default();
    wanted.not_before = now - LENIENCE;
    wanted.not_after = now + life;
    wanted
}
