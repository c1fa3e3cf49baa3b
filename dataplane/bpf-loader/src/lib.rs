//! Loads, pins and attaches the eBPF program; reads and writes its maps.
//!
//! Thin: every call is one or a few system calls, and decides nothing. What should be attached, and what the tables
//! should hold, is the agent's business.
//!
//! **Pins.** Under the bpffs directory lies `abi-N/` with `maps/NAME` and `links/VPORT`. The program itself is not
//! pinned: the links hold it. A process that starts again opens the pinned maps, loads its own program over them and
//! puts it into the pinned links one by one, each replaced atomically: no packet passes without a program. Pins of
//! the layout before ([`eni_abi::layout_7`]) are taken over: tables and live connections are converted, then the links get
//! the new program. Those of any other [`eni_abi::ABI_VERSION`], and what does not read as it should, are removed, links
//! first: their vports pass nothing until attached anew.
//!
//! Needs `CAP_BPF`, `CAP_NET_ADMIN` and `CAP_SYS_ADMIN` (mounting, changing namespaces), and Linux 6.6 (tcx).

mod attach;
mod bpffs;
mod collection;
mod counters;
mod data_plane;
mod instance_maps;
mod instance_table;
mod nat_maps;
mod sys;
mod table;
mod test_run;
#[cfg(feature = "testing")]
pub mod testing;
mod upgrade;

pub use attach::Attachment;
pub use bpffs::{mount_bpffs, unmount_bpffs};
pub use data_plane::{DataPlane, Programs};
pub use instance_maps::InstanceMaps;
pub use instance_table::InstanceTable;
pub use nat_maps::NatMaps;
pub use table::{ArrayTable, HashTable, LpmTable, Tables};
pub use upgrade::Upgrade;

use std::io;
use std::path::PathBuf;

/// Why a call on the data plane failed.
#[derive(Debug, thiserror::Error)]
pub enum DataPlaneError {
    /// The object could not be loaded.
    #[error("cannot load the eBPF object")]
    Load(#[from] aya::EbpfError),
    /// The kernel refused the program, a link or a test run.
    #[error("the eBPF program was refused")]
    Program(#[from] aya::programs::ProgramError),
    /// A link could not be opened or replaced.
    #[error("a link of the eBPF program failed")]
    Link(#[from] aya::programs::links::LinkError),
    /// A pin could not be made.
    #[error("cannot pin to the bpffs")]
    Pin(#[from] aya::pin::PinError),
    /// A map could not be read or written; a full map is [`aya::maps::MapError::SyscallError`] with `E2BIG`.
    #[error("map {map} failed")]
    Map {
        /// Its name in [`eni_abi::map`].
        map: &'static str,
        /// The call that failed.
        source: aya::maps::MapError,
    },
    /// The embedded object lacks something: it was built from other sources.
    #[error("the eBPF object has no {0}")]
    Missing(&'static str),
    /// The network namespace has no such device.
    #[error("no device has interface index {0}")]
    NoDevice(u32),
    /// A file, mount or namespace call failed.
    #[error("{call} failed on {}", path.display())]
    Io {
        /// What was tried.
        call: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}
