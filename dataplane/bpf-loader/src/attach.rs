//! tcx links, pinned by vport.

use crate::{DataPlaneError, sys};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::tc::{NlOptions, TcAttachOptions, TcError, qdisc_add_clsact};
use aya::programs::{LinkOrder, ProgramError, SchedClassifier, TcAttachType};
use nix::net::if_::if_indextoname;
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{fstat, stat};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

/// A pinned link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The vport it was made for.
    pub vport: u32,
    /// Whether its device is still there. A link without device is to be detached.
    pub alive: bool,
}

/// The directory of pinned links.
pub(crate) struct Links {
    directory: PathBuf,
}

impl Links {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(crate) fn attach(
        &self,
        vport: u32,
        namespace: BorrowedFd<'_>,
        program: &mut SchedClassifier,
    ) -> Result<(), DataPlaneError> {
        if self.is_alive(vport)? {
            return Ok(());
        }
        self.detach(vport)?;
        let link = in_namespace(vport, namespace, |name| {
            let options = TcAttachOptions::TcxOrder(LinkOrder::default());
            let id = program.attach_with_options(name, TcAttachType::Ingress, options)?;
            Ok(program.take_link(id)?)
        })?;
        let link: FdLink = link.try_into()?;
        link.pin(self.pin(vport))?;
        Ok(())
    }

    pub(crate) fn detach(&self, vport: u32) -> Result<bool, DataPlaneError> {
        let path = self.pin(vport);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(DataPlaneError::Io {
                call: "unlink",
                path,
                source,
            }),
        }
    }

    pub(crate) fn list(&self) -> Result<Vec<Attachment>, DataPlaneError> {
        let failed = |call, source| DataPlaneError::Io {
            call,
            path: self.directory.clone(),
            source,
        };
        let mut attachments = Vec::new();
        for entry in
            std::fs::read_dir(&self.directory).map_err(|error| failed("read_dir", error))?
        {
            let name = entry
                .map_err(|error| failed("read_dir", error))?
                .file_name();
            let Some(vport) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            attachments.push(Attachment {
                vport,
                alive: self.is_alive(vport)?,
            });
        }
        Ok(attachments)
    }

    /// Puts `program` into every link whose device is alive, each atomically.
    pub(crate) fn replace_program(
        &self,
        program: &mut SchedClassifier,
    ) -> Result<(), DataPlaneError> {
        for attachment in self
            .list()?
            .into_iter()
            .filter(|attachment| attachment.alive)
        {
            let link = FdLink::from(PinnedLink::from_pin(self.pin(attachment.vport))?);
            let id = program.attach_to_link(link.try_into()?)?;
            // The pin holds the link; our descriptor of it may go.
            drop(program.take_link(id)?);
        }
        Ok(())
    }

    /// Puts `program` into every live link pinned in `directory`, and pins those here instead.
    pub(crate) fn adopt(
        &self,
        directory: &Path,
        program: &mut SchedClassifier,
    ) -> Result<(), DataPlaneError> {
        let others = Self::new(directory.to_owned());
        others.replace_program(program)?;
        for attachment in others.list()?.iter().filter(|attachment| attachment.alive) {
            let (from, to) = (others.pin(attachment.vport), self.pin(attachment.vport));
            std::fs::rename(&from, to).map_err(|source| DataPlaneError::Io {
                call: "rename",
                path: from,
                source,
            })?;
        }
        Ok(())
    }

    fn is_alive(&self, vport: u32) -> Result<bool, DataPlaneError> {
        let path = self.pin(vport);
        match sys::tcx_link_ifindex(&path) {
            Ok(ifindex) => Ok(ifindex == vport),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(DataPlaneError::Io {
                call: "bpf link info",
                path,
                source,
            }),
        }
    }

    fn pin(&self, vport: u32) -> PathBuf {
        self.directory.join(vport.to_string())
    }
}

/// Priority and handle of the guard's filter: the device is ours, no other filter is there.
const GUARD: (u16, u32) = (1, 1);

/// Attaches `program` as a classic filter (`clsact`), which stays until its device goes.
pub(crate) fn guard(
    vport: u32,
    namespace: BorrowedFd<'_>,
    program: &mut SchedClassifier,
) -> Result<(), DataPlaneError> {
    in_namespace(vport, namespace, |name| {
        there_is_fine(qdisc_add_clsact(name).map_err(ProgramError::from))?;
        let (priority, handle) = GUARD;
        let options = TcAttachOptions::Netlink(NlOptions {
            priority,
            handle: handle.into(),
            ..NlOptions::default()
        });
        let attached = program.attach_with_options(name, TcAttachType::Ingress, options);
        there_is_fine(attached.and_then(|id| {
            // Dropping the link would take the filter away.
            std::mem::forget(program.take_link(id)?);
            Ok(())
        }))?;
        Ok(())
    })
}

/// The qdisc or the filter may be there: a step is repeated after a crash.
fn there_is_fine(result: Result<(), ProgramError>) -> Result<(), ProgramError> {
    match result {
        Err(ProgramError::TcError(TcError::NetlinkError(error)))
            if error.raw_os_error() == Some(libc::EEXIST) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Does `work` with the name of the device `vport` in `namespace`. The kernel looks devices up in the namespace of the
/// calling thread: if that is another one, borrow a thread that may stay there.
fn in_namespace<T: Send>(
    vport: u32,
    namespace: BorrowedFd<'_>,
    work: impl FnOnce(&str) -> Result<T, DataPlaneError> + Send,
) -> Result<T, DataPlaneError> {
    let work_here = || {
        // For nix a null pointer is no error: the name of a device that is not there is empty.
        let name = if_indextoname(vport).unwrap_or_default();
        if name.is_empty() {
            return Err(DataPlaneError::NoDevice(vport));
        }
        work(&name.to_string_lossy())
    };
    if is_current(namespace) {
        return work_here();
    }
    let enter_and_work = || {
        setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| DataPlaneError::Io {
            call: "setns",
            path: PathBuf::from("the network namespace"),
            source: errno.into(),
        })?;
        work_here()
    };
    std::thread::scope(|scope| {
        let worker = scope.spawn(enter_and_work);
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Whether `namespace` is the calling thread's; no, if that cannot be told.
fn is_current(namespace: BorrowedFd<'_>) -> bool {
    let found = (fstat(namespace), stat("/proc/thread-self/ns/net"));
    let (Ok(there), Ok(here)) = found else {
        return false;
    };
    (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
}
