//! Instance drivers: what makes a machine out of a description, and plugs interfaces into it.
//!
//! The one driver here, [`NamespaceDriver`], makes an instance of namespaces (network, mount, UTS and process ids) and
//! of a cgroup that holds its processes. The filesystem is the host's, but for `/proc`, `/sys` and the files of `/etc`
//! that name a machine.
//!
//! *Promises.* Every call may be repeated, and one that a crash cut short is completed by its repetition. Only what lies
//! in the region's [`RunDirectory`] and its cgroup is touched. An instance lives on when its driver's process dies.
//!
//! *Limitations.* An instance is a boundary for the network, not for security: its processes are root on the host's
//! files. Its processes end with a stop; its boot script runs at its first boot only.

mod adapter_files;
mod brought;
mod cgroup;
mod console;
mod driver;
mod ends;
mod environment;
mod error;
mod exec;
mod guest;
mod guest_end;
pub mod init;
mod interface;
mod marks;
mod namespace_driver;
mod run_directory;
pub mod supervisor;
mod sys;
mod terminal;
mod trust;
mod user_data;

pub use adapter_files::{AdapterFiles, AdapterFilesError, NoAdapterFiles};
pub use console::{CONSOLE_BYTES, ConsoleFile};
pub use driver::InstanceDriver;
pub use error::InstanceError;
pub use exec::exec;
pub use namespace_driver::NamespaceDriver;
pub use run_directory::{CONSOLES, RunDirectory};
