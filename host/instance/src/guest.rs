//! What the driver knows of the guests' networks, and how it finds its devices in them.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use eni_netlink::{LostRoutes, Namespace, Netlink, Route, RouteWatch};
use eni_types::{AttachmentId, InstanceId};

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

impl NamespaceDriver {
    pub(crate) fn guest(&mut self, id: InstanceId) -> Result<&mut Guest, InstanceError> {
        if !self.guests.contains_key(&id) {
            let namespace = Namespace::open(&self.run.network_namespace(id))?;
            // Entering a namespace takes a thread.
            let (netlink, watch) = namespace.run(|| (Netlink::open(), RouteWatch::open()))?;
            let guest = Guest {
                netlink: netlink?,
                watch: watch?,
                namespace,
                id_in_fabric: None,
            };
            self.guests.insert(id, guest);
            self.look_for_routes(id)?;
        }
        self.guests
            .get_mut(&id)
            .ok_or(InstanceError::NotRunning(id))
    }

    /// Leaves to the guest the routes that it has deleted since this was last asked.
    pub(crate) fn hear_of_routes(&mut self, id: InstanceId) -> Result<(), InstanceError> {
        let LostRoutes { routes, and_others } = self.guest(id)?.watch.heard();
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
    fn look_for_routes(&mut self, id: InstanceId) -> Result<(), InstanceError> {
        let directory = self.run.instance(id);
        if Record::all(&directory).is_empty() {
            return Ok(());
        }
        let routes = self.guest(id)?.netlink.routes()?;
        let mut settled = BTreeSet::new();
        for attachment in Record::all(&directory) {
            if let Some(brought) = Record::of(&directory, attachment).read() {
                let device = self.guest_device(brought.vport, id)?;
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
        &mut self,
        vport: u32,
        instance_id: InstanceId,
    ) -> Result<GuestDevice, InstanceError> {
        self.guest(instance_id)?;
        let Some(end) = self.fabric_netlink.link(vport)? else {
            return Ok(GuestDevice::default());
        };
        let guest = self.guests.get_mut(&instance_id);
        let guest = guest.ok_or(InstanceError::NotRunning(instance_id))?;
        if guest.id_in_fabric.is_none() {
            let namespace = guest.namespace.as_fd();
            guest.id_in_fabric = self.fabric_netlink.namespace_id(namespace)?;
        }
        let is_here = end.peer_namespace.is_some() && end.peer_namespace == guest.id_in_fabric;
        Ok(GuestDevice {
            link_index: end.peer_index.filter(|_| is_here),
            up_after_downs: end.carrier.then_some(end.carrier_downs),
        })
    }
}
