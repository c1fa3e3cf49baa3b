//! What has arrived: packet numbers, for acknowledgements and against repetition, and messages, for exactly once.

use crate::config::{ACK_AFTER_DATAGRAMS, ACK_AFTER_PACKETS, ACK_DELAY_NANOS, PACKET_WINDOW};
use crate::frame::{self, Echo, HOLD_UNIT_NANOS, MAX_ECHOES, MAX_WORDS, Word};
use crate::time::Instant;
use crate::wire::Writer;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

const WORDS: u64 = PACKET_WINDOW / 64;

/// Whether a number is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    New,
    Repeated,
    /// Below the window: it may be either.
    TooOld,
    /// Above the window.
    Beyond,
}

/// Packet numbers that arrived, and what of them the peer must be told.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedPackets {
    /// Numbers seen, by number; repetition is told by them.
    seen: Vec<u64>,
    /// Numbers whose messages were all taken.
    taken: Vec<u64>,
    /// One more than the highest word seen; words from `end_word - WORDS` are kept.
    end_word: u64,
    /// Words with news, oldest first, each once.
    fresh: VecDeque<u64>,
    is_fresh: Vec<bool>,
    /// The word told last: it is told again, in case that acknowledgement is lost.
    told_last: Option<u64>,
    latest: Vec<(u64, Instant)>,
    touched: u64,
    waiting_packets: u32,
    waiting_bytes: usize,
    due: Instant,
    /// The path that the latest packet came on.
    pub(crate) last_path: u8,
}

impl ReceivedPackets {
    pub(crate) fn new() -> Self {
        let words = WORDS as usize;
        Self {
            seen: vec![0; words],
            taken: vec![0; words],
            end_word: WORDS,
            fresh: VecDeque::new(),
            is_fresh: vec![false; words],
            told_last: None,
            latest: vec![(0, Instant::default()); usize::from(crate::MAX_PATHS)],
            touched: 0,
            waiting_packets: 0,
            waiting_bytes: 0,
            due: Instant::NEVER,
            last_path: 0,
        }
    }

    /// Bytes that the tables take.
    pub(crate) fn memory_bytes(&self) -> usize {
        (self.seen.capacity() + self.taken.capacity() + self.fresh.capacity()) * 8
            + self.is_fresh.capacity()
            + self.latest.capacity() * size_of::<(u64, Instant)>()
    }

    fn place(word: u64) -> usize {
        (word % WORDS) as usize
    }

    pub(crate) fn novelty(&self, number: u64) -> Novelty {
        let word = number / 64;
        if word >= self.end_word {
            Novelty::New
        } else if word + WORDS < self.end_word {
            Novelty::TooOld
        } else if self.seen[Self::place(word)] & 1 << (number % 64) != 0 {
            Novelty::Repeated
        } else {
            Novelty::New
        }
    }

    /// Marks a number that [`novelty`](Self::novelty) calls new.
    pub(crate) fn see(&mut self, number: u64) {
        let word = number / 64;
        if word >= self.end_word {
            for entering in self.end_word.max((word + 1).saturating_sub(WORDS))..=word {
                let place = Self::place(entering);
                (self.seen[place], self.taken[place], self.is_fresh[place]) = (0, 0, false);
            }
            self.end_word = word + 1;
            let oldest = self.end_word - WORDS;
            while self.fresh.front().is_some_and(|word| *word < oldest) {
                self.fresh.pop_front();
            }
        }
        self.seen[Self::place(word)] |= 1 << (number % 64);
    }

    /// The packet wants an acknowledgement, and its messages were all taken.
    pub(crate) fn take(&mut self, now: Instant, number: u64, path: u8, bytes: usize) {
        self.taken[Self::place(number / 64)] |= 1 << (number % 64);
        self.latest[usize::from(path)] = (number, now);
        self.touched |= 1 << path;
        self.tell(now, number, bytes);
    }

