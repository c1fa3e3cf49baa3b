//! The driver whose instances are namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use eni_netlink::{Namespace, NetlinkError, VethSpec};
use eni_plan::{DesiredInstance, DesiredInterface, ObservedDevice, ObservedInstance, Plug};
use eni_types::{AttachmentId, InstanceId};
use parking_lot::Mutex;

use crate::brought::Record;
use crate::cgroup::RegionCgroup;
use crate::ends::Ends;
use crate::environment::Environment;
use crate::error::file_error;
use crate::guest::{Guest, NetlinkPool, Watch};
use crate::guest_end;
use crate::init::{BootRecord, Settings};
use crate::interface::{self, ANY_DEVICE_NAME, Change, device_name};
use crate::run_directory::{EFA, NETWORK_BOOT, RESOLVER, USER_DATA};
use crate::{AdapterFiles, InstanceDriver, InstanceError, RunDirectory, console, marks, trust};

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
    // Who asks for an interface's address in its subnet is answered by the fabric, on the right interface; containers on
    // a link of the guest's own are answered for every address of the instance, as on any Linux machine.
    ("ipv4/conf/all/arp_ignore", "0"),
    ("ipv4/conf/default/arp_ignore", "0"),
    // A guest that takes an address away takes no others with it (systemd's sysctl.d sets this on every distribution).
    ("ipv4/conf/all/promote_secondaries", "1"),
    ("ipv4/conf/default/promote_secondaries", "1"),
    // The subnet's router is the next hop, whoever forwards in the same subnet.
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/default/accept_redirects", "0"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
];

