//! The libfabric provider `openeni`: for programs that want the last nanoseconds of OpenENI's EFA fabric.
//!
//! libfabric loads `libopeneni-fi.so` from the directories of `FI_PROVIDER_PATH` and asks it for offers; there are some
//! where a fabric service answers at `OPENENI_FABRIC_SOCKET`. The provider stands on libfabric's plug-in interface
//! alone and imports none of its symbols, so that one build serves libfabric 1.17 to 2.x.
//!
//! What an endpoint means is `eni-efa-messaging`'s business, how records travel is `eni-efa-client`'s. This crate is the
//! shell between them: files called `sys.rs` translate libfabric's calls, the others keep a domain's state.
//!
//! # Promises
//! - Reliable datagrams (`FI_EP_RDM`) with messages, tagged messages, remote memory and atomics; messages match in the
//!   order in which they were sent (`FI_ORDER_SAS`), nothing else is ordered.
//! - Thread-safe: a domain has one lock, which is left out for programs that promise `FI_THREAD_DOMAIN`.
//! - Progress happens when queues or counters are read; connections are made without.
//! - A panic ends the process at the border to C, where Rust aborts.
//!
//! # Limitations
//! No wait descriptors, no events, no shared or scalable contexts, no triggered operations.

mod address_vector;
mod buffer;
mod counter;
mod domain;
mod endpoint;
mod event_queue;
mod fid;
mod limits_of_domain;
mod lock;
mod memory_region;
mod offer;
mod provider;
mod queue;
mod slots;
mod wait;
