//! A guest's state belongs to whom made it: the table of docs/OPERATION.md, cell by cell.
//!
//! One instance has a primary interface, a secondary one and a third. The guest does all that the table names at once; then
//! comes one event, and everything is looked at.

use std::net::Ipv4Addr;

use eni_instance::RunDirectory;
use eni_plan::Desired;

use crate::test_machine::{
    Converger, Host, attachment_id, become_a_host, instance_id, lower, open, settle,
};

/// The instance that is looked at.
const SUBJECT: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// With the interface.
    ByPlatform,
    ByGuest,
    /// By the platform, and taken away by the guest.
    TakenAway,
}

/// What a thing is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// The secondary interface, which some events detach.
    Secondary,
    /// The same; and the kernel drops it when the device is set down.
    SecondaryWhileUp,
    /// The primary interface, which stays.
    Primary,
    PrimaryWhileUp,
    /// Nothing but the instance.
    Instance,
}

struct Thing {
    name: &'static str,
    made: Made,
    of: Of,
    /// What the guest does.
    by: &'static str,
    /// Succeeds if it is there.
    is_there: &'static str,
}

const fn thing(
    name: &'static str,
    (made, of): (Made, Of),
    by: &'static str,
    is_there: &'static str,
) -> Thing {
    Thing {
        name,
        made,
        of,
        by,
        is_there,
    }
}

