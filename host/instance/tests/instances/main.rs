//! The namespace driver against the kernel, each test with a region of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod families;

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use eni_instance::{
    ConsoleFile, InstanceDriver, InstanceError, NamespaceDriver, NoAdapterFiles, RunDirectory, exec,
};
use eni_netlink::Namespace;
use eni_plan::{DesiredInstance, DesiredInterface, Plug};
use eni_types::{AttachmentId, InstanceId, Ipv4Cidr, MacAddress};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PATIENCE: Duration = Duration::from_secs(10);

struct Region {
    data: tempfile::TempDir,
    run: RunDirectory,
    driver: NamespaceDriver,
}

fn driver(run: &RunDirectory, fabric: &Namespace, init_command: Vec<OsString>) -> NamespaceDriver {
    let files = Arc::new(NoAdapterFiles);
    NamespaceDriver::new(run.clone(), fabric, init_command, files, None).unwrap()
}

impl Region {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let run = RunDirectory::of(data.path()).unwrap();
        std::fs::create_dir(run.path()).unwrap();
        let fabric = Namespace::create(&run.fabric()).unwrap();
        let driver = driver(&run, &fabric, vec![init_command()]);
        Self { data, run, driver }
    }

    /// What a restarted agent sees.
    fn restart(&mut self) {
        self.restart_with(vec![init_command()]);
    }

    fn restart_with(&mut self, init_command: Vec<OsString>) {
        let fabric = Namespace::open(&self.run.fabric()).unwrap();
        self.driver = driver(&self.run, &fabric, init_command);
    }

    fn shell(&self, id: InstanceId, script: &str) -> i32 {
        let command = ["sh", "-c", script].map(OsString::from);
        exec(&self.run, &supervisor(), id, None, &command).unwrap()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.driver.remove_all().unwrap();
        Namespace::delete(&self.run.fabric()).unwrap();
        assert!(self.data.path().exists());
    }
}

fn example(name: &str) -> OsString {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(2).unwrap();
    target.join("examples").join(name).into()
}

fn init_command() -> OsString {
    example("instance_init")
}

fn supervisor() -> [OsString; 1] {
    [example("instance_exec")]
}

fn console(region: &Region) -> String {
    let (printed, _) = ConsoleFile::of(&region.run, id())
        .read()
        .unwrap()
        .unwrap_or((Vec::new(), SystemTime::UNIX_EPOCH));
    String::from_utf8(printed).unwrap()
}

fn id() -> InstanceId {
    "i-00000000000000001".parse().unwrap()
}

fn attachment() -> AttachmentId {
    "eni-attach-00000000000000001".parse().unwrap()
}

fn instance(user_data: &str, boot_count: u64) -> DesiredInstance {
    DesiredInstance {
        boot_count,
        hostname: "ip-10-0-0-5".to_owned(),
        domain: "ec2.internal".to_owned(),
        resolver: "search ec2.internal\n".into(),
        user_data: user_data.as_bytes().into(),
        first_boot: boot_count == 1,
        efa_devices: 0,
        instance_type: "t3.micro".to_owned(),
        is_xen: false,
    }
}

/// As at a first boot, whatever its number.
fn booted(user_data: &str, boot_count: u64) -> DesiredInstance {
    DesiredInstance {
        first_boot: true,
        ..instance(user_data, boot_count)
    }
}

