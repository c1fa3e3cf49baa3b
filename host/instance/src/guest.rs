//! What the driver knows of the guests' networks, and how it finds its devices in them.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::sync::Arc;

use eni_netlink::{LinkWatch, LostRoutes, Namespace, Netlink, NetlinkError, Route, RouteWatch};
use eni_types::{AttachmentId, InstanceId};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use parking_lot::Mutex;

use crate::brought::Record;
use crate::interface::{self, GuestDevice};
use crate::{InstanceError, NamespaceDriver};

/// The network of an instance that interfaces are plugged into.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) namespace: Namespace,
    pub(crate) netlink: Netlink,
    /// Hears of routes that the guest deletes.
    watch: RouteWatch,
    /// By which the fabric's devices name the namespace of their other end; the kernel gives it with the first device.
    id_in_fabric: Option<i32>,
}

/// Hears of changes of devices in the fabric and of routes in the guests.
#[derive(Debug)]
pub(crate) struct Watch {
    sockets: Epoll,
    links: LinkWatch,
}

impl Watch {
    pub(crate) fn of(fabric: &Namespace) -> Result<Self, InstanceError> {
        let watch = Self {
            sockets: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(watch_failed)?,
            links: fabric.run(LinkWatch::open)??,
        };
        watch.hear(&watch.links)?;
        Ok(watch)
    }

    /// Hears of what makes `socket` readable, until it is closed.
    fn hear(&self, socket: impl AsFd) -> Result<(), InstanceError> {
        let readable = EpollEvent::new(EpollFlags::EPOLLIN, 0);
        self.sockets.add(socket, readable).map_err(watch_failed)
    }

    /// Whether anything was heard that has not been asked for yet.
    pub(crate) fn has_news(&self) -> bool {
        let mut events = [EpollEvent::empty()];
        let waited = self.sockets.wait(&mut events, EpollTimeout::ZERO);
        // If it cannot be told there may be some.
        waited.is_ok_and(|heard| heard > 0) || waited.is_err()
    }

    /// The devices are about to be asked for.
    pub(crate) fn clear_links(&self) {
        self.links.clear();
    }
}

fn watch_failed(errno: Errno) -> InstanceError {
    let failed = NetlinkError::Socket {
        request: "listen for several namespaces".to_owned(),
        errno,
    };
    failed.into()
}

/// Netlink sockets of one network namespace, one for each thread that needs one at the moment.
#[derive(Debug)]
pub(crate) struct NetlinkPool {
    namespace: Namespace,
    idle: Mutex<Vec<Netlink>>,
}

/// A socket that goes back to its pool.
pub(crate) struct PooledNetlink<'a> {
    pool: &'a NetlinkPool,
    /// None only while it goes back.
    netlink: Option<Netlink>,
}

impl NetlinkPool {
    pub(crate) fn of(namespace: &Namespace) -> Result<Self, NetlinkError> {
        Ok(Self {
            namespace: namespace.try_clone()?,
            idle: Mutex::new(vec![namespace.netlink()?]),
        })
    }

    pub(crate) fn take(&self) -> Result<PooledNetlink<'_>, NetlinkError> {
        let idle = self.idle.lock().pop();
        Ok(PooledNetlink {
            pool: self,
            netlink: Some(match idle {
                Some(netlink) => netlink,
                None => self.namespace.netlink()?,
            }),
        })
    }
}

impl Deref for PooledNetlink<'_> {
    type Target = Netlink;

    fn deref(&self) -> &Netlink {
        self.netlink.as_ref().expect("it is dropped")
    }
}

impl DerefMut for PooledNetlink<'_> {
    fn deref_mut(&mut self) -> &mut Netlink {
        self.netlink.as_mut().expect("it is dropped")
    }
}

impl Drop for PooledNetlink<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().extend(self.netlink.take());
    }
}

