//! The driver whose instances are namespaces.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use eni_efa_install::Installation;
use eni_netlink::{Link, Namespace, Netlink, VethSpec};
use eni_plan::{DesiredInstance, DesiredInterface, ObservedDevice, ObservedInstance, Plug};
use eni_types::{AttachmentId, InstanceId};

use crate::cgroup::RegionCgroup;
use crate::environment::Environment;
use crate::error::file_error;
use crate::init::{BootRecord, Settings};
use crate::interface::{self, Configuration, ConfigurationRecord, GuestDevice, device_name};
use crate::run_directory::{CONSOLE, EFA, USER_DATA};
use crate::{InstanceDriver, InstanceError, RunDirectory, console};

/// The first process only makes namespaces and mounts: milliseconds, or seconds on a machine that is overloaded.
const BOOT_TIMEOUT: Duration = Duration::from_secs(20);
const BOOT_POLL: Duration = Duration::from_millis(1);

/// Fabric ends are named by their vport.
const FABRIC_PREFIX: &str = "eni";

/// Settings of an instance's network namespace. New namespaces take some from the host's, so all are written.
const SETTINGS: &[(&str, &str)] = &[
    // A guest forwards when it turns forwarding on.
    ("ipv4/ip_forward", "0"),
    // Policy routing answers where it was asked; a reverse path through table main would be another one.
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    // ARP requests carry an address of the interface that asks: the fabric drops others as spoofed.
    ("ipv4/conf/all/arp_announce", "2"),
    ("ipv4/conf/all/arp_ignore", "1"),
    // The subnet's router is the next hop, whoever forwards in the same subnet.
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/default/accept_redirects", "0"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
];

/// The data plane forwards no IPv6 yet; without it guests do not wait for answers that cannot come.
const IPV6_SETTINGS: &[(&str, &str)] = &[
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
];

/// Makes instances of namespaces; see the crate's docs.
#[derive(Debug)]
pub struct NamespaceDriver {
    run: RunDirectory,
    cgroup: RegionCgroup,
    fabric_netlink: Netlink,
    init_command: Vec<OsString>,
    efa_libraries: PathBuf,
    /// Open namespaces: opening one takes a thread, and that takes longer than a whole plug.
    guests: BTreeMap<InstanceId, Guest>,
}

#[derive(Debug)]
struct Guest {
    namespace: Namespace,
    netlink: Netlink,
}

impl NamespaceDriver {
    /// A driver whose interfaces' fabric ends are in `fabric`. `init_command` is the command that calls
    /// [`crate::init::run`] with the arguments added to it, `efa_libraries` the directory of what programs reach
    /// Elastic Fabric Adapters by (see [`eni_efa_install`]).
    ///
    /// # Errors
    /// Without cgroup v2, or without the right to use it.
    pub fn new(
        run: RunDirectory,
        fabric: &Namespace,
        init_command: Vec<OsString>,
        efa_libraries: PathBuf,
    ) -> Result<Self, InstanceError> {
        let directory = run.instances();
        fs::create_dir_all(&directory).map_err(file_error("make", directory))?;
        Ok(Self {
            cgroup: RegionCgroup::open(&run)?,
            fabric_netlink: fabric.netlink()?,
            run,
            init_command,
            efa_libraries,
            guests: BTreeMap::new(),
        })
    }

    /// Removes all instances and the region's cgroup.
    ///
    /// # Errors
    /// The first thing that could not be removed; the others are removed nevertheless.
    pub fn remove_all(&mut self) -> Result<(), InstanceError> {
        let mut result = Ok(());
        for id in self.instances()?.into_keys() {
            result = result.and(self.destroy(id));
        }
        result.and(self.cgroup.remove())
    }

    fn guest(&mut self, id: InstanceId) -> Result<&mut Guest, InstanceError> {
        if !self.guests.contains_key(&id) {
            self.create(id)?;
            let namespace = Namespace::open(&self.run.network_namespace(id))?;
            let netlink = namespace.netlink()?;
            self.guests.insert(id, Guest { namespace, netlink });
        }
        self.guests
            .get_mut(&id)
            .ok_or(InstanceError::NotRunning(id))
    }

    fn write_files(&self, id: InstanceId, instance: &DesiredInstance) -> Result<(), InstanceError> {
        let DesiredInstance {
            hostname, domain, ..
        } = instance;
        let write = |name: &str, content: &[u8]| {
            let path = self.run.instance(id).join(name);
            fs::write(&path, content).map_err(file_error("write", path))
        };
        write("hostname", format!("{hostname}\n").as_bytes())?;
        let hosts = format!("127.0.0.1 localhost\n127.0.1.1 {hostname}.{domain} {hostname}\n");
        write("hosts", hosts.as_bytes())?;
        // The region has no resolver yet. Without a server every lookup fails at once instead of after seconds.
        let resolver = format!("search {domain}\noptions timeout:1 attempts:1\n");
        write("resolv.conf", resolver.as_bytes())?;
        write(USER_DATA, &instance.user_data)?;
        let user_data = self.run.instance(id).join(USER_DATA);
        fs::set_permissions(&user_data, Permissions::from_mode(0o700))
            .map_err(file_error("change mode of", user_data))
    }