/// Without an IPv6 address a guest has no IPv6: it does not wait for answers that cannot come.
const IPV6_SETTINGS: &[(&str, &str)] = &[
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
    // Addresses and routes are brought, not learnt: the guest may choose otherwise.
    ("ipv6/conf/all/accept_ra", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/all/accept_redirects", "0"),
    ("ipv6/conf/default/accept_redirects", "0"),
    // As with IPv4: addresses outlive a device that is set down, and its routes go without a word.
    ("ipv6/conf/all/keep_addr_on_down", "1"),
    ("ipv6/conf/default/keep_addr_on_down", "1"),
    ("ipv6/route/skip_notify_on_dev_down", "1"),
];

/// Makes instances of namespaces; see the crate's docs.
pub struct NamespaceDriver {
    pub(crate) run: RunDirectory,
    cgroup: RegionCgroup,
    pub(crate) fabric: NetlinkPool,
    pub(crate) watch: Watch,
    ends: Ends,
    init_command: Vec<OsString>,
    adapter_files: Arc<dyn AdapterFiles>,
    /// Open namespaces: opening one takes a thread, and that takes longer than a whole plug.
    pub(crate) guests: Mutex<BTreeMap<InstanceId, Arc<Mutex<Guest>>>>,
}

impl NamespaceDriver {
    /// A driver whose interfaces' fabric ends are in `fabric`. `init_command` is the command that calls
    /// [`crate::init::run`] with the arguments added to it; `adapter_files` lays out what programs reach Elastic Fabric
    /// Adapters by. Instances trust the certificate `authority` (in PEM) beside those that the host trusts.
    ///
    /// # Errors
    /// Without cgroup v2, or without the right to use it.
    pub fn new(
        run: RunDirectory,
        fabric: &Namespace,
        init_command: Vec<OsString>,
        adapter_files: Arc<dyn AdapterFiles>,
        authority: Option<&str>,
    ) -> Result<Self, InstanceError> {
        let directory = run.instances();
        fs::create_dir_all(&directory).map_err(file_error("make", directory))?;
        let directory = run.consoles();
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory);
        made.map_err(file_error("make", directory))?;
        if let Some(authority) = authority {
            let written = trust::write(&run, authority);
            written.map_err(file_error("write whom instances trust in", run.path()))?;
        }
        let cgroup = RegionCgroup::open(&run)?;
        let ends = Ends::new().map_err(file_error("listen for ends in", run.path()))?;
        // Those that run already, of an earlier process.
        for id in cgroup.instances() {
            ends.listen(id, &cgroup.instance(id).events());
        }
        Ok(Self {
            cgroup,
            fabric: NetlinkPool::of(fabric)?,
            watch: Watch::of(fabric)?,
            ends,
            run,
            init_command,
            adapter_files,
            guests: Mutex::default(),
        })
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
        self.resolve(id, &instance.resolver)?;
        write(USER_DATA, &instance.user_data)?;
        let user_data = self.run.instance(id).join(USER_DATA);
        fs::set_permissions(&user_data, Permissions::from_mode(0o700))
            .map_err(file_error("change mode of", user_data))
    }

    /// Lays out what reaches the instance's adapters, whom its programs trust and by what they know where they are, and keeps what
    /// their environment must say of it.
    fn lay_out_surroundings(
        &self,
        id: InstanceId,
        instance: &DesiredInstance,
    ) -> Result<(), InstanceError> {
        let devices = instance.efa_devices;
        let directory = self.run.instance(id);
        marks::lay_out(&directory, id, instance).map_err(file_error("write in", &directory))?;
        let given = trust::give(&self.run, &directory);
        given.map_err(file_error("write in", &directory))?;
        let mut variables = trust::variables(&directory);
        if devices > 0 {
            let of_adapters = self.adapter_files.lay_out(&directory.join(EFA), devices);
            variables.extend(of_adapters.map_err(InstanceError::AdapterFiles)?);
        }
        let environment: Environment = variables.into_iter().collect();
        environment
            .write(&directory)
            .map_err(file_error("write in", directory))
    }

    fn run_init(&self, id: InstanceId, settings: &Settings) -> Result<(), InstanceError> {
        let failed = |reason: String| InstanceError::Boot { id, reason };
        let path = settings.console.clone();
        let last_words =
            || console::last_line(&path).map_or_else(String::new, |line| format!(": {line}"));
        let console = console::append_to(&path).map_err(file_error("open", &path))?;
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
    fn create(&self, id: InstanceId, boot_count: u64) -> Result<(), InstanceError> {
        let directory = self.run.instance(id);
        fs::create_dir_all(&directory).map_err(file_error("make", &directory))?;
        let path = self.run.network_namespace(id);
        if self.network_boot(id) == Some(boot_count) {
            return Ok(());
        }
        let finished = directory.join(NETWORK_BOOT);
        match fs::remove_file(&finished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file_error("remove", finished)(error));
            }
            _ => {}
        }
        for attachment in Record::all(&directory) {
            Record::of(&directory, attachment).remove()?;
        }
        self.guests.lock().remove(&id);
        Namespace::delete(&path)?;
        prepare(&Namespace::create(&path)?)?;
        fs::write(&finished, boot_count.to_string()).map_err(file_error("write", finished))
    }

    fn start(&self, id: InstanceId, instance: &DesiredInstance) -> Result<(), InstanceError> {
        self.stop(id)?;
        self.write_files(id, instance)?;
        self.lay_out_surroundings(id, instance)?;
        let cgroup = self.cgroup.instance(id);
        cgroup.create()?;
        self.ends.listen(id, &cgroup.events());
        let settings = Settings {
            directory: self.run.instance(id),
            processes: cgroup.processes(),
            hostname: instance.hostname.clone().into(),
            boot_count: instance.boot_count,
            console: self.run.console(id),
            first_boot: instance.first_boot,
        };
        self.run_init(id, &settings)
    }

    fn resolve(&self, id: InstanceId, resolver: &str) -> Result<(), InstanceError> {
        // The record comes last: what is half told is told again.
        for name in ["resolv.conf", RESOLVER] {
            let path = self.run.instance(id).join(name);
            fs::write(&path, resolver).map_err(file_error("write", path))?;
        }
        Ok(())
    }

    fn stop(&self, id: InstanceId) -> Result<(), InstanceError> {
        self.ends.leave(id);
        self.cgroup.instance(id).kill()
    }

    fn destroy(&self, id: InstanceId) -> Result<(), InstanceError> {
        self.ends.leave(id);
        self.cgroup.instance(id).remove()?;
        self.guests.lock().remove(&id);
        Namespace::delete(&self.run.network_namespace(id))?;
        let directory = self.run.instance(id);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(file_error("remove", directory)(error))
            }
            _ => Ok(()),
        }
    }

    fn plug(&self, id: AttachmentId, interface: &DesiredInterface) -> Result<(), InstanceError> {
        let instance_id = interface.instance_id;
        // The guest may have deleted an earlier device of this attachment.
        self.withdraw(id, instance_id)?;
        let guest = self.guest(instance_id)?;
        let mut guest = guest.lock();
        let own_name = device_name(interface.device_number);
        let added = self.add_veth(&guest, interface, &own_name);
        // The guest's own device keeps its name. Of what is at the vport nothing is known.
        let name_is_taken = matches!(&added, Err(InstanceError::Network(error)) if error.is_already_there())
            && self.fabric.take()?.link(interface.vport)?.is_none();
        if name_is_taken {
            self.add_veth(&guest, interface, ANY_DEVICE_NAME)?;
        } else {
            added?;
        }
        let device = self.guest_device(interface.vport, &mut guest)?;
        // None if the guest has taken it away already.
        if let Some(index) = device.link_index {
            let netlink = &mut guest.netlink;
            for name in interface::alternative_names(interface) {
                gone_is_the_guests(netlink.add_alternative_name(index, &name).map(drop))?;
            }
            gone_is_the_guests(netlink.set_link_up(index, None))?;
        }
        // The last step names the device: one without an alias is unfinished.
        let alias = format!("{id} {instance_id} {}", interface.device_number);
        self.fabric
            .take()?
            .set_link_alias(interface.vport, &alias)?;
        Ok(())
    }

    fn configure(
        &self,
        id: AttachmentId,
        interface: &DesiredInterface,
    ) -> Result<(), InstanceError> {
        let instance_id = interface.instance_id;
        let record = Record::of(&self.run.instance(instance_id), id);
        let guest = self.guest(instance_id)?;
        let mut guest = guest.lock();
        self.hear_of_routes(instance_id, &mut guest)?;
        // Asked before anything is done: whatever the guest does meanwhile is seen afterwards.
        let device = self.guest_device(interface.vport, &mut guest)?;
        let mut change = Change::between(record.read(), interface);
        record.write(&change.begun())?;
        if let Some(index) = device.link_index
            && change.turns_ipv6_on()
        {
            turn_ipv6_on(&mut guest, index)?;
        }
        let brought = change.apply(&mut guest.netlink, device)?;
        record.write(&brought)
    }

    fn withdraw(&self, id: AttachmentId, instance_id: InstanceId) -> Result<(), InstanceError> {
        let record = Record::of(&self.run.instance(instance_id), id);
        if let Some(brought) = record.read() {
            let guest = self.guest(instance_id)?;
            let mut guest = guest.lock();
            let end = self.fabric.take()?.link(brought.vport)?;
            let plug = end.and_then(|end| end.alias.as_deref().and_then(plug_of));
            // Another attachment may have the vport by now.
            let device = match plug.filter(|plug| plug.attachment_id == id) {
                Some(_) => self.guest_device(brought.vport, &mut guest)?.link_index,
                None => None,
            };
            brought.withdraw(&mut guest.netlink, device)?;
        }
        record.remove()
    }

    fn unplug(&self, vport: u32) -> Result<(), InstanceError> {
        self.fabric.take()?.delete_link(vport)?;
        Ok(())
    }

    fn forget_consoles(&self, known: &BTreeSet<InstanceId>) -> Result<(), InstanceError> {
        let directory = self.run.consoles();
        let entries = fs::read_dir(&directory).map_err(file_error("list", directory))?;
        let mut result = Ok(());
        for entry in entries.flatten() {
            let path = entry.path();
            let id = path
                .file_stem()
                .and_then(|name| name.to_str()?.parse().ok());
            if id.is_some_and(|id| !known.contains(&id)) {
                let removed = fs::remove_file(&path);
                result = result.and(removed.map_err(file_error("remove", path)));
            }
        }
        result
    }

    fn has_news(&self) -> bool {
        self.watch.has_news()
    }

    fn ends(&self) -> Result<OwnedFd, InstanceError> {
        let descriptor = self.ends.descriptor();
        descriptor.map_err(file_error("listen for ends in", self.run.path()))
    }

    fn heard_of_an_end(&self) -> bool {
        let heard = self.ends.heard();
        // Booting is heard of as well.
        let has_ended = |id: InstanceId| !self.cgroup.instance(id).is_populated();
        heard.into_iter().any(has_ended)
    }

    fn instances(&self) -> Result<BTreeMap<InstanceId, ObservedInstance>, InstanceError> {
        let mut ids = self.cgroup.instances();
        ids.extend(self.places()?);
        Ok(ids.into_iter().map(|id| (id, self.observe(id))).collect())
    }

    fn brought(&self) -> Result<BTreeMap<AttachmentId, InstanceId>, InstanceError> {
        let of_instance = |id: InstanceId| {
            let attachments = Record::all(&self.run.instance(id));
            attachments
                .into_iter()
                .map(move |attachment| (attachment, id))
        };
        Ok(self.places()?.into_iter().flat_map(of_instance).collect())
    }

    fn devices(&self) -> Result<BTreeMap<u32, ObservedDevice>, InstanceError> {
        let mut devices = BTreeMap::new();
        self.watch.clear_links();
        let links = self.fabric.take()?.links()?;
        let plugs = links
            .iter()
            .filter_map(|link| plug_of(link.alias.as_deref()?));
        for id in plugs.map(|plug| plug.instance_id).collect::<BTreeSet<_>>() {
            // One that cannot be reached any more is made anew.
            if Namespace::exists(&self.run.network_namespace(id)) {
                let guest = self.guest(id)?;
                self.hear_of_routes(id, &mut guest.lock())?;
            }
        }
        for link in links {
            let ours = link.name.strip_prefix(FABRIC_PREFIX);
            if ours.is_none_or(|number| number.parse() != Ok(link.index)) {
                continue;
            }
            let plug = link.alias.as_deref().and_then(plug_of);
            let brought = plug.and_then(|plug| {
                let directory = self.run.instance(plug.instance_id);
                Record::of(&directory, plug.attachment_id).read()
            });
            let routed_at = brought.as_ref().and_then(|brought| brought.routed_at);
            let device = ObservedDevice {
                plug,
                has_lost_routes: link.carrier && routed_at != Some(link.carrier_downs),
                configured: brought.map_or_else(Vec::new, |brought| brought.finished()),
            };
            devices.insert(link.index, device);
        }
        Ok(devices)
    }

    fn remove_all(&self) -> Result<(), InstanceError> {
        let mut result = Ok(());
        for id in self.instances()?.into_keys() {
            result = result.and(self.destroy(id));
        }
        result.and(self.cgroup.remove())
    }
}