    /// The peer repeated a packet that was taken: it did not hear so.
    pub(crate) fn tell_again(&mut self, now: Instant, number: u64) {
        if self.taken[Self::place(number / 64)] & 1 << (number % 64) != 0 {
            self.tell(now, number, 0);
        }
    }

    fn tell(&mut self, now: Instant, number: u64, bytes: usize) {
        let word = number / 64;
        let place = Self::place(word);
        if !self.is_fresh[place] {
            self.is_fresh[place] = true;
            if self.fresh.len() as u64 >= 2 * WORDS {
                self.fresh.pop_front();
            }
            self.fresh.push_back(word);
        }
        self.waiting_packets += 1;
        self.waiting_bytes += bytes;
        if self.due == Instant::NEVER {
            self.due = now.after_nanos(ACK_DELAY_NANOS);
        }
    }

    /// An acknowledgement shall go out without waiting.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    /// When an acknowledgement must go out.
    pub(crate) fn due(&self, datagram_bytes: usize) -> Instant {
        let is_enough = self.waiting_packets >= ACK_AFTER_PACKETS
            || self.waiting_bytes >= ACK_AFTER_DATAGRAMS * datagram_bytes * 3 / 4;
        if is_enough {
            Instant::default()
        } else {
            self.due
        }
    }

    /// Whether there is anything to tell.
    pub(crate) fn has_news(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Writes an acknowledgement if there is news and room for it.
    pub(crate) fn write_ack(&mut self, now: Instant, credit_bytes: u32, writer: &mut Writer<'_>) {
        if self.fresh.is_empty() || writer.room() < frame::ack_bytes(1, 1) {
            return;
        }
        let mut echoes = [Echo::default(); MAX_ECHOES];
        let mut words = [Word::default(); MAX_WORDS];
        let (mut echo_count, mut word_count) = (0, 0);
        let mut left = self.touched;
        while left != 0 && echo_count < MAX_ECHOES {
            if writer.room() < frame::ack_bytes(echo_count + 1, 1) {
                break;
            }
            let path = left.trailing_zeros() as u8;
            left &= left - 1;
            let (number, at) = self.latest[usize::from(path)];
            let held = now.nanos_since(at) / HOLD_UNIT_NANOS;
            echoes[echo_count] = Echo {
                path,
                held: u16::try_from(held).unwrap_or(u16::MAX),
                packet_number: number as u32,
            };
            echo_count += 1;
        }
        self.touched = left;
        let fits = |words: usize| writer.room() >= frame::ack_bytes(echo_count, words);
        let mut told = None;
        while word_count < MAX_WORDS && fits(word_count + 1) {
            let Some(word) = self.fresh.pop_front() else {
                break;
            };
            if word + WORDS < self.end_word {
                continue;
            }
            self.is_fresh[Self::place(word)] = false;
            words[word_count] = self.word(word);
            word_count += 1;
            told = Some(word);
        }
        let again = self
            .told_last
            .filter(|word| Some(*word) != told && word + WORDS >= self.end_word);
        if let Some(word) = again.filter(|_| word_count < MAX_WORDS && fits(word_count + 1)) {
            words[word_count] = self.word(word);
            word_count += 1;
        }
        self.told_last = told;
        frame::write_ack(
            credit_bytes,
            &echoes[..echo_count],
            &words[..word_count],
            writer,
        );
        (self.waiting_packets, self.waiting_bytes) = (0, 0);
        self.due = if self.fresh.is_empty() {
            Instant::NEVER
        } else {
            now
        };
    }

    fn word(&self, word: u64) -> Word {
        Word {
            index: word as u32,
            bits: self.taken[Self::place(word)],
        }
    }
}

/// Sequence numbers of messages that were taken.
#[derive(Clone, Debug)]
pub(crate) struct TakenMessages {
    /// All below are taken.
    base: u64,
    bits: Vec<u64>,
}

impl TakenMessages {
    pub(crate) fn new(window_log2: u8) -> Self {
        Self {
            base: 0,
            bits: vec![0; (1 << window_log2) / 64],
        }
    }