fn interface(device_number: u8, addresses: &[u8]) -> DesiredInterface {
    DesiredInterface {
        vport: 3 + u32::from(device_number),
        instance_id: id(),
        network_interface_id: format!("eni-{device_number:017x}").parse().unwrap(),
        device_number: device_number.into(),
        mac_address: MacAddress([0x02, 0x1a, 0, 0, 0, device_number]),
        mtu_bytes: 9_001,
        subnet: "10.0.0.0/24".parse::<Ipv4Cidr>().unwrap(),
        router_address: Ipv4Addr::new(10, 0, 0, 1),
        private_ip_addresses: addresses
            .iter()
            .map(|last| Ipv4Addr::new(10, 0, 0, *last))
            .collect(),
        ipv6_subnet: None,
        ipv6_addresses: Vec::new(),
        prefixes: Vec::new(),
        primary_subnet: None,
        primary_ipv6_subnet: None,
    }
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn root_a_boot_script_runs_with_the_name_and_the_network_of_its_instance() {
    let region = Region::new();
    let script =
        "#!/bin/sh\nhostname\ncat /etc/hostname\nls /sys/class/net\necho pid $$ of $PPID\nexit 3\n";
    region.driver.create(id(), 1).unwrap();
    region
        .driver
        .plug(attachment(), &interface(0, &[5]))
        .unwrap();
    region.driver.start(id(), &instance(script, 1)).unwrap();
    wait_for("exit code", || console(&region).contains("exit code 3"));
    let printed = console(&region);
    assert_eq!(
        printed,
        "ip-10-0-0-5\nip-10-0-0-5\neth0\nlo\npid 2 of 1\nuser-data ended with exit code 3\n"
    );
    assert!(
        !Path::new("/sys/class/net/eni3").exists(),
        "the fabric end is not the host's"
    );
}

#[test]
fn root_an_instance_that_does_not_boot_says_why() {
    let mut region = Region::new();
    region.restart_with(
        ["sh", "-c", "echo no luck >&2; exit 3"]
            .map(Into::into)
            .to_vec(),
    );
    region.driver.create(id(), 1).unwrap();
    let failed = region.driver.start(id(), &instance("", 1)).unwrap_err();
    let text = format!("{} did not boot: exit status: 3: no luck", id());
    assert_eq!(failed.to_string(), text);
}

#[test]
fn root_an_instance_outlives_its_driver_and_ends_when_it_is_stopped() {
    let mut region = Region::new();
    let script = "#!/bin/sh\nsleep 1000 &\nsleep 1000\n";
    region.driver.create(id(), 1).unwrap();
    region.driver.start(id(), &booted(script, 4)).unwrap();
    region.restart();
    let observed = region.driver.instances().unwrap()[&id()].clone();
    assert_eq!((observed.boot_count, observed.alive), (Some(4), true));
    assert_eq!(region.shell(id(), "exit 7"), 7);
    // Cargo sets this for every test: what the caller has in its environment stays outside.
    assert_eq!(region.shell(id(), "test -z \"$CARGO_MANIFEST_DIR\""), 0);
    assert_eq!(region.shell(id(), "kill -9 $$"), 137);
    for (boot, enters) in [(4, true), (5, false)] {
        let entered = exec(
            &region.run,
            &supervisor(),
            id(),
            Some(boot),
            &["true".into()],
        );
        assert_eq!(entered.is_ok(), enters, "boot {boot}: {entered:?}");
    }
    let child = {
        let run = region.run.clone();
        thread::spawn(move || {
            exec(
                &run,
                &supervisor(),
                id(),
                None,
                &["sleep", "1000"].map(OsString::from),
            )
            .unwrap()
        })
    };
    wait_for("sleeper", || {
        region.shell(id(), "pgrep -fx 'sleep 1000' | wc -l | grep -qx 3") == 0
    });
    region.driver.stop(id()).unwrap();
    region.driver.stop(id()).unwrap();
    assert_eq!(
        child.join().unwrap(),
        137,
        "a command inside ends with the instance"
    );
    let observed = region.driver.instances().unwrap()[&id()].clone();
    assert_eq!((observed.boot_count, observed.alive), (Some(4), false));
    let refused = exec(&region.run, &supervisor(), id(), None, &["true".into()]);
    assert!(
        matches!(refused, Err(InstanceError::NotRunning(_))),
        "{refused:?}"
    );
    region.driver.start(id(), &instance(script, 5)).unwrap();
    assert_eq!(
        region.driver.instances().unwrap()[&id()].boot_count,
        Some(5)
    );
    region.driver.destroy(id()).unwrap();
    region.driver.destroy(id()).unwrap();
    assert!(region.driver.instances().unwrap().is_empty());
}

#[test]
fn root_an_end_that_nobody_asked_for_is_heard() {
    let mut region = Region::new();
    region.driver.create(id(), 1).unwrap();
    let asleep = booted("#!/bin/sh\nsleep 1000\n", 1);
    region.driver.start(id(), &asleep).unwrap();
    region.driver.stop(id()).unwrap();
    region.driver.start(id(), &asleep).unwrap();
    assert!(!region.driver.heard_of_an_end(), "it was stopped, and runs");
    kill_all(&region);
    assert_heard(&region);
    assert!(!region.driver.heard_of_an_end(), "it is told once");
    // A driver that finds it running listens, too.
    region.driver.start(id(), &asleep).unwrap();
    region.restart();
    kill_all(&region);
    assert_heard(&region);
    region.driver.destroy(id()).unwrap();
    assert!(!region.driver.heard_of_an_end(), "it was destroyed");
}

/// Kills the instance's first process from outside, and all others with it.
fn kill_all(region: &Region) {
    let group = format!("/openeni-{}/{}\n", region.run.key(), id());
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let cgroup = std::fs::read_to_string(process.path().join("cgroup"));
        let number = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if cgroup.is_ok_and(|cgroup| cgroup.ends_with(&group)) {
            // It may have ended with the first.
            let _ = kill(Pid::from_raw(number.unwrap()), Signal::SIGKILL);
        }
    }
}

