//! Steps of devices and instances: they wait for the kernel and for processes. For several threads at once.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use eni_abi::SERVICES_VPORT;
use eni_bpf_loader::Programs;
use eni_instance::{InstanceDriver, RunDirectory};
use eni_netlink::{Namespace, Netlink};
use eni_plan::lanes::SeenDevices;
use eni_plan::{Step, UPLINK_VPORT};
use eni_types::InstanceId;

use crate::services_link;
use crate::uplink::{Host, HostRoutes, UplinkOwner};
use crate::{AdapterService, AgentError, log_failure};

/// What changes devices and instances.
pub(crate) struct DevicesPart {
    run: RunDirectory,
    fabric: Namespace,
    uplink: Mutex<Uplink>,
    owner: UplinkOwner,
    host_routes: HostRoutes,
    programs: Arc<Programs>,
    driver: Box<dyn InstanceDriver>,
    adapters: Arc<dyn AdapterService>,
}

/// The way to the host, from both sides.
struct Uplink {
    host: Host,
    fabric: Netlink,
}

impl DevicesPart {
    pub(crate) fn new(
        run: RunDirectory,
        fabric: Namespace,
        host: Host,
        (owner, host_routes): (UplinkOwner, HostRoutes),
        programs: Arc<Programs>,
        driver: Box<dyn InstanceDriver>,
        adapters: Arc<dyn AdapterService>,
    ) -> Result<Self, AgentError> {
        let uplink = Uplink {
            host,
            fabric: fabric.netlink()?,
        };
        Ok(Self {
            run,
            fabric,
            uplink: Mutex::new(uplink),
            owner,
            host_routes,
            programs,
            driver,
            adapters,
        })
    }

    /// Moves the calling thread into the fabric, where programs are attached: that saves a thread for each.
    pub(crate) fn enter_fabric(&self) -> Result<(), AgentError> {
        Ok(self.fabric.enter()?)
    }

    /// The network namespace of the fabric's services, which is made if it is not there.
    pub(crate) fn open_services(&self) -> Result<Namespace, AgentError> {
        services_link::open(&self.run, &self.fabric, &self.programs)
    }

    /// All devices and instances as they are. The way to the services is no instance's, and mended by the way.
    pub(crate) fn look(&self) -> Result<SeenDevices, AgentError> {
        let attachments = self.programs.attachments()?;
        let alive = attachments.iter().filter(|attachment| attachment.alive);
        let is_attached = (alive.clone()).any(|attachment| attachment.vport == SERVICES_VPORT);
        let mended = services_link::mend(&self.run, &self.fabric, &self.programs, is_attached);
        log_failure("mend the way to the services", mended);
        Ok(SeenDevices {
            instances: self.driver.instances()?,
            brought: self.driver.brought()?,
            devices: self.driver.devices()?,
            linked: alive.map(|attachment| attachment.vport).collect(),
            uplink: self
                .with_uplink(|Uplink { host, fabric }| host.observe(fabric, &self.owner))?,
        })
    }

    /// Whether a look may find something else than the last one, as far as that is heard. Does not wait.
    pub(crate) fn has_news(&self) -> bool {
        self.driver.has_news()
    }

    /// Readable when [`DevicesPart::heard_of_an_end`] may have something to tell.
    pub(crate) fn ends(&self) -> Result<OwnedFd, AgentError> {
        Ok(self.driver.ends()?)
    }

    /// Whether an instance has ended by itself since this was last asked. Does not wait.
    pub(crate) fn heard_of_an_end(&self) -> bool {
        self.driver.heard_of_an_end()
    }

    /// Does one step (not [`Step::is_of_tables`]); others are not its business.
    pub(crate) fn apply(&self, step: &Step) -> Result<(), AgentError> {
        match step {
            Step::Unplug(vport) => {
                self.programs.detach(*vport)?;
                self.driver.unplug(*vport)?;
            }
            Step::PlugUplink(uplink) => {
                self.programs.detach(UPLINK_VPORT)?;
                self.with_uplink(|Uplink { host, fabric }| host.plug(fabric, uplink, &self.owner))?;
                log_failure("route to VPCs' blocks", self.host_routes.add_all());
            }
            Step::CreateInstance(id, boot_count) => self.driver.create(*id, *boot_count)?,
            Step::Plug(id, interface) => self.driver.plug(*id, interface)?,
            Step::Guard(vport) => self.programs.guard(*vport, &self.fabric)?,
            Step::Link(vport) => self.programs.attach(*vport, &self.fabric)?,
            Step::Configure(id, interface) => self.driver.configure(*id, interface)?,
            Step::Withdraw(id, instance_id) => self.driver.withdraw(*id, *instance_id)?,
            Step::Halt(id) => self.driver.stop(*id)?,
            Step::Boot(id, instance) => {
                // Its boot script may open an adapter at once.
                self.serve_adapters()?;
                self.driver.start(*id, instance)?;
            }
            Step::Resolve(id, resolver) => self.driver.resolve(*id, resolver)?,
            Step::DestroyInstance(id) => {
                self.driver.destroy(*id)?;
                self.serve_adapters()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets the service of the adapters follow the instances: which devices there are.
    pub(crate) fn serve_adapters(&self) -> Result<(), AgentError> {
        self.adapters
            .instances_changed()
            .map_err(AgentError::Adapters)
    }

    /// Forgets what instances have printed that are not described any more.
    pub(crate) fn forget_consoles(&self, known: &BTreeSet<InstanceId>) -> Result<(), AgentError> {
        Ok(self.driver.forget_consoles(known)?)
    }

    /// Removes all instances, the uplink and the way to the services. Gives the place of what is left, and the first thing that could not be removed.
    pub(crate) fn remove(self) -> (RunDirectory, Result<(), AgentError>) {
        let instances = self.driver.remove_all();
        let links = self.with_uplink(|Uplink { fabric, .. }| {
            let uplink = fabric.delete_link(UPLINK_VPORT);
            let services = services_link::remove(&self.run, fabric, &self.programs);
            services.and(uplink.map_err(AgentError::from))
        });
        let result = links.and(instances.map_err(AgentError::from));
        (self.run, result)
    }

    fn with_uplink<T>(&self, work: impl FnOnce(&mut Uplink) -> T) -> T {
        // A panic leaves two sockets there, which are whole.
        work(&mut self.uplink.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
