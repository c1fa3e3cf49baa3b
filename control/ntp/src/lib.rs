//! The time for instances: what a question of NTP is answered (RFC 5905), without any state.
//!
//! A client's question of at least 48 bytes is answered by 48 bytes; nothing else is answered. So nobody is sent more than he
//! has sent, and nothing is remembered of anybody. Keys, control messages and extension fields are not here: EC2's server has
//! none for instances either.
#![no_std]
#![forbid(unsafe_code)]

use core::time::Duration;

/// Bytes of a packet without extension fields (RFC 5905, 7.3).
pub const PACKET_BYTES: usize = 48;

/// What the host knows of its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Whether something keeps it right.
    pub is_synchronized: bool,
    /// What happens at the end of the day.
    pub leap: Leap,
    /// How far it may be from the right time.
    pub maximum_error: Duration,
}

/// A leap second at the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leap {
    /// None.
    None,
    /// The last minute has 61 seconds.
    Insert,
    /// The last minute has 59 seconds.
    Delete,
}

/// Nobody has synchronized it: leap indicator 3.
const ALARM: u8 = 3;
/// The protocol's newest version that is spoken here; older clients are answered in their own.
const VERSIONS: core::ops::RangeInclusive<u8> = 1..=4;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
/// The kernel does not tell from whom the clock is right. Machines mostly follow public servers, of stratum 1 to 3.
const STRATUM: u8 = 4;
/// In place of a stratum: the reference identifier says what is the matter (RFC 5905, 7.4).
const UNSPECIFIED_STRATUM: u8 = 0;
/// "The association has not yet synchronized for the first time".
const NOT_SYNCHRONIZED: [u8; 4] = *b"INIT";
/// The machine's own clock, in the notation of the reference implementation, which is nobody's address on the network.
const OWN_CLOCK: [u8; 4] = [127, 127, 1, 0];
/// Reading the clock takes about a microsecond: 2 to the -20th of a second.
const PRECISION: i8 = -20;

/// From the protocol's beginning of time, 1900, to the system's, 1970 (RFC 5905, figure 4).
const SECONDS_TO_1970: u64 = 2_208_988_800;

/// The answer to `question`, which came at `received` and is answered at `now`, both since 1970; `None` for what is no client's
/// question.
#[must_use]
pub fn answer(
    question: &[u8],
    clock: &Clock,
    received: Duration,
    now: Duration,
) -> Option<[u8; PACKET_BYTES]> {
    let question: &[u8; PACKET_BYTES] = question.first_chunk()?;
    let [flags, _, poll, ..] = *question;
    let (version, mode) = (flags >> 3 & 7, flags & 7);
    if mode != CLIENT || !VERSIONS.contains(&version) {
        return None;
    }
    let leap = match clock.leap {
        _ if !clock.is_synchronized => ALARM,
        Leap::None => 0,
        Leap::Insert => 1,
        Leap::Delete => 2,
    };
    let (stratum, reference) = if clock.is_synchronized {
        (STRATUM, OWN_CLOCK)
    } else {
        (UNSPECIFIED_STRATUM, NOT_SYNCHRONIZED)
    };
    let [.., their_transmission] = question.as_chunks::<8>().0 else {
        return None;
    };
    let words: [[u8; 8]; PACKET_BYTES / 8] = [
        // The root delay, of four bytes, is 0: what the way to the reference adds is in the maximum error.
        [
            leap << 6 | version << 3 | SERVER,
            stratum,
            poll,
            PRECISION as u8,
            0,
            0,
            0,
            0,
        ],
        joined(short(clock.maximum_error), reference),
        // The kernel corrects the clock all the time.
        timestamp(received),
        *their_transmission,
        timestamp(received),
        timestamp(now.max(received)),
    ];
    words.as_flattened().try_into().ok()
}

/// The format of root delay and root dispersion: seconds, and 65,536ths of one. At least one of those: no clock is right.
fn short(time: Duration) -> [u8; 4] {
    let seconds = u16::try_from(time.as_secs()).unwrap_or(u16::MAX);
    let parts = u64::from(time.subsec_nanos()) << 16;
    let parts = u16::try_from(parts / 1_000_000_000).unwrap_or(u16::MAX);
    let value = u32::from(seconds) << 16 | u32::from(parts);
    value.max(1).to_be_bytes()
}