const THINGS: &[Thing] = &[
    thing(
        "the address",
        (Made::ByPlatform, Of::Secondary),
        "",
        "ip -4 addr show dev eth1 | grep -q 'inet 10.0.0.7/24'",
    ),
    thing(
        "the address's rule",
        (Made::ByPlatform, Of::Secondary),
        "",
        "ip rule | grep -q 'from 10.0.0.7 lookup 10001'",
    ),
    thing(
        "the way back",
        (Made::ByPlatform, Of::Secondary),
        "",
        "ip rule | grep -q 'from 10.0.8.0/24 to 10.0.0.0/24 lookup 10000'",
    ),
    thing(
        "the subnet in its table",
        (Made::ByPlatform, Of::Secondary),
        "",
        "ip route show table 10001 | grep -q '^10.0.0.0/24 dev eth1'",
    ),
    thing(
        "the default route in its table",
        (Made::ByPlatform, Of::Secondary),
        "",
        "ip route show table 10001 | grep -q '^default via 10.0.0.1 dev eth1'",
    ),
    thing(
        "the interface's id as a name",
        (Made::ByPlatform, Of::Secondary),
        "",
        "ip link show dev eni-00000000000000003",
    ),
    thing(
        "the device's number as a name",
        (Made::ByPlatform, Of::Secondary),
        "",
        "ip link show dev device-number-1.0",
    ),
    thing(
        "an address of the guest's",
        (Made::ByGuest, Of::Secondary),
        "ip addr add 10.0.0.99/24 dev eth1",
        "ip -4 addr show | grep -q 'inet 10.0.0.99/24'",
    ),
    thing(
        "an address of the guest's that is assigned to the interface later",
        (Made::ByGuest, Of::Secondary),
        "ip addr add 10.0.0.79/24 dev eth1",
        "ip -4 addr show | grep -q 'inet 10.0.0.79/24'",
    ),
    thing(
        "an MTU of the guest's",
        (Made::ByGuest, Of::Secondary),
        "ip link set eth1 mtu 1400",
        "ip link show dev eth1 | grep -q 'mtu 1400'",
    ),
    thing(
        "an alternative name of the guest's",
        (Made::ByGuest, Of::Secondary),
        "ip link property add dev eth1 altname theirs",
        "ip link show dev theirs",
    ),
    thing(
        "a queueing discipline of the guest's",
        (Made::ByGuest, Of::Secondary),
        "tc qdisc add dev eth1 root tbf rate 1gbit burst 1mbit latency 50ms",
        "tc qdisc show dev eth1 | grep -q tbf",
    ),
    thing(
        "a route of the guest's",
        (Made::ByGuest, Of::SecondaryWhileUp),
        "ip route add 198.51.100.0/24 via 10.0.0.1 dev eth1",
        "ip route | grep -q ^198.51.100.0/24",
    ),
    thing(
        "a route of the guest's by the primary interface",
        (Made::ByGuest, Of::PrimaryWhileUp),
        "ip route add 198.18.0.0/15 via 10.0.8.9 dev eth0",
        "ip route | grep -q ^198.18.0.0/15",
    ),
    thing(
        "a rule of the guest's",
        (Made::ByGuest, Of::Instance),
        "ip rule add from 10.0.0.7 lookup 99 pref 99",
        "ip rule | grep -q 'from 10.0.0.7 lookup 99'",
    ),
    thing(
        "a device of the guest's",
        (Made::ByGuest, Of::Instance),
        "ip link add bridge0 type bridge",
        "ip link show dev bridge0",
    ),
    thing(
        "a setting of the guest's",
        (Made::ByGuest, Of::Instance),
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "grep -q 1 /proc/sys/net/ipv4/ip_forward",
    ),
    thing(
        "a secondary address that the guest takes off",
        (Made::TakenAway, Of::Secondary),
        "ip addr del 10.0.0.70/24 dev eth1",
        "ip -4 addr show | grep -q 'inet 10.0.0.70/24'",
    ),
    thing(
        "a rule that the guest takes away",
        (Made::TakenAway, Of::Secondary),
        "ip rule del from 10.0.0.71 lookup 10001",
        "ip rule | grep -q 'from 10.0.0.71 '",
    ),
    thing(
        "a default route that the guest takes away",
        (Made::TakenAway, Of::SecondaryWhileUp),
        "ip route del default dev eth1",
        "ip route show default | grep -q 'dev eth1 .*metric 513'",
    ),
    thing(
        "a name that the guest takes away",
        (Made::TakenAway, Of::Secondary),
        "ip link property del dev eth1 altname device-number-1",
        "ip link show dev device-number-1",
    ),
    thing(
        "a secondary address that the guest takes off the primary interface",
        (Made::TakenAway, Of::Primary),
        "ip addr del 10.0.8.50/24 dev eth0",
        "ip -4 addr show | grep -q 'inet 10.0.8.50/24'",
    ),
    thing(
        "a default route of the primary interface in whose place the guest puts another",
        (Made::TakenAway, Of::PrimaryWhileUp),
        "ip route replace default via 10.0.8.9 dev eth0 metric 512",
        "ip route show default | grep -q 'via 10.0.8.1 dev eth0'",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Look,
    Killed,
    AddressAssigned,
    AddressUnassigned,
    OtherAttached,
    OtherDetached,
    SetDownAndUp,
    PrimarySetDownAndUp,
    /// What the guest does, it does while the region is down.
    SetDownAndUpAfterAKill,
    Detached,
    DetachedWhileDown,
    DetachedRenamed,
    DetachedMovedAway,
    DetachedDeleted,
    DetachedDeletedWhileDown,
    Rebooted,
    StoppedAndStarted,
}

const EVENTS: &[Event] = &[
    Event::Look,
    Event::Killed,
    Event::AddressAssigned,
    Event::AddressUnassigned,
    Event::OtherAttached,
    Event::OtherDetached,
    Event::SetDownAndUp,
    Event::PrimarySetDownAndUp,
    Event::SetDownAndUpAfterAKill,
    Event::Detached,
    Event::DetachedWhileDown,
    Event::DetachedRenamed,
    Event::DetachedMovedAway,
    Event::DetachedDeleted,
    Event::DetachedDeletedWhileDown,
    Event::Rebooted,
    Event::StoppedAndStarted,
];

impl Event {
    fn detaches(self) -> bool {
        use Event::*;
        matches!(
            self,
            Detached
                | DetachedWhileDown
                | DetachedRenamed
                | DetachedMovedAway
                | DetachedDeleted
                | DetachedDeletedWhileDown
        )
    }

    fn is_new_kernel(self) -> bool {
        matches!(self, Self::Rebooted | Self::StoppedAndStarted)
    }

    /// The table: whether a thing is there after the event.
    fn leaves(self, made: Made, of: Of) -> bool {
        let goes = matches!(of, Of::Secondary | Of::SecondaryWhileUp) && self.detaches();
        // By the kernel.
        let is_dropped = match of {
            Of::SecondaryWhileUp => {
                matches!(self, Self::SetDownAndUp | Self::SetDownAndUpAfterAKill)
            }
            Of::PrimaryWhileUp => self == Self::PrimarySetDownAndUp,
            _ => false,
        };
        match made {
            Made::ByPlatform => !goes,
            Made::ByGuest => !goes && !is_dropped && !self.is_new_kernel(),
            Made::TakenAway => self.is_new_kernel(),
        }
    }
}

/// The subject's interfaces in subnets 10.0.8.0/24 and 10.0.0.0/24, and perhaps a third; and a peer.
fn wanted(converger: &mut Converger, boot_count: u64, secondary: bool, third: bool) -> Desired {
    let mut interfaces = vec![(1, SUBJECT, 0, 5), (2, 2, 0, 6)];
    interfaces.extend(secondary.then_some((3, SUBJECT, 1, 7)));
    interfaces.extend(third.then_some((4, SUBJECT, 2, 8)));
    let mut desired = lower(&interfaces, &mut converger.vports);
    let subject = instance_id(SUBJECT);
    desired.instances.get_mut(&subject).unwrap().boot_count = boot_count;
    let primary = desired.interfaces.get_mut(&attachment_id(1)).unwrap();
    primary.subnet = "10.0.8.0/24".parse().unwrap();
    primary.router_address = Ipv4Addr::new(10, 0, 8, 1);
    primary.private_ip_addresses = [5, 50, 51].map(|last| Ipv4Addr::new(10, 0, 8, last)).into();
    let primary_subnet = Some(primary.subnet);
    for attachment in [3, 4] {
        if let Some(one) = desired.interfaces.get_mut(&attachment_id(attachment)) {
            one.primary_subnet = primary_subnet;
        }
    }
    if let Some(one) = desired.interfaces.get_mut(&attachment_id(3)) {
        one.private_ip_addresses = [7, 70, 71, 72]
            .map(|last| Ipv4Addr::new(10, 0, 0, last))
            .into();
    }
    desired
}

struct Scene {
    host: Host,
    converger: Converger,
    /// Interfaces as they are wanted before the event.
    before: Desired,
}

impl Scene {
    fn new(third: bool) -> Self {
        let host = Host {
            data: tempfile::tempdir().unwrap(),
        };
        let mut converger = open(host.data.path());
        let before = wanted(&mut converger, 1, true, third);
        settle(&mut converger, &before);
        Self {
            host,
            converger,
            before,
        }
    }

    fn guest(&self, script: &str) -> bool {
        guest(&self.host, script)
    }

    fn kill(self) -> Self {
        self.kill_while(|_| ())
    }

    fn kill_while(self, doing: impl FnOnce(&Host)) -> Self {
        let Self {
            host,
            converger,
            before,
        } = self;
        drop(converger);
        doing(&host);
        let converger = open(host.data.path());
        Self {
            host,
            converger,
            before,
        }
    }

    fn settle(&mut self, desired: &Desired) {
        self.converger.look_again();
        settle(&mut self.converger, desired);
    }

    /// Lets it happen, and the agent follow.
    fn happen(mut self, event: Event) -> Self {
        let mut after = self.before.clone();
        let addresses = |desired: &mut Desired, change: &dyn Fn(&mut Vec<Ipv4Addr>, u8)| {
            for (attachment, subnet) in [(1, 8), (3, 0)] {
                let interface = desired.interfaces.get_mut(&attachment_id(attachment));
                change(&mut interface.unwrap().private_ip_addresses, subnet);
            }
        };
        match event {
            Event::Look => {}
            Event::Killed => self = self.kill(),
            Event::AddressAssigned => addresses(&mut after, &|addresses, subnet| {
                addresses.push(Ipv4Addr::new(10, 0, subnet, 79));
            }),
            Event::AddressUnassigned => {
                let mut more = after.clone();
                addresses(&mut more, &|addresses, subnet| {
                    addresses.push(Ipv4Addr::new(10, 0, subnet, 79));
                });
                self.settle(&more);
                addresses(&mut after, &|addresses, _| {
                    addresses.retain(|address| address.octets()[3] != 79);
                });
            }
            Event::OtherAttached => after = wanted(&mut self.converger, 1, true, true),
            Event::OtherDetached => after = wanted(&mut self.converger, 1, true, false),
            Event::SetDownAndUp | Event::SetDownAndUpAfterAKill => {
                assert!(self.guest("ip link set eth1 down; ip link set eth1 up"))
            }
            Event::PrimarySetDownAndUp => {
                assert!(self.guest("ip link set eth0 down; ip link set eth0 up"));
            }
            Event::Rebooted => after = wanted(&mut self.converger, 2, true, false),
            Event::StoppedAndStarted => {
                let mut stopped = lower(&[(2, 2, 0, 6)], &mut self.converger.vports);
                stopped.interfaces.retain(|id, _| *id == attachment_id(2));
                let plan = self.converger.plan(&stopped);
                // No deferred step has been done when the start comes.
                for steps in [&plan.now, &plan.then] {
                    self.converger.execute(steps);
                }
                after = wanted(&mut self.converger, 2, true, false);
            }
            _ => {
                after = wanted(&mut self.converger, 1, false, false);
                self = self.detach(event);
            }
        }
        self.settle(&after);
        self
    }

    /// What happens before the detachment is seen.
    fn detach(self, event: Event) -> Self {
        match event {
            Event::DetachedRenamed => {
                assert!(self.guest(
                    "ip link set eth1 down && ip link set eth1 name spare && ip link set spare up
                     ip link set spare alias mine"
                ));
            }
            Event::DetachedMovedAway => {
                let script = "unshare --net sleep 1000 </dev/null >/dev/null 2>&1 &
                    while [ $(readlink /proc/$!/ns/net) = $(readlink /proc/self/ns/net) ]
                    do sleep 0.01; done
                    ip link set eth1 netns $! && nsenter --net --target $! ip link set eth1 up";
                assert!(self.guest(script));
            }
            Event::DetachedDeleted | Event::DetachedDeletedWhileDown => {
                assert!(self.guest("ip link delete eth1"));
            }
            _ => {}
        }
        match event {
            Event::DetachedWhileDown | Event::DetachedDeletedWhileDown => self.kill(),
            _ => self,
        }
    }

    fn records(&self) -> Vec<String> {
        let run = RunDirectory::of(self.host.data.path()).unwrap();
        let entries = std::fs::read_dir(run.instance(instance_id(SUBJECT))).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut records: Vec<_> = names.filter(|name| name.contains("attach")).collect();
        records.sort();
        records
    }
}

/// What the guest does.
fn do_things(host: &Host) {
    for thing in THINGS {
        assert!(
            guest(host, thing.is_there) == (thing.made != Made::ByGuest),
            "{}",
            thing.name
        );
        assert!(guest(host, thing.by), "{}", thing.name);
    }
}

fn guest(host: &Host, script: &str) -> bool {
    let quiet = format!("exec >/dev/null 2>&1; {script}");
    host.exec(SUBJECT, &["sh", "-c", &quiet]) == 0
}

fn try_out(event: Event) {
    become_a_host();
    let scene = Scene::new(event == Event::OtherDetached);
    let scene = if event == Event::SetDownAndUpAfterAKill {
        scene.kill_while(do_things)
    } else {
        do_things(&scene.host);
        scene
    };
    let scene = scene.happen(event);
    let mut wrong = Vec::new();
    for thing in THINGS {
        let left = guest(&scene.host, thing.is_there);
        if left != event.leaves(thing.made, thing.of) {
            wrong.push((thing.name, left));
        }
    }
    assert!(wrong.is_empty(), "{event:?}: {wrong:#?}");
    let attached: &[u8] = match event {
        event if event.detaches() => &[1],
        Event::OtherAttached => &[1, 3, 4],
        _ => &[1, 3],
    };
    let expected: Vec<_> = attached
        .iter()
        .map(|id| format!("{}.brought", attachment_id(*id)))
        .collect();
    assert_eq!(scene.records(), expected, "{event:?}");
    scene.converger.machine.remove().unwrap();
}

macro_rules! cells {
    ($($test:ident: $event:ident,)*) => {
        $(#[test]
        fn $test() {
            try_out(Event::$event);
        })*

        #[test]
        fn every_event_has_its_test() {
            assert_eq!(EVENTS, [$(Event::$event),*]);
        }
    };
}

cells! {
    root_guest_state_when_the_agent_looks: Look,
    root_guest_state_when_the_region_is_killed: Killed,
    root_guest_state_when_an_address_is_assigned: AddressAssigned,
    root_guest_state_when_an_address_is_unassigned: AddressUnassigned,
    root_guest_state_when_another_interface_is_attached: OtherAttached,
    root_guest_state_when_another_interface_is_detached: OtherDetached,
    root_guest_state_when_the_device_is_set_down_and_up: SetDownAndUp,
    root_guest_state_when_the_primary_device_is_set_down_and_up: PrimarySetDownAndUp,
    root_guest_state_when_the_device_is_set_down_and_up_after_a_kill: SetDownAndUpAfterAKill,
    root_guest_state_when_the_interface_is_detached: Detached,
    root_guest_state_when_the_interface_is_detached_while_the_region_is_down: DetachedWhileDown,
    root_guest_state_when_the_interface_is_detached_renamed: DetachedRenamed,
    root_guest_state_when_the_interface_is_detached_moved_away: DetachedMovedAway,
    root_guest_state_when_the_interface_is_detached_deleted: DetachedDeleted,
    root_guest_state_when_the_interface_is_detached_deleted_while_the_region_is_down: DetachedDeletedWhileDown,
    root_guest_state_when_the_instance_is_rebooted: Rebooted,
    root_guest_state_when_the_instance_is_started_as_soon_as_it_is_stopped: StoppedAndStarted,
}