/// The end is told by the descriptor, not only when it is asked for.
fn assert_heard(region: &Region) {
    let ends = region.driver.ends().unwrap();
    wait_for("an end", || {
        let mut waited = [PollFd::new(ends.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut waited, PollTimeout::from(1_000_u16)).unwrap();
        ready > 0 && region.driver.heard_of_an_end()
    });
}

#[test]
fn root_an_interface_is_configured_and_reconfigured_where_it_is_plugged() {
    let mut region = Region::new();
    region.driver.create(id(), 1).unwrap();
    for (index, addresses) in [(0, [5]), (1, [6])] {
        let attachment = format!("eni-attach-{index:017x}").parse().unwrap();
        region
            .driver
            .plug(attachment, &interface(index, &addresses))
            .unwrap();
        for _ in 0..2 {
            region
                .driver
                .configure(attachment, &interface(index, &addresses))
                .unwrap();
        }
    }
    region.driver.start(id(), &instance("", 1)).unwrap();
    let check =
        |region: &Region, script: &str| assert_eq!(region.shell(id(), script), 0, "{script}");
    check(&region, "ip link show eth1 | grep -q 'mtu 9001 .*UP'");
    check(&region, "ip link show eth1 | grep -q 02:1a:00:00:00:01");
    check(
        &region,
        "ip route get 8.8.8.8 | grep -q 'via 10.0.0.1 dev eth0 src 10.0.0.5'",
    );
    check(
        &region,
        "ip route get 8.8.8.8 from 10.0.0.6 | grep -q 'via 10.0.0.1 dev eth1'",
    );
    check(
        &region,
        "ip route get 10.0.0.9 from 10.0.0.6 | grep -q 'dev eth1'",
    );
    check(&region, "ip route get 10.0.0.9 | grep -q 'dev eth0'");
    check(&region, "ip addr add 10.0.0.99/24 dev eth1"); // a user's own

    let one = "eni-attach-00000000000000001".parse().unwrap();
    region.restart();
    let device = region.driver.devices().unwrap()[&4].clone();
    assert_eq!(
        device.plug,
        Some(Plug {
            attachment_id: one,
            instance_id: id(),
            device_number: 1
        })
    );
    assert_eq!(device.configured, ["10.0.0.6/32".parse().unwrap()]);
    region
        .driver
        .configure(one, &interface(1, &[6, 7]))
        .unwrap();
    check(&region, "ip rule | grep -q 'from 10.0.0.7 lookup 10001'");
    region.driver.configure(one, &interface(1, &[6])).unwrap();
    check(&region, "! ip rule | grep -q 10.0.0.7");
    check(&region, "! ip addr show eth1 | grep -q 10.0.0.7");
    check(&region, "ip addr show eth1 | grep -q 10.0.0.99");
    region.driver.unplug(4).unwrap();
    region.driver.unplug(4).unwrap();
    check(&region, "! ip link show eth1 2>/dev/null");
    assert_eq!(
        region.driver.devices().unwrap().keys().collect::<Vec<_>>(),
        [&3]
    );
}

#[test]
fn root_a_network_is_made_for_one_boot() {
    let mut region = Region::new();
    region.driver.create(id(), 1).unwrap();
    let network = |region: &mut Region| region.driver.instances().unwrap()[&id()].network;
    assert_eq!(network(&mut region), Some(1));
    region.driver.start(id(), &instance("", 1)).unwrap();
    region.shell(id(), "ip link add theirs type bridge");
    region.restart();
    region.driver.create(id(), 1).unwrap();
    assert_eq!(region.shell(id(), "ip link show theirs"), 0);
    region.driver.stop(id()).unwrap();
    region.driver.create(id(), 2).unwrap();
    assert_eq!(network(&mut region), Some(2));
    region.driver.start(id(), &instance("", 2)).unwrap();
    assert_eq!(region.shell(id(), "! ip link show theirs 2>/dev/null"), 0);
    // Cut short, it is nobody's, and made again.
    std::fs::remove_file(region.run.instance(id()).join("net.boot")).unwrap();
    assert_eq!(network(&mut region), None);
    region.driver.stop(id()).unwrap();
    region.driver.create(id(), 2).unwrap();
    assert_eq!(network(&mut region), Some(2));
}

/// Where the kernel sends a packet of the instance's own, or one that it forwards (`iif`).
fn leaves_by(region: &Region, query: &str, device: &str) {
    let script = format!("ip route get {query} | grep -q ' dev {device} '");
    assert_eq!(region.shell(id(), &script), 0, "{query} not by {device}");
}

#[test]
fn root_table_main_rules_the_primary_interface_and_secondary_ones_answer_where_they_are_asked() {
    let region = Region::new();
    region.driver.create(id(), 1).unwrap();
    region.driver.start(id(), &instance("", 1)).unwrap();
    let primary = interface(0, &[5, 50]);
    let in_its_subnet = interface(1, &[6, 60]);
    let elsewhere = DesiredInterface {
        subnet: "10.0.2.0/24".parse().unwrap(),
        router_address: Ipv4Addr::new(10, 0, 2, 1),
        private_ip_addresses: vec![Ipv4Addr::new(10, 0, 2, 7)],
        primary_subnet: Some(primary.subnet),
        ..interface(2, &[])
    };
    let attachments: Vec<AttachmentId> = (1..=3)
        .map(|number| format!("eni-attach-{number:017x}").parse().unwrap())
        .collect();
    for (attachment, wanted) in attachments
        .iter()
        .zip([&primary, &in_its_subnet, &elsewhere])
    {
        region.driver.plug(*attachment, wanted).unwrap();
        region.driver.configure(*attachment, wanted).unwrap();
    }
    // A container bridge, a tunnel, a static route through an appliance, one into a secondary subnet.
    let script =
        "ip link add br0 type bridge && ip addr add 172.17.0.1/16 dev br0 && ip link set br0 up
        ip link add tunnel0 type vxlan id 5 dstport 4789 dev eth0
        ip addr add 192.168.7.1/24 dev tunnel0 && ip link set tunnel0 up
        ip route add 198.51.100.0/24 via 10.0.0.77 dev eth0
        ip route add 10.0.2.128/25 via 10.0.0.77 dev eth0
        echo 1 > /proc/sys/net/ipv4/ip_forward";
    assert_eq!(region.shell(id(), script), 0);
    for address in ["10.0.0.5", "10.0.0.50"] {
        leaves_by(&region, &format!("172.17.0.2 from {address}"), "br0");
        leaves_by(&region, &format!("192.168.7.2 from {address}"), "tunnel0");
        leaves_by(&region, &format!("198.51.100.1 from {address}"), "eth0");
        leaves_by(&region, &format!("10.0.0.9 from {address}"), "eth0");
        leaves_by(&region, &format!("8.8.8.8 from {address}"), "eth0");
        // Into the subnet of eth2, where its source would be somebody else's.
        leaves_by(&region, &format!("10.0.2.9 from {address}"), "eth0");
        leaves_by(&region, &format!("10.0.2.129 from {address}"), "eth0");
    }
    assert_eq!(
        region.shell(
            id(),
            "ip route get 10.0.2.129 from 10.0.0.5 | grep -q 'via 10.0.0.77 '"
        ),
        0,
        "a static route of the guest's is bypassed"
    );
    for address in ["10.0.0.6", "10.0.0.60"] {
        leaves_by(&region, &format!("10.0.0.9 from {address}"), "eth1");
        leaves_by(&region, &format!("8.8.8.8 from {address}"), "eth1");
        leaves_by(&region, &format!("10.0.2.9 from {address}"), "eth1");
    }
    leaves_by(&region, "10.0.0.9 from 10.0.2.7", "eth2");
    // What is bound to no address is routed by table main, where the primary interface comes first.
    leaves_by(&region, "10.0.0.9", "eth0");
    leaves_by(&region, "8.8.8.8", "eth0");
    leaves_by(&region, "10.0.2.9", "eth2");
    leaves_by(&region, "8.8.8.8 oif eth1", "eth1");
    // What is forwarded into the secondary subnet, or masqueraded, stays table main's.
    leaves_by(&region, "10.0.2.9 from 10.0.0.9 iif eth0", "eth2");
    leaves_by(&region, "10.0.2.9 from 172.17.0.2 iif br0", "eth2");
    // A container that has an address of the primary interface answers as that does.
    leaves_by(&region, "10.0.2.9 from 10.0.0.51 iif br0", "eth0");

    for (vport, attachment) in [(4, attachments[1]), (5, attachments[2])] {
        region.driver.withdraw(attachment, id()).unwrap();
        region.driver.unplug(vport).unwrap();
    }
    let only_the_kernels = "ip rule | grep -vqE '^(0|32766|32767):'";
    assert_eq!(region.shell(id(), only_the_kernels), 1);
}

#[test]
fn root_a_device_of_the_guests_with_the_interfaces_name_keeps_it() {
    let region = Region::new();
    region.driver.create(id(), 1).unwrap();
    region.driver.start(id(), &instance("", 1)).unwrap();
    region
        .driver
        .plug(attachment(), &interface(0, &[5]))
        .unwrap();
    let check =
        |region: &Region, script: &str| assert_eq!(region.shell(id(), script), 0, "{script}");
    check(
        &region,
        "ip link add eth1 type bridge && ip link add eth2 type bridge",
    );
    check(
        &region,
        "ip link property add dev eth2 altname eth3 altname device-number-1",
    );
    let second = "eni-attach-00000000000000002".parse().unwrap();
    region.driver.plug(second, &interface(1, &[6])).unwrap();
    region
        .driver
        .configure(second, &interface(1, &[6]))
        .unwrap();
    check(&region, "ip addr show eth4 | grep -q 'inet 10.0.0.6/24'");
    check(
        &region,
        "ip link show device-number-1.0 | grep -q ': eth4@'",
    );
    check(
        &region,
        "ip link show eni-00000000000000001 | grep -q ': eth4@'",
    );
    check(&region, "ip link show device-number-1 | grep -q ': eth2:'");
    check(&region, "ip link show eth1 | grep -vq 02:1a:00:00:00:01");
    // A taken vport is something else, and stays an error.
    let taken = region.driver.plug(second, &interface(1, &[6])).unwrap_err();
    assert!(
        matches!(&taken, InstanceError::Network(error) if error.is_already_there()),
        "{taken:?}"
    );
    region.driver.withdraw(second, id()).unwrap();
    region.driver.unplug(4).unwrap();
    check(&region, "! ip link show device-number-1.0 2>/dev/null");
    check(
        &region,
        "ip link show eth1 >/dev/null && ip link show eth2 >/dev/null",
    );
}

#[test]
fn root_names_tell_the_network_card() {
    let region = Region::new();
    region.driver.create(id(), 1).unwrap();
    region.driver.start(id(), &instance("", 1)).unwrap();
    let on_a_card = DesiredInterface {
        device_number: 2 * 256 + 1,
        ..interface(9, &[5])
    };
    region.driver.plug(attachment(), &on_a_card).unwrap();
    region.driver.configure(attachment(), &on_a_card).unwrap();
    let check = |script: &str| assert_eq!(region.shell(id(), script), 0, "{script}");
    check("ip link show device-number-1.2 | grep -q eth513");
    check("! ip link show device-number-1 2>/dev/null");
    check("ip rule | grep -q 'from 10.0.0.5 lookup 10201'");
    check("ip route show default | grep -q 'metric 713'");
}
