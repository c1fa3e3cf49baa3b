//! The key by which the region vouches for its instances' identity documents, and what it signs.
//!
//! It is no key of the authority's: whoever verifies documents is given its certificate, and believes it nothing else.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use eni_metadata::{DocumentSigner, Signatures};
use eni_types::Timestamp;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use rcgen::{CertificateParams, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, SerialNumber};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag};

use crate::kept::{self, Files};
use crate::{AUTHORITY_LIFE, AuthorityError, lasting, named};

/// The certificate in the data directory, in PEM: by it documents are verified.
pub const IDENTITY_CERTIFICATE: &str = "identity.pem";
/// The key, mode 0600.
pub const IDENTITY_KEY: &str = "identity.key";
const FILES: Files = Files {
    key: IDENTITY_KEY,
    certificate: IDENTITY_CERTIFICATE,
};
/// Documents whose signatures are remembered. Making one takes about a millisecond, and an instance may ask 1,024 times a second; it
/// has one document, until its type or its address changes.
const MOST_REMEMBERED: usize = 4096;
const SERIAL_BYTES: usize = 16;

/// Signs the identity documents of a region.
pub struct Identity {
    key: RsaKeyPair,
    /// The certificate's subject, which is its issuer.
    name: String,
    serial: Vec<u8>,
    remembered: Mutex<HashMap<String, Arc<Signatures>>>,
}

impl Identity {
    /// The key that `directory` keeps for `region`, made if it keeps none: that takes a good part of a second.
    ///
    /// # Errors
    /// When its files cannot be read, or not be written.
    pub fn open(directory: &Path, region: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let name = format!("OpenENI {region} instance identity");
        let key = match kept::read(directory, FILES)? {
            Some((key, _)) => key,
            None => {
                let key = make()?;
                let certificate = certificate(&name, &key, now).self_signed(&key)?.pem();
                kept::write(directory, FILES, &key, &certificate)?;
                key
            }
        };
        let corrupt = |_| AuthorityError::Corrupt {
            path: directory.join(IDENTITY_KEY),
        };
        Ok(Self {
            key: RsaKeyPair::from_pkcs8(&key.serialize_der()).map_err(corrupt)?,
            name,
            serial: serial(&key),
            remembered: Mutex::default(),
        })
    }

    fn signatures(&self, document: &str) -> Option<Signatures> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        let signed = (self.key).sign(
            &RSA_PKCS1_SHA256,
            &random,
            document.as_bytes(),
            &mut signature,
        );
        signed.ok()?;
        let pkcs7 = self.signed_data(document, &signature);
        Some(Signatures { signature, pkcs7 })
    }

    /// The document with its signature (RFC 5652, 5), as DER. As EC2's, it has no certificate in it.
    fn signed_data(&self, document: &str, signature: &[u8]) -> Vec<u8> {
        yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_oid(&identifier(SIGNED_DATA));
                writer.next().write_tagged(Tag::context(0), |writer| {
                    writer.write_sequence(|writer| {
                        writer.next().write_u8(VERSION);
                        writer
                            .next()
                            .write_set(|writer| algorithm(writer.next(), SHA_256));
                        writer.next().write_sequence(|writer| {
                            writer.next().write_oid(&identifier(DATA));
                            let content =
                                |writer: DERWriter<'_>| writer.write_bytes(document.as_bytes());
                            writer.next().write_tagged(Tag::context(0), content);
                        });
                        let signer = |writer: DERWriter<'_>| self.signer(writer, signature);
                        writer.next().write_set(|writer| signer(writer.next()));
                    });
                });
            });
        })
    }

    /// Who has signed (RFC 5652, 5.3), without attributes: the signature is that of the document itself.
    fn signer(&self, writer: DERWriter<'_>, signature: &[u8]) {
        writer.write_sequence(|writer| {
            writer.next().write_u8(VERSION);
            writer.next().write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_set(|writer| {
                        writer.next().write_sequence(|writer| {
                            writer.next().write_oid(&identifier(COMMON_NAME));
                            writer.next().write_utf8_string(&self.name);
                        });
                    });
                });
                writer.next().write_bigint_bytes(&self.serial, true);
            });
            algorithm(writer.next(), SHA_256);
            algorithm(writer.next(), RSA_ENCRYPTION);
            writer.next().write_bytes(signature);
        });
    }
}

