//! Bounds that both sides know.

use core::time::Duration;

/// Payload of the largest datagram, in bytes: what Amazon's EFA reports as its MTU.
pub const MAX_TRANSFER: usize = 8_928;
/// Payload of the largest record on a local lane, in bytes.
pub const MAX_RECORD: usize = 16_384;
/// Payload of the largest record to another host, without its route: a datagram and a face's own header.
pub const MAX_ROUTED_RECORD: usize = MAX_TRANSFER + 64;

/// Smallest and largest ring, in bytes. Two records of [`MAX_RECORD`] fit the smallest.
pub const MIN_RING: u32 = 64 * 1024;
/// See [`MIN_RING`].
pub const MAX_RING: u32 = 4 * 1024 * 1024;
/// What programs choose for a lane, in bytes.
pub const DEFAULT_RING: u32 = 256 * 1024;
/// Ring between an endpoint and the service, in bytes: the records of all peers on other hosts share it.
pub const SERVICE_RING: u32 = 1024 * 1024;
/// Ring that carries completions of records to other hosts, in bytes.
pub const COMPLETION_RING: u32 = MIN_RING;

/// Largest control message in bytes; a welcome with [`MAX_DEVICES`] devices is the longest.
pub const MAX_CONTROL_MESSAGE: usize = 8 * 1024;
/// Descriptors that travel with one control message: the two regions of an endpoint.
pub const MAX_CONTROL_DESCRIPTORS: usize = 2;
/// How long a program waits for the service's answer.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);

/// Devices of one program. No instance type of EC2 has more than 32 EFA interfaces.
pub const MAX_DEVICES: usize = 32;
/// Endpoints of one device at a time. Amazon's device has 256 queue pairs.
pub const MAX_ENDPOINTS: usize = 256;
/// Open or opening lanes of one endpoint, to peers on this host and on others together.
pub const MAX_LANES: usize = 4_096;
/// Address handles of one device within one program; their numbers have 16 bits.
pub const MAX_ADDRESS_HANDLES: usize = 32_768;

/// Queue pair numbers 0 and 1 are InfiniBand's management queue pairs.
pub const FIRST_QUEUE_PAIR: u32 = 2;
/// Amazon's provider keeps queue pair numbers in 16 bits.
pub const LAST_QUEUE_PAIR: u32 = 65_535;