    /// Lays out what reaches the instance's adapters, and keeps what its programs' environment must say of it.
    fn install_efa(&self, id: InstanceId, devices: usize) -> Result<(), InstanceError> {
        let directory = self.run.instance(id);
        let mut environment = Environment::default();
        if devices > 0 {
            let installation = Installation {
                directory: &directory.join(EFA),
                libraries: &self.efa_libraries,
                socket: &self.run.efa_socket(),
                devices,
            };
            installation.install()?;
            environment = installation.environment().into_iter().collect();
        }
        environment
            .write(&directory)
            .map_err(file_error("write in", directory))
    }

    fn run_init(&self, id: InstanceId, settings: &Settings) -> Result<(), InstanceError> {
        let failed = |reason: String| InstanceError::Boot { id, reason };
        let path = settings.directory.join(CONSOLE);
        let last_words =
            || console::last_line(&path).map_or_else(String::new, |line| format!(": {line}"));
        let console = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(file_error("open", &path))?;
        let (program, arguments) = self
            .init_command
            .split_first()
            .ok_or_else(|| failed("no command to run".to_owned()))?;
        let mut child = Command::new(program)
            .args(arguments)
            .args(settings.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(console)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let deadline = Instant::now() + BOOT_TIMEOUT;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(failed(format!("{status}{}", last_words()))),
                Ok(None) if Instant::now() < deadline => thread::sleep(BOOT_POLL),
                Ok(None) => break,
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        self.cgroup.instance(id).kill()?;
        child.wait().map_err(|error| failed(error.to_string()))?;
        Err(failed(format!("no sign of it in {BOOT_TIMEOUT:?}")))
    }
}

impl InstanceDriver for NamespaceDriver {
    fn create(&mut self, id: InstanceId) -> Result<(), InstanceError> {
        let directory = self.run.instance(id);
        fs::create_dir_all(&directory).map_err(file_error("make", directory))?;
        let path = self.run.network_namespace(id);
        let new = !Namespace::exists(&path);
        let namespace = Namespace::create(&path)?;
        if new {
            self.guests.remove(&id);
            prepare(&namespace)?;
        }
        Ok(())
    }

    fn start(&mut self, id: InstanceId, instance: &DesiredInstance) -> Result<(), InstanceError> {
        self.stop(id)?;
        prepare(&self.guest(id)?.namespace)?;
        self.write_files(id, instance)?;
        self.install_efa(id, instance.efa_devices)?;
        let cgroup = self.cgroup.instance(id);
        cgroup.create()?;
        let settings = Settings {
            directory: self.run.instance(id),
            processes: cgroup.processes(),
            hostname: instance.hostname.clone().into(),
            boot_count: instance.boot_count,
        };
        self.run_init(id, &settings)
    }

    fn stop(&mut self, id: InstanceId) -> Result<(), InstanceError> {
        self.cgroup.instance(id).kill()
    }