/// The format of timestamps: seconds of an era of 136 years, and 2 to the 32nd parts of one.
fn timestamp(since_1970: Duration) -> [u8; 8] {
    let seconds = since_1970.as_secs().wrapping_add(SECONDS_TO_1970);
    let parts = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32 | parts).to_be_bytes()
}

fn joined([a, b, c, d]: [u8; 4], [e, f, g, h]: [u8; 4]) -> [u8; 8] {
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    const RIGHT: Clock = Clock {
        is_synchronized: true,
        leap: Leap::None,
        maximum_error: Duration::from_micros(1_500),
    };
    const NOON: Duration = Duration::new(1_800_000_000, 250_000_000);

    /// What a client of this version sends.
    fn question(version: u8) -> [u8; PACKET_BYTES] {
        let mut question = [0; PACKET_BYTES];
        question[0] = version << 3 | CLIENT;
        question[2] = 6;
        question[40..].copy_from_slice(b"whenever");
        question
    }

    #[test]
    fn a_client_is_told_the_time() {
        for version in VERSIONS {
            let now = NOON + Duration::from_millis(500);
            let answer = answer(&question(version), &RIGHT, NOON, now).unwrap();
            assert_eq!(answer[..4], [version << 3 | SERVER, 4, 6, 0xec]);
            // No delay, and 1.5 ms in 65,536ths of a second.
            assert_eq!(answer[4..16], [0, 0, 0, 0, 0, 0, 0, 98, 127, 127, 1, 0]);
            assert_eq!(answer[24..32], *b"whenever");
            let seconds = 1_800_000_000_u64 + 2_208_988_800;
            let [received, sent] = [1_u64 << 30, 3 << 30].map(|part| seconds << 32 | part);
            assert_eq!(answer[16..24], received.to_be_bytes());
            assert_eq!(answer[32..40], received.to_be_bytes());
            assert_eq!(answer[40..], sent.to_be_bytes());
        }
    }

    #[test]
    fn a_clock_that_nobody_keeps_right_says_so() {
        let wrong = Clock {
            is_synchronized: false,
            leap: Leap::Insert,
            maximum_error: Duration::from_secs(100_000),
        };
        let answer = answer(&question(4), &wrong, NOON, NOON).unwrap();
        assert_eq!((answer[0] >> 6, answer[1]), (ALARM, 0));
        assert_eq!(answer[8..16], *b"\xff\xff\0\0INIT");
    }

    #[test]
    fn a_leap_second_is_announced() {
        for (leap, want) in [(Leap::None, 0), (Leap::Insert, 1), (Leap::Delete, 2)] {
            let clock = Clock { leap, ..RIGHT };
            let answer = answer(&question(4), &clock, NOON, NOON).unwrap();
            assert_eq!(answer[0] >> 6, want);
        }
    }

    /// The seconds of the protocol begin anew in 2036, and nobody's clock goes back between two timestamps.
    #[test]
    fn the_era_ends_and_a_clock_that_is_set_back_shows_nobody() {
        let era = Duration::from_secs((1 << 32) - SECONDS_TO_1970);
        let answer = answer(&question(4), &RIGHT, era, Duration::ZERO).unwrap();
        assert_eq!(answer[32..], [0; 16]);
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        let asked = question(4);
        let answered = |question: &[u8]| answer(question, &RIGHT, NOON, NOON).is_some();
        assert!(answered(&asked) && answered(&[&asked[..], b"extension"].concat()));
        assert!(!answered(&asked[..47]) && !answered(&[]));
        for mode in [0, 1, 2, 4, 5, 6, 7] {
            assert!(!answered(&[&[4 << 3 | mode], &asked[1..]].concat()));
        }
        for version in [0, 5, 7] {
            assert!(!answered(&question(version)));
        }
    }

    proptest! {
        #[test]
        fn nobody_is_answered_more_than_he_asks(bytes: [u8; 64], length in 0..64_usize, now: u64, synchronized: bool) {
            let clock = Clock { is_synchronized: synchronized, ..RIGHT };
            let now = Duration::from_nanos(now);
            if let Some(answer) = answer(&bytes[..length], &clock, now, now) {
                prop_assert!(length >= answer.len());
                prop_assert_eq!(answer[0] & 7, SERVER);
                // A server's answer is no question.
                prop_assert!(super::answer(&answer, &clock, now, now).is_none());
            }
        }
    }
}