impl NamespaceDriver {
    /// The instances that have a directory.
    fn places(&self) -> Result<Vec<InstanceId>, InstanceError> {
        let directory = self.run.instances();
        let entries = fs::read_dir(&directory).map_err(file_error("list", directory))?;
        let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<InstanceId>().ok();
        Ok(entries.flatten().filter_map(id).collect())
    }

    /// The boot that the instance's network is for; none if it has none, or an unfinished one.
    fn network_boot(&self, id: InstanceId) -> Option<u64> {
        let text = fs::read_to_string(self.run.instance(id).join(NETWORK_BOOT)).ok()?;
        let is_here = Namespace::exists(&self.run.network_namespace(id));
        text.parse().ok().filter(|_| is_here)
    }

    /// Makes the interface's pair, the guest's end with this name.
    fn add_veth(
        &self,
        guest: &Guest,
        interface: &DesiredInterface,
        name: &str,
    ) -> Result<(), InstanceError> {
        self.fabric.take()?.add_veth(&VethSpec {
            name: &format!("{FABRIC_PREFIX}{}", interface.vport),
            index: Some(interface.vport),
            mac: None,
            peer_name: name,
            peer_mac: Some(interface.mac_address),
            peer_group: interface::group(interface.device_number),
            peer_namespace: Some(guest.namespace.as_fd()),
            mtu_bytes: interface.mtu_bytes,
            no_arp: true,
            peer_no_arp: false,
        })?;
        Ok(())
    }