    /// Bytes that the table takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bits.capacity() * 8
    }

    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    fn place(&self, sequence: u64) -> (usize, u64) {
        let words = self.bits.len() as u64;
        ((sequence / 64 % words) as usize, 1 << (sequence % 64))
    }

    pub(crate) fn novelty(&self, sequence: u64) -> Novelty {
        if sequence < self.base {
            return Novelty::Repeated;
        }
        if sequence - self.base >= self.bits.len() as u64 * 64 {
            return Novelty::Beyond;
        }
        let (word, bit) = self.place(sequence);
        if self.bits[word] & bit == 0 {
            Novelty::New
        } else {
            Novelty::Repeated
        }
    }

    /// Marks a number that [`novelty`](Self::novelty) calls new.
    pub(crate) fn take(&mut self, sequence: u64) {
        let (word, bit) = self.place(sequence);
        self.bits[word] |= bit;
        loop {
            let (word, bit) = self.place(self.base);
            if self.bits[word] & bit == 0 {
                return;
            }
            self.bits[word] &= !bit;
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Frames};

    #[test]
    fn packet_numbers_are_new_once_and_then_repeated_until_they_are_too_old() {
        let mut received = ReceivedPackets::new();
        for number in [0, 3, 63, 64, 20_000, 5_000] {
            assert_eq!(received.novelty(number), Novelty::New, "{number}");
            received.see(number);
            assert_eq!(received.novelty(number), Novelty::Repeated, "{number}");
        }
        assert_eq!(received.novelty(1), Novelty::TooOld);
        assert_eq!(received.novelty(20_000 - PACKET_WINDOW + 64), Novelty::New);
        received.see(u64::MAX);
        assert_eq!(received.novelty(20_000), Novelty::TooOld);
    }

    #[test]
    fn a_message_is_new_once_wherever_the_window_stands() {
        let mut taken = TakenMessages::new(6);
        for sequence in (0..1_000).map(|n: u64| n ^ 1) {
            assert_eq!(taken.novelty(sequence), Novelty::New);
            taken.take(sequence);
            assert_eq!(taken.novelty(sequence), Novelty::Repeated);
        }
        assert_eq!(taken.base(), 1_000);
        assert_eq!(taken.novelty(1_063), Novelty::New);
        assert_eq!(taken.novelty(1_064), Novelty::Beyond);
    }

    #[test]
    fn every_packet_is_told_and_the_last_word_twice() {
        let mut received = ReceivedPackets::new();
        let now = Instant::from_nanos(1_000_000);
        for number in [0, 1, 70] {
            received.see(number);
            received.take(now, number, 2, 100);
        }
        let told = |received: &mut ReceivedPackets| {
            let mut buffer = [0; 400];
            let mut writer = Writer::new(&mut buffer);
            received.write_ack(now.after_nanos(640), 9_000, &mut writer);
            let length = writer.written();
            let Some(Ok(Frame::Ack(ack))) = Frames::new(&buffer[..length]).next() else {
                panic!("no acknowledgement");
            };
            let echoes: Vec<Echo> = ack.echoes().collect();
            (
                echoes,
                ack.words()
                    .map(|word| (word.index, word.bits))
                    .collect::<Vec<_>>(),
            )
        };
        let echo = Echo {
            path: 2,
            held: 10,
            packet_number: 70,
        };
        assert_eq!(told(&mut received), (vec![echo], vec![(0, 3), (1, 64)]));
        assert!(!received.has_news());
        received.see(2);
        received.take(now, 2, 2, 100);
        let echo = Echo {
            path: 2,
            held: 10,
            packet_number: 2,
        };
        assert_eq!(told(&mut received), (vec![echo], vec![(0, 7), (1, 64)]));
    }
}
