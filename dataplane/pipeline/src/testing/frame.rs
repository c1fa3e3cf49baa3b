//! A frame in a vector.

use alloc::vec::Vec;
use eni_abi::Ipv4;
use eni_wire::checksum;

use crate::{ChecksumKind, Frame};

/// One frame, without offloads unless [`MemoryFrame::segmented`] and without tag unless [`MemoryFrame::tagged`] says so.
#[derive(Clone, Debug)]
pub struct MemoryFrame {
    /// One word more than the length needs when it is odd.
    words: Vec<u16>,
    length: usize,
    segment_size: u32,
    tagged: bool,
}

impl MemoryFrame {
    /// A frame of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let words = bytes
            .chunks(2)
            .map(|pair| u16::from_ne_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        Self {
            words: words.collect(),
            length: bytes.len(),
            segment_size: 0,
            tagged: false,
        }
    }

    /// The same frame standing for segments of `segment_size` bytes of payload.
    #[must_use]
    pub fn segmented(self, segment_size: u32) -> Self {
        Self {
            segment_size,
            ..self
        }
    }

    /// The same frame with a VLAN tag beside its bytes, where the kernel keeps it.
    #[must_use]
    pub fn tagged(self) -> Self {
        Self {
            tagged: true,
            ..self
        }
    }

    /// The frame's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        bytes.truncate(self.length);
        bytes
    }

    fn word(&mut self, offset: u32) -> Option<&mut u16> {
        let end = offset as usize + 2;
        if end > self.length {
            None
        } else {
            self.words.get_mut(offset as usize / 2)
        }
    }
}

impl Frame for MemoryFrame {
    fn length(&self) -> u32 {
        self.length as u32
    }

    fn is_tagged(&self) -> bool {
        self.tagged
    }

    fn packets(&self) -> u32 {
        match self.segment_size {
            0 => 1,
            size => self.length().div_ceil(size),
        }
    }

    fn segment_size(&self) -> u32 {
        self.segment_size
    }

    fn head<const N: usize>(&self) -> Option<&[u16; N]> {
        if 2 * N > self.length {
            None
        } else {
            self.words.first_chunk()
        }
    }

    fn load<const N: usize>(&self, offset: u32) -> Option<[u16; N]> {
        let offset = offset as usize;
        if offset + 2 * N > self.length {
            None
        } else {
            self.words.get(offset / 2..)?.first_chunk().copied()
        }
    }

    fn store<const N: usize>(&mut self, offset: u32, words: &[u16; N]) -> Option<()> {
        let offset = offset as usize;
        if offset + 2 * N > self.length {
            return None;
        }
        self.words
            .get_mut(offset / 2..)?
            .first_chunk_mut()
            .map(|chunk| *chunk = *words)
    }

    fn replace_checksum(
        &mut self,
        offset: u32,
        from: u32,
        to: u32,
        kind: ChecksumKind,
    ) -> Option<()> {
        let word = self.word(offset)?;
        let is_udp = matches!(kind, ChecksumKind::Udp(_));
        if from == to || (is_udp && *word == 0) {
            return Some(());
        }
        *word = checksum::replace_address(*word, Ipv4(from), Ipv4(to));
        if is_udp && *word == 0 {
            *word = 0xffff;
        }
        Some(())
    }

    fn resize(&mut self, length: u32) -> Option<()> {
        let length = length as usize;
        self.words.resize(length.div_ceil(2), 0);
        if length % 2 == 1 && length < self.length {
            let last = self.words.last_mut()?;
            let [first, _] = last.to_ne_bytes();
            *last = u16::from_ne_bytes([first, 0]);
        }
        self.length = length;
        Some(())
    }
}