impl DocumentSigner for Identity {
    fn sign(&self, document: &str) -> Option<Arc<Signatures>> {
        if let Some(known) = self.remembered.lock().get(document) {
            return Some(Arc::clone(known));
        }
        let made = Arc::new(self.signatures(document)?);
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(document.to_owned(), Arc::clone(&made));
        Some(made)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").finish_non_exhaustive()
    }
}

fn make() -> Result<KeyPair, AuthorityError> {
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(AuthorityError::Entropy)?;
    let key = PrivatePkcs8KeyDer::from(eni_keys::rsa_pkcs8(&mut rng)?);
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(
        &key,
        &PKCS_RSA_SHA256,
    )?)
}

fn certificate(name: &str, key: &KeyPair, now: Timestamp) -> CertificateParams {
    let mut wanted = lasting(now, AUTHORITY_LIFE);
    wanted.distinguished_name = named(name);
    wanted.serial_number = Some(SerialNumber::from(serial(key)));
    wanted.key_usages = [KeyUsagePurpose::DigitalSignature].into();
    wanted
}

/// A number that the certificates of other keys do not have: it follows from the key. Not negative, and not shorter than it seems.
fn serial(key: &KeyPair) -> Vec<u8> {
    let hash = digest(&SHA256, key.public_key_raw());
    let mut serial: Vec<u8> = hash.as_ref().iter().copied().take(SERIAL_BYTES).collect();
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    serial
}

/// Of `SignedData` and of `SignerInfo` with issuer and serial number (RFC 5652, 5.1 and 5.3).
const VERSION: u8 = 1;
/// RFC 5652, 5.1 and 4; RFC 5754, 2.2; RFC 8017, A.1; RFC 5280, A.1.
const SIGNED_DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 2];
const DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
const SHA_256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
const RSA_ENCRYPTION: &[u64] = &[1, 2, 840, 113_549, 1, 1, 1];
const COMMON_NAME: &[u64] = &[2, 5, 4, 3];

fn identifier(parts: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(parts)
}

fn algorithm(writer: DERWriter<'_>, name: &[u64]) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&identifier(name));
        writer.next().write_null();
    });
}

#[cfg(test)]
mod tests {
    use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_key_is_made_once_and_signs_what_its_certificate_verifies() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Identity::open(directory.path(), "us-east-1", NOW).unwrap();
        let first = open();
        let again = open();
        assert_eq!(
            first.key.public_key().as_ref(),
            again.key.public_key().as_ref()
        );
        assert_eq!(first.serial, again.serial);
        let signed = first.sign("a document").unwrap();
        assert_eq!(
            signed.signature,
            again.sign("a document").unwrap().signature
        );
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, first.key.public_key());
        assert_eq!(public.verify(b"a document", &signed.signature), Ok(()));
        assert!(
            public
                .verify(b"another document", &signed.signature)
                .is_err()
        );
        let holds = |part: &[u8]| {
            signed
                .pkcs7
                .windows(part.len())
                .any(|window| window == part)
        };
        assert!(holds(b"a document") && holds(&signed.signature) && holds(&first.serial));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        let identity = Identity::open(directory.path(), "us-east-1", NOW).unwrap();
        let nothing = Arc::new(Signatures::default());
        let full = (0..MOST_REMEMBERED).map(|number| (number.to_string(), Arc::clone(&nothing)));
        identity.remembered.lock().extend(full);
        assert_eq!(*identity.sign("7").unwrap(), *nothing);
        assert_ne!(*identity.sign("a document").unwrap(), *nothing);
        assert_eq!(identity.remembered.lock().len(), 1);
    }
}
