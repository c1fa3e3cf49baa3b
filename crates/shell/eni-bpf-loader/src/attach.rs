//! tcx links, pinned by vport.

use crate::{DataPlaneError, sys};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::tc::{SchedClassifierLink, TcAttachOptions};
use aya::programs::{LinkOrder, SchedClassifier, TcAttachType};
use nix::net::if_::if_indextoname;
use nix::sched::{CloneFlags, setns};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

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
        // The kernel looks the device up in the namespace of the calling thread: borrow one that may stay there.
        let link = std::thread::scope(|scope| {
            let worker = scope.spawn(|| create_link(vport, namespace, program));
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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

fn create_link(
    vport: u32,
    namespace: BorrowedFd<'_>,
    program: &mut SchedClassifier,
) -> Result<SchedClassifierLink, DataPlaneError> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| DataPlaneError::Io {
        call: "setns",
        path: PathBuf::from("the network namespace"),
        source: errno.into(),
    })?;
    let name = if_indextoname(vport).map_err(|_| DataPlaneError::NoDevice(vport))?;
    let name = name.to_string_lossy();
    let options = TcAttachOptions::TcxOrder(LinkOrder::default());
    let id = program.attach_with_options(&name, TcAttachType::Ingress, options)?;
    Ok(program.take_link(id)?)
}
