//! Session tokens (EC2 User Guide, "How Instance Metadata Service Version 2 works").
//!
//! A token is kept nowhere: it says until when it holds, and a code over that and the instance proves that the region gave
//! it to this instance. So it also outlives the region's process.

use alloc::string::{String, ToString};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use eni_sessions::{CODE_LENGTH, DerivedKey};
use eni_types::{InstanceId, Timestamp};

/// The longest time to live: six hours.
const LONGEST: u32 = 21_600;
/// Bytes of the time until which a token holds, before the code.
const TIME_LENGTH: usize = 8;
const LENGTH: usize = TIME_LENGTH + CODE_LENGTH;
const MILLISECONDS: i64 = 1_000;

/// A time to live in seconds: 1 to 21,600 when a token is asked for, 0 to that of one that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u32);

impl Seconds {
    /// Reads the time to live that a token is asked for with.
    pub(crate) fn of_token(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?.trim();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = text.parse().ok().filter(|_| digits)?;
        (1..=LONGEST).contains(&seconds).then_some(Self(seconds))
    }
}

/// What a region's tokens are made with.
#[derive(Clone, Debug)]
pub struct TokenKey(DerivedKey);

impl TokenKey {
    /// The key that follows from a secret of the region's. Nobody who knows the key, or a token, knows the secret.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self(DerivedKey::new(secret, b"instance metadata tokens"))
    }

    /// A token for an instance.
    pub(crate) fn token(&self, instance_id: InstanceId, now: Timestamp, ttl: Seconds) -> String {
        let until = now.0.saturating_add(i64::from(ttl.0) * MILLISECONDS);
        let until = until.to_be_bytes();
        let code = self.code(instance_id, until);
        let mut token = [0; LENGTH];
        let (time, rest) = token.split_at_mut(TIME_LENGTH);
        time.copy_from_slice(&until);
        rest.copy_from_slice(&code);
        URL_SAFE.encode(token)
    }

    /// How long a token of the instance still holds; `None` if it is none, another's, or holds no more.
    pub(crate) fn verify(
        &self,
        token: &[u8],
        instance_id: InstanceId,
        now: Timestamp,
    ) -> Option<Seconds> {
        // One digit more than the longest, so that no long text is looked at.
        let mut bytes = [0; LENGTH + 2];
        let length = URL_SAFE.decode_slice(token, &mut bytes).ok()?;
        let (until, found) = bytes.get(..length)?.split_first_chunk::<TIME_LENGTH>()?;
        let of_instance = instance_id.to_string();
        self.0.verify(&[until, of_instance.as_bytes()], found)?;
        let left = i64::from_be_bytes(*until).saturating_sub(now.0);
        let seconds = u32::try_from(left.checked_div(MILLISECONDS)?).ok()?;
        (left > 0).then_some(Seconds(seconds))
    }

    fn code(&self, instance_id: InstanceId, until: [u8; TIME_LENGTH]) -> [u8; CODE_LENGTH] {
        self.0.code(&[&until, instance_id.to_string().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn instance(number: u32) -> InstanceId {
        format!("i-{number:017x}").parse().unwrap()
    }

    const NOW: Timestamp = Timestamp(1_795_201_854_000);

    fn later(seconds: i64) -> Timestamp {
        Timestamp(NOW.0 + seconds * MILLISECONDS)
    }

    #[test]
    fn a_token_holds_for_its_instance_and_its_time() {
        let key = TokenKey::from_secret(b"secret");
        let token = key.token(instance(1), NOW, Seconds(60));
        assert_eq!(token.len(), 56, "as long as EC2's");
        let verify = |id, now| key.verify(token.as_bytes(), instance(id), now);
        assert_eq!(verify(1, NOW), Some(Seconds(60)));
        assert_eq!(verify(1, later(59)), Some(Seconds(1)));
        assert_eq!(verify(1, later(60)), None);
        assert_eq!(verify(1, later(600)), None);
        assert_eq!(verify(2, NOW), None);
        let other = TokenKey::from_secret(b"other");
        assert_eq!(other.verify(token.as_bytes(), instance(1), NOW), None);
        let again = TokenKey::from_secret(b"secret");
        assert!(again.verify(token.as_bytes(), instance(1), NOW).is_some());
    }

    #[test]
    fn a_time_to_live_is_a_plain_number_within_bounds() {
        for (text, want) in [
            ("1", Some(1)),
            ("21600", Some(21_600)),
            (" 60", Some(60)),
            ("0", None),
            ("21601", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("60s", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(
                Seconds::of_token(text.as_bytes()),
                want.map(Seconds),
                "{text:?}"
            );
        }
        assert_eq!(Seconds::of_token(&[0xff]), None);
    }

    proptest! {
        #[test]
        fn whatever_differs_from_a_token_is_none(
            bytes: Vec<u8>,
            position in 0..56_usize,
            other: u8,
        ) {
            let key = TokenKey::from_secret(b"secret");
            prop_assert_eq!(key.verify(&bytes, instance(1), NOW), None);
            let token = key.token(instance(1), NOW, Seconds(60));
            let mut bent: Vec<u8> = token.clone().into();
            bent[position] = other;
            let holds = key.verify(&bent, instance(1), NOW).is_some();
            prop_assert_eq!(holds, bent == token.as_bytes());
            prop_assert_eq!(key.verify(&token.as_bytes()[..position], instance(1), NOW), None);
        }
    }
}