impl NamespaceDriver {
    /// The instance's network, opened the first time.
    pub(crate) fn guest(&self, id: InstanceId) -> Result<Arc<Mutex<Guest>>, InstanceError> {
        if let Some(guest) = self.guests.lock().get(&id) {
            return Ok(Arc::clone(guest));
        }
        let namespace = Namespace::open(&self.run.network_namespace(id))?;
        // Entering a namespace takes a thread.
        let (netlink, watch) = namespace.run(|| (Netlink::open(), RouteWatch::open()))?;
        let watch = watch?;
        self.watch.hear(&watch)?;
        let guest = Arc::new(Mutex::new(Guest {
            netlink: netlink?,
            watch,
            namespace,
            id_in_fabric: None,
        }));
        // Whoever finds it waits until its routes have been looked at.
        let mut opened = guest.lock();
        match self.guests.lock().entry(id) {
            // Another thread has been faster.
            Entry::Occupied(other) => return Ok(Arc::clone(other.get())),
            Entry::Vacant(place) => place.insert(Arc::clone(&guest)),
        };
        self.look_for_routes(id, &mut opened)?;
        drop(opened);
        Ok(guest)
    }

    /// Leaves to the guest the routes that it has deleted since this was last asked.
    pub(crate) fn hear_of_routes(
        &self,
        id: InstanceId,
        guest: &mut Guest,
    ) -> Result<(), InstanceError> {
        let LostRoutes { routes, and_others } = guest.watch.heard();
        if routes.is_empty() && !and_others {
            return Ok(());
        }
        self.leave_routes(id, |_, ours| {
            // One that changes more than the kernel keeps for us rules its routes itself.
            and_others || routes.iter().any(|lost| interface::are_one(lost, ours))
        })
    }

    /// Leaves to the guest the routes that it has deleted while nobody heard of it. One whose device was set down
    /// meanwhile may have lost them by that.
    fn look_for_routes(&self, id: InstanceId, guest: &mut Guest) -> Result<(), InstanceError> {
        let directory = self.run.instance(id);
        if Record::all(&directory).is_empty() {
            return Ok(());
        }
        let routes = guest.netlink.routes()?;
        let mut settled = BTreeSet::new();
        for attachment in Record::all(&directory) {
            if let Some(brought) = Record::of(&directory, attachment).read() {
                let device = self.guest_device(brought.vport, guest)?;
                if brought.has_its_routes(device) && device.link_index.is_some() {
                    settled.insert(attachment);
                }
            }
        }
        self.leave_routes(id, |attachment, ours| {
            let is_there = |route| interface::are_one(route, ours);
            settled.contains(&attachment) && !routes.iter().any(is_there)
        })
    }

    fn leave_routes(
        &self,
        id: InstanceId,
        is_lost: impl Fn(AttachmentId, &Route) -> bool,
    ) -> Result<(), InstanceError> {
        let directory = self.run.instance(id);
        for attachment in Record::all(&directory) {
            let record = Record::of(&directory, attachment);
            if let Some(mut brought) = record.read()
                && brought.leave_routes(|route| is_lost(attachment, route))
            {
                record.write(&brought)?;
            }
        }
        Ok(())
    }

    /// The other end of `vport`'s device, by what the kernel knows of it: names and aliases are the guest's to change.
    pub(crate) fn guest_device(
        &self,
        vport: u32,
        guest: &mut Guest,
    ) -> Result<GuestDevice, InstanceError> {
        let mut fabric = self.fabric.take()?;
        let Some(end) = fabric.link(vport)? else {
            return Ok(GuestDevice::default());
        };
        if guest.id_in_fabric.is_none() {
            guest.id_in_fabric = fabric.namespace_id(guest.namespace.as_fd())?;
        }
        let is_here = end.peer_namespace.is_some() && end.peer_namespace == guest.id_in_fabric;
        Ok(GuestDevice {
            link_index: end.peer_index.filter(|_| is_here),
            up_after_downs: end.carrier.then_some(end.carrier_downs),
        })
    }
}
