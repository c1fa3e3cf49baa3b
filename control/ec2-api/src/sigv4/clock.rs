//! The time a request claims to be made at.

use core::fmt;

use eni_types::Timestamp;

/// How far a request's time may be from ours: fifteen minutes (EC2 API reference, `RequestExpired`).
const MAX_SKEW_SECONDS: i64 = 15 * 60;
/// The longest life of a presigned request: seven days (IAM User Guide, "Authentication methods").
pub(crate) const MAX_EXPIRES_SECONDS: u32 = 604_800;

/// The time in a signed request: whole seconds, written `20150830T123600Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedTime {
    seconds: i64,
}

/// What is wrong with a request's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untimely {
    /// It was made, or has expired, too long ago.
    Past,
    /// It is from the future.
    Future,
}

impl ClaimedTime {
    /// The second that `now` is in.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            seconds: now.0.div_euclid(1000),
        }
    }

    /// Reads ISO 8601's basic format, the only one that may stand in `X-Amz-Date`.
    pub(crate) fn from_basic(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let digits = |range: core::ops::Range<usize>| -> Option<i16> {
            let digits = bytes.get(range)?;
            digits.iter().all(u8::is_ascii_digit).then(|| {
                digits
                    .iter()
                    .fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0'))
            })
        };
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let small = |range| digits(range).and_then(|number| i8::try_from(number).ok());
        let civil = jiff::civil::DateTime::new(
            digits(0..4)?,
            small(4..6)?,
            small(6..8)?,
            small(9..11)?,
            small(11..13)?,
            small(13..15)?,
            0,
        )
        .ok()?;
        let zoned = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
        Some(Self {
            seconds: zoned.as_second(),
        })
    }

    /// Reads the HTTP `Date` header (RFC 9110, 5.6.7), which stands in where `X-Amz-Date` is absent.
    pub(crate) fn from_http_date(text: &str) -> Option<Self> {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self {
            seconds: zoned.timestamp().as_second(),
        })
    }

    /// Whether a request made then, and valid for `expires_seconds` if presigned, is valid at `now`.
    pub(crate) fn check(self, expires_seconds: Option<u32>, now: Self) -> Result<(), Untimely> {
        let life = expires_seconds.map_or(0, i64::from);
        if self.seconds + life + MAX_SKEW_SECONDS < now.seconds {
            return Err(Untimely::Past);
        }
        if self.seconds > now.seconds + MAX_SKEW_SECONDS {
            return Err(Untimely::Future);
        }
        Ok(())
    }

    /// The bound that a late request missed.
    pub(crate) fn earliest(self) -> Self {
        Self {
            seconds: self.seconds - MAX_SKEW_SECONDS,
        }
    }

    /// The bound that an early request missed.
    pub(crate) fn latest(self) -> Self {
        Self {
            seconds: self.seconds + MAX_SKEW_SECONDS,
        }
    }
}

impl fmt::Display for ClaimedTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant =
            jiff::Timestamp::from_second(self.seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let civil = jiff::tz::Offset::UTC.to_datetime(instant);
        write!(
            formatter,
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second()
        )
    }
}
