//! Temporary credentials: what a session of a role signs with.
//!
//! They are kept nowhere. A session token says whose session it is and until when it holds, with a code over that, by a key
//! that follows from the region's secret; access key and secret follow from the token. So whoever has the key tells whose
//! credentials they are, before and after a restart, and nobody else can make any.
//!
//! *Invariant*: nothing here knows what a role may do, or whether it is still there.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod derived_key;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eni_types::Timestamp;
use eni_types::iam::RoleId;

pub use derived_key::{CODE_LENGTH, DerivedKey};

/// What tokens begin with: the form of all that follows.
const FORM: u8 = 1;
/// Bytes of the time until which a session holds.
const TIME_LENGTH: usize = 8;
/// Bytes of a role's unique id.
const ROLE_ID_LENGTH: usize = 21;
/// Characters of a session's name (STS API reference, `AssumeRole`).
pub const SESSION_NAME_CHARACTERS: core::ops::RangeInclusive<usize> = 2..=64;
/// Characters of the longest token; what is longer is not looked at.
const LONGEST_TOKEN: usize =
    (1 + TIME_LENGTH + ROLE_ID_LENGTH + *SESSION_NAME_CHARACTERS.end() + CODE_LENGTH).div_ceil(3)
        * 4;
/// What access keys of sessions begin with (IAM User Guide, "Unique identifiers").
pub const ACCESS_KEY_PREFIX: &str = "ASIA";
/// Characters behind the prefix of an access key.
const ACCESS_KEY_CHARACTERS: usize = 16;
/// Base32 (RFC 4648, 6), of which access keys are made.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Bytes of which the 40 characters of a secret are made.
const SECRET_LENGTH: usize = 30;

/// A session of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The role.
    pub role_id: RoleId,
    /// The session's name: an instance's id, or what AssumeRole was asked for.
    pub name: String,
    /// When its credentials expire.
    pub expiration: Timestamp,
}

impl Session {
    /// Whether its credentials have expired.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expiration
    }
}

/// Whether a text can be a session's name (STS API reference, `AssumeRole`).
#[must_use]
pub fn is_session_name(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    SESSION_NAME_CHARACTERS.contains(&text.len()) && text.bytes().all(is_of_name)
}

/// What a session signs with.
#[derive(Clone, PartialEq, Eq)]
pub struct TemporaryCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// Forty characters.
    pub secret_access_key: String,
    /// What goes with each request.
    pub session_token: String,
    /// When they expire.
    pub expiration: Timestamp,
}

/// The secret is not printed.
impl core::fmt::Debug for TemporaryCredentials {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("TemporaryCredentials")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// What a region's temporary credentials are made with.
#[derive(Clone, Debug)]
pub struct SessionKey(DerivedKey);

impl SessionKey {
    /// The key that follows from a secret of the region's. Nobody who knows the key, or credentials, knows the secret.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self(DerivedKey::new(secret, b"temporary credentials"))
    }

    /// The credentials of a session: always the same.
    #[must_use]
    pub fn credentials(&self, session: &Session) -> TemporaryCredentials {
        let mut token = Vec::from([FORM]);
        token.extend(session.expiration.0.to_be_bytes());
        token.extend(session.role_id.to_string().bytes());
        token.extend(session.name.bytes());
        let proof = self.0.code(&[b"token", &token]);
        token.extend(proof);
        let digits = self.0.code(&[b"access key", &token]);
        let digits = digits.iter().take(ACCESS_KEY_CHARACTERS);
        let digits = digits.map(|byte| char::from(BASE32[usize::from(byte % 32)]));
        let secret = self.0.code(&[b"secret", &token]);
        TemporaryCredentials {
            access_key_id: ACCESS_KEY_PREFIX.chars().chain(digits).collect(),
            secret_access_key: STANDARD.encode(&secret[..SECRET_LENGTH]),
            session_token: STANDARD.encode(token),
            expiration: session.expiration,
        }
    }

    /// The session that a token is of; `None` for one that this key did not make. It may have expired.
    #[must_use]
    pub fn session(&self, token: &[u8]) -> Option<Session> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let bytes = STANDARD.decode(token).ok()?;
        let (said, found) = bytes.split_last_chunk::<CODE_LENGTH>()?;
        self.0.verify(&[b"token", said], found)?;
        let (form, said) = said.split_first()?;
        let (time, said) = said.split_first_chunk::<TIME_LENGTH>()?;
        let (role_id, name) = said.split_first_chunk::<ROLE_ID_LENGTH>()?;
        (*form == FORM).then_some(())?;
        Some(Session {
            role_id: core::str::from_utf8(role_id).ok()?.parse().ok()?,
            name: core::str::from_utf8(name).ok()?.into(),
            expiration: Timestamp(i64::from_be_bytes(*time)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_795_201_854_000);

    fn session(name: &str) -> Session {
        Session {
            role_id: RoleId::from_random([1, 2]),
            name: name.into(),
            expiration: Timestamp(NOW.0 + 1_000),
        }
    }

    #[test]
    fn credentials_have_awss_form_and_are_those_of_their_session() {
        let key = SessionKey::from_secret(b"secret");
        let made = key.credentials(&session("i-0123456789abcdef0"));
        assert!(made.access_key_id.starts_with("ASIA"), "{made:?}");
        assert_eq!(made.access_key_id.len(), 20);
        assert_eq!(made.secret_access_key.len(), 40);
        let read = key.session(made.session_token.as_bytes());
        assert_eq!(read, Some(session("i-0123456789abcdef0")));
        let again = SessionKey::from_secret(b"secret");
        assert!(again.credentials(&session("i-0123456789abcdef0")) == made);
        let other = SessionKey::from_secret(b"other");
        assert_eq!(other.session(made.session_token.as_bytes()), None);
        let another = key.credentials(&session("i-0123456789abcdef1"));
        assert_ne!(another.access_key_id, made.access_key_id);
        assert_ne!(another.secret_access_key, made.secret_access_key);
    }

    #[test]
    fn a_session_expires_at_its_time() {
        let session = session("web");
        for (after, want) in [(0, false), (999, false), (1_000, true), (5_000, true)] {
            assert_eq!(
                session.has_expired(Timestamp(NOW.0 + after)),
                want,
                "{after}"
            );
        }
    }

    #[test]
    fn names_have_stss_form() {
        for (text, want) in [
            ("ab", true),
            ("i-0123456789abcdef0", true),
            ("a.b@c=d,e+f_g", true),
            ("a", false),
            ("", false),
            ("a b", false),
            ("a/b", false),
        ] {
            assert_eq!(is_session_name(text), want, "{text}");
        }
        assert!(is_session_name(&"a".repeat(64)) && !is_session_name(&"a".repeat(65)));
    }

    proptest! {
        #[test]
        fn whatever_differs_from_a_token_is_none(
            bytes: Vec<u8>,
            position in 0..108_usize,
            other: u8,
        ) {
            let key = SessionKey::from_secret(b"secret");
            prop_assert_eq!(key.session(&bytes), None);
            let token = key.credentials(&session("i-0123456789abcdef0")).session_token;
            prop_assert_eq!(token.len(), 108);
            let mut bent: Vec<u8> = token.clone().into();
            bent[position] = other;
            let holds = key.session(&bent).is_some();
            prop_assert_eq!(holds, bent == token.as_bytes());
            prop_assert_eq!(key.session(&token.as_bytes()[..position]), None);
        }
    }
}
