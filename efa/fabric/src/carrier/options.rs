//! How the service reaches other hosts.

use std::net::SocketAddr;

use eni_efa_abi::limits::MAX_TRANSFER;
use eni_srd::MAX_DATAGRAM_BYTES;

/// The UDP port at which services listen. IANA has assigned it to nobody; VXLAN, Geneve and RoCE are its neighbours.
pub const UNDERLAY_PORT: u16 = 4_779;
/// Paths to another host, each with a source port of its own, by which the network chooses among equal ways.
pub const UNDERLAY_PATHS: u8 = 16;
/// IPv6 and UDP headers.
const IP_AND_UDP: usize = 48;
/// SRD's packet and message headers and seal, our message's header, and the header that a face puts before the payload.
const MESSAGE_OVERHEAD: usize = 24 + 12 + 16 + 28 + 64;

/// What the carrier does while there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Poll {
    /// Looks again at once, for ever: lowest latency, one processor.
    Busy,
    /// Looks again for a while, then sleeps until a program or the network wakes it.
    #[default]
    Adaptive,
}

/// How the service reaches other hosts.
#[derive(Clone, Debug)]
pub struct UnderlayOptions {
    /// Address and port to listen at; [`UNDERLAY_PORT`] by custom.
    pub listen: SocketAddr,
    /// Source ports to send from.
    pub paths: u8,
    /// The largest IP packet that every way to other hosts carries, in bytes.
    pub mtu: u16,
    /// What to do while there is nothing to do.
    pub poll: Poll,
    /// Loses and delays datagrams, for tests.
    pub faults: Option<Faults>,
}

/// Faults of a line, the same for the same seed and the same datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Chooses which datagrams.
    pub seed: u64,
    /// Datagrams of 1,000 that are lost.
    pub lost: u16,
    /// Datagrams of 1,000 that later ones overtake.
    pub late: u16,
}

impl UnderlayOptions {
    /// Ordinary options.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            paths: UNDERLAY_PATHS,
            mtu: 9_001,
            poll: Poll::Adaptive,
            faults: None,
        }
    }

    /// The largest UDP payload.
    pub(crate) fn max_datagram(&self) -> usize {
        usize::from(self.mtu)
            .saturating_sub(IP_AND_UDP)
            .min(MAX_DATAGRAM_BYTES)
    }

    /// The largest transfer of a device that reaches others this way, in bytes: the whole of
    /// [`MAX_TRANSFER`] where the MTU is 9,120 or more.
    pub fn max_transfer(&self) -> u32 {
        self.max_datagram()
            .saturating_sub(MESSAGE_OVERHEAD)
            .min(MAX_TRANSFER) as u32
    }
}