    fn destroy(&mut self, id: InstanceId) -> Result<(), InstanceError> {
        self.cgroup.instance(id).remove()?;
        self.guests.remove(&id);
        Namespace::delete(&self.run.network_namespace(id))?;
        let directory = self.run.instance(id);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(file_error("remove", directory)(error))
            }
            _ => Ok(()),
        }
    }

    fn plug(
        &mut self,
        id: AttachmentId,
        interface: &DesiredInterface,
    ) -> Result<(), InstanceError> {
        let instance_id = interface.instance_id;
        let record = ConfigurationRecord::of(&self.run.instance(instance_id), id);
        record
            .remove()
            .map_err(file_error("remove", record.path()))?;
        self.guest(instance_id)?;
        let name = device_name(interface.device_number);
        let guest = self
            .guests
            .get_mut(&instance_id)
            .ok_or(InstanceError::NotRunning(instance_id))?;
        self.fabric_netlink.add_veth(&VethSpec {
            name: &format!("{FABRIC_PREFIX}{}", interface.vport),
            index: Some(interface.vport),
            mac: None,
            peer_name: &name,
            peer_mac: Some(interface.mac_address),
            peer_namespace: Some(guest.namespace.as_fd()),
            mtu_bytes: interface.mtu_bytes,
            no_arp: true,
        })?;
        let links = guest.netlink.links()?;
        let link = links.iter().find(|link| link.name == name);
        let link = link.ok_or(InstanceError::NoDevice {
            id: instance_id,
            device_number: interface.device_number,
        })?;
        guest
            .netlink
            .set_link_up(link.index, Some(&id.to_string()))?;
        // The last step names the device: one without an alias is unfinished.
        let alias = format!("{id} {instance_id} {}", interface.device_number);
        self.fabric_netlink
            .set_link_alias(interface.vport, &alias)?;
        Ok(())
    }

    fn configure(
        &mut self,
        id: AttachmentId,
        interface: &DesiredInterface,
    ) -> Result<(), InstanceError> {
        let record = ConfigurationRecord::of(&self.run.instance(interface.instance_id), id);
        let write = |configuration: &Configuration| {
            record
                .write(configuration)
                .map_err(file_error("write", record.path()))
        };
        let wanted = &interface.private_ip_addresses;
        let source_routing = interface.source_routing;
        let before = record.read();
        let is_other = before.addresses != *wanted || before.source_routing != source_routing;
        // Cut short, this leaves a record of every address that may be there, and of too many to be taken for done.
        if !before.addresses.is_empty() && is_other {
            write(&Configuration {
                addresses: [before.addresses.as_slice(), wanted].concat(),
                source_routing,
                routed_at: None,
            })?;
        }
        let mut stale = before.addresses;
        stale.retain(|address| !wanted.contains(address));
        // Asked before anything is done: whatever the guest does meanwhile is seen afterwards.
        let fabric_end = self.fabric_netlink.link(interface.vport)?;
        let up = fabric_end.filter(|link| link.carrier);
        let netlink = &mut self.guest(interface.instance_id)?.netlink;
        let alias = id.to_string();
        let ours = |link: &Link| link.alias.as_ref() == Some(&alias); // whatever the guest calls it
        if let Some(link) = netlink.links()?.into_iter().find(ours) {
            let device = GuestDevice {
                link_index: link.index,
                is_up: up.is_some(),
            };
            interface::configure(netlink, device, interface, &stale)?;
        }
        write(&Configuration {
            addresses: wanted.clone(),
            source_routing,
            routed_at: up.map(|link| link.carrier_downs),
        })
    }

    fn unplug(&mut self, vport: u32) -> Result<(), InstanceError> {
        self.fabric_netlink.delete_link(vport)?;
        Ok(())
    }

    fn console_output(&self, id: InstanceId) -> Result<Vec<u8>, InstanceError> {
        let path = self.run.instance(id).join(CONSOLE);
        console::read(&path).map_err(file_error("read", path))
    }

    fn instances(&mut self) -> Result<BTreeMap<InstanceId, ObservedInstance>, InstanceError> {
        let directory = self.run.instances();
        let entries = fs::read_dir(&directory).map_err(file_error("list", directory))?;
        let mut ids = self.cgroup.instances();
        ids.extend(
            entries
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse::<InstanceId>().ok()),
        );
        Ok(ids.into_iter().map(|id| (id, self.observe(id))).collect())
    }

    fn devices(&mut self) -> Result<BTreeMap<u32, ObservedDevice>, InstanceError> {
        let mut devices = BTreeMap::new();
        for link in self.fabric_netlink.links()? {
            let ours = link.name.strip_prefix(FABRIC_PREFIX);
            if ours.is_none_or(|number| number.parse() != Ok(link.index)) {
                continue;
            }
            let plug = link.alias.as_deref().and_then(plug_of);
            let configuration = plug.map(|plug| {
                let directory = self.run.instance(plug.instance_id);
                ConfigurationRecord::of(&directory, plug.attachment_id).read()
            });
            let configuration = configuration.unwrap_or_default();
            let device = ObservedDevice {
                plug,
                has_lost_routes: link.carrier
                    && configuration.routed_at != Some(link.carrier_downs),
                configured: configuration.addresses,
                source_routing: configuration.source_routing,
            };
            devices.insert(link.index, device);
        }
        Ok(devices)
    }
}

impl NamespaceDriver {
    fn observe(&self, id: InstanceId) -> ObservedInstance {
        let cgroup = self.cgroup.instance(id);
        let record = BootRecord::read(&self.run.instance(id));
        // A record without a cgroup is of before the machine was restarted. One without the namespace is of a process
        // in another mount namespace, whose mounts ended with it: its devices cannot be reached any more.
        let is_here = cgroup.exists() && Namespace::exists(&self.run.network_namespace(id));
        ObservedInstance {
            boot_count: record.filter(|_| is_here).map(|record| record.boot_count),
            alive: cgroup.is_populated(),
        }
    }
}

fn prepare(namespace: &Namespace) -> Result<(), InstanceError> {
    namespace.write_settings(SETTINGS)?;
    if Path::new("/proc/sys/net/ipv6").exists() {
        namespace.write_settings(IPV6_SETTINGS)?;
    }
    let mut netlink = namespace.netlink()?;
    for link in netlink.links()? {
        if link.loopback {
            netlink.set_link_up(link.index, None)?;
        }
    }
    Ok(())
}

fn plug_of(alias: &str) -> Option<Plug> {
    let mut words = alias.split(' ');
    let plug = Plug {
        attachment_id: words.next()?.parse().ok()?,
        instance_id: words.next()?.parse().ok()?,
        device_number: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(plug)
}