    fn observe(&self, id: InstanceId) -> ObservedInstance {
        let cgroup = self.cgroup.instance(id);
        let record = BootRecord::read(&self.run.instance(id));
        // A record without a cgroup is of before the machine was restarted. One without the namespace is of a process
        // in another mount namespace, whose mounts ended with it: its devices cannot be reached any more.
        let is_here = cgroup.exists() && Namespace::exists(&self.run.network_namespace(id));
        let boot_count = record.filter(|_| is_here).map(|record| record.boot_count);
        let guest_end = |boot_count| guest_end::read(&self.run.instance(id), boot_count);
        ObservedInstance {
            boot_count,
            alive: cgroup.is_populated(),
            // Of the boot that was observed, whatever comes meanwhile.
            guest_end: boot_count.and_then(guest_end),
            network: self.network_boot(id),
            resolver: fs::read_to_string(self.run.instance(id).join(RESOLVER)).ok(),
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

/// Lets the device, and the loopback device by which a guest reaches its own addresses, have IPv6.
fn turn_ipv6_on(guest: &mut Guest, link_index: u32) -> Result<(), InstanceError> {
    if !Path::new("/proc/sys/net/ipv6").exists() {
        return Ok(());
    }
    let Some(link) = guest.netlink.link(link_index)? else {
        return Ok(());
    };
    let setting = |name: &str| format!("ipv6/conf/{}/{name}", link.name);
    // Its link-local address is not probed for either.
    let (probes, off) = (setting("accept_dad"), setting("disable_ipv6"));
    let settings = [
        (probes.as_str(), "0"),
        (&off, "0"),
        ("ipv6/conf/lo/disable_ipv6", "0"),
    ];
    Ok(guest.namespace.write_settings(&settings)?)
}

/// A device that is gone is so by the guest's doing.
fn gone_is_the_guests(done: Result<(), NetlinkError>) -> Result<(), InstanceError> {
    match done {
        Err(error) if error.is_gone() => Ok(()),
        other => Ok(other?),
    }
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
