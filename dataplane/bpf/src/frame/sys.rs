//! The socket buffer. See `crate::sys` on what the verifier proves.

use core::arch::asm;
use core::mem::MaybeUninit;

use aya_ebpf::bindings::{__sk_buff, BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR};
use aya_ebpf::helpers::{
    bpf_l3_csum_replace, bpf_l4_csum_replace, bpf_skb_change_tail, bpf_skb_load_bytes,
    bpf_skb_store_bytes,
};
use eni_pipeline::{ChecksumKind, Covered, Frame};

/// A frame in the kernel.
pub(crate) struct SocketBuffer {
    pub(crate) skb: *mut __sk_buff,
}

impl SocketBuffer {
    /// `N` words at `offset`, an even constant, if the buffer's linear part holds them.
    #[inline(always)]
    fn at_hand<const N: usize>(&self, offset: u32) -> Option<&[u16; N]> {
        // SAFETY: `skb` is the program's context.
        let (data, data_end) =
            unsafe { ((*self.skb).data as usize, (*self.skb).data_end as usize) };
        let start = data + offset as usize;
        if start + 2 * N > data_end {
            return None;
        }
        // SAFETY: in bounds by the check, which the verifier follows; frames start at an even address (NET_IP_ALIGN is
        // 0 or 2); the borrow of `self` ends before anything that would move the data.
        Some(unsafe { &*(start as *const [u16; N]) })
    }
}

impl Frame for SocketBuffer {
    #[inline(always)]
    fn length(&self) -> u32 {
        // SAFETY: `skb` is the program's context.
        unsafe { (*self.skb).len }
    }

    #[inline(always)]
    fn is_tagged(&self) -> bool {
        // SAFETY: `skb` is the program's context.
        unsafe { (*self.skb).vlan_present != 0 }
    }

    #[inline(always)]
    fn packets(&self) -> u32 {
        // SAFETY: `skb` is the program's context.
        let segments = unsafe { (*self.skb).gso_segs };
        if segments == 0 { 1 } else { segments }
    }

    #[inline(always)]
    fn segment_size(&self) -> u32 {
        // SAFETY: `skb` is the program's context.
        unsafe { (*self.skb).gso_size }
    }

    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u16; N]> {
        self.at_hand(0)
    }

    #[inline(always)]
    fn load<const N: usize>(&self, offset: u32) -> Option<[u16; N]> {
        let mut words = MaybeUninit::<[u16; N]>::uninit();
        // SAFETY: the destination has room for the bytes asked for; the helper checks the source.
        let result = unsafe {
            bpf_skb_load_bytes(
                self.skb.cast(),
                offset,
                words.as_mut_ptr().cast(),
                2 * N as u32,
            )
        };
        if result != 0 {
            return None;
        }
        // SAFETY: the helper filled all of it.
        Some(unsafe { words.assume_init() })
    }

    #[inline(always)]
    fn load_at<const OFFSET: u32, const N: usize>(&self) -> Option<[u16; N]> {
        match self.at_hand(OFFSET) {
            Some(words) => Some(*words),
            None => self.load(OFFSET),
        }
    }

    #[inline(always)]
    fn pair<const INDEX: usize, const N: usize>(words: &[u16; N]) -> u32 {
        const { assert!(INDEX + 1 < N) };
        let pair: u32;
        // SAFETY: within the words. In assembly, because their address is even and need not be a multiple of four: what
        // kernel and processor allow here, and the compiler takes for undefined.
        unsafe {
            asm!(
                "{pair} = *(u32 *)({words} + {offset})",
                pair = out(wreg) pair,
                words = in(reg) words.as_ptr(),
                offset = const 2 * INDEX,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        pair
    }

    #[inline(always)]
    fn store<const N: usize>(&mut self, offset: u32, words: &[u16; N]) -> Option<()> {
        // SAFETY: the source has the bytes given; the helper checks the destination.
        let result = unsafe {
            bpf_skb_store_bytes(
                self.skb.cast(),
                offset,
                words.as_ptr().cast(),
                2 * N as u32,
                0,
            )
        };
        (result == 0).then_some(())
    }

    #[inline(always)]
    fn replace_checksum(
        &mut self,
        offset: u32,
        from: u32,
        to: u32,
        kind: ChecksumKind,
    ) -> Option<()> {
        const LENGTH: u64 = 4;
        if from == to {
            return Some(());
        }
        let (from, to) = (u64::from(from), u64::from(to));
        let (of_protocol, covered) = match kind {
            ChecksumKind::Header => {
                // SAFETY: the helper checks the offset.
                let result =
                    unsafe { bpf_l3_csum_replace(self.skb.cast(), offset, from, to, LENGTH) };
                return (result == 0).then_some(());
            }
            ChecksumKind::Tcp(covered) => (0, covered),
            ChecksumKind::Udp(covered) => (u64::from(BPF_F_MARK_MANGLED_0), covered),
        };
        let of_place = match covered {
            Covered::PseudoHeader => u64::from(BPF_F_PSEUDO_HDR),
            Covered::Segment => 0,
        };
        let flags = of_protocol | of_place | LENGTH;
        // SAFETY: the helper checks the offset.
        let result = unsafe { bpf_l4_csum_replace(self.skb.cast(), offset, from, to, flags) };
        (result == 0).then_some(())
    }

    #[inline(always)]
    fn resize(&mut self, length: u32) -> Option<()> {
        // SAFETY: the helper checks the length.
        let result = unsafe { bpf_skb_change_tail(self.skb.cast(), length, 0) };
        (result == 0).then_some(())
    }
}
