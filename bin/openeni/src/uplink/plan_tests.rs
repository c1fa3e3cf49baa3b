//! Plans, carried out in a machine of the tests' own.

use std::collections::BTreeMap;

use super::plan::*;

const TABLE: &str = "openeni-0123456789abcdef";

/// What the plans change, and how the kernel's forwarding behaves (`inet_forward_change`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Machine {
    place: Place,
    settings: Vec<Setting>,
    devices: BTreeMap<u32, String>,
    /// The rules of each table.
    rules: BTreeMap<String, String>,
    record: Option<Record>,
    /// Whether connections are as they began, before the rules or the forwarding that there are now.
    has_old_connections: bool,
}

impl Machine {
    /// A machine with `eth0` and `eth1`, with these values of what `settings` lists.
    fn with(values: [&str; 5]) -> Self {
        let [forwarding, redirects, default, eth0, eth1] = values;
        Self {
            place: place("boot 1", "net:[1]", Some(1)),
            settings: vec![
                Setting::new(FORWARDING, forwarding),
                Setting::new(REDIRECTS, redirects),
                Setting::new("conf/default/forwarding", default),
                Setting::forwarding_of("eth0", Some(2), eth0),
                Setting::forwarding_of("eth1", Some(3), eth1),
            ],
            devices: [(2, "eth0".into()), (3, "eth1".into())].into(),
            rules: BTreeMap::new(),
            record: None,
            has_old_connections: false,
        }
    }

    fn rename(&mut self, index: u32, name: &str) {
        self.devices.insert(index, name.into());
        for setting in &mut self.settings {
            if setting.device == Some(index) {
                *setting = Setting::forwarding_of(name, Some(index), setting.value.clone());
            }
        }
    }

    fn found(&self) -> Found {
        Found {
            place: self.place.clone(),
            settings: self.settings.clone(),
            devices: self.devices.clone(),
            tables: Found::tables_of(self.record.as_ref(), TABLE)
                .into_iter()
                .filter(|table| self.rules.contains_key(table))
                .collect(),
            record: self.record.clone(),
        }
    }

    fn value(&self, name: &str) -> &str {
        let found = self.settings.iter().find(|setting| setting.name == name);
        &found.unwrap().value
    }

    fn set(&mut self, wanted: &Setting) {
        let turns = wanted.name == FORWARDING && self.value(FORWARDING) != wanted.value;
        for setting in &mut self.settings {
            if setting.name == wanted.name || (turns && setting.name.ends_with("/forwarding")) {
                setting.value.clone_from(&wanted.value);
            } else if turns && setting.name == REDIRECTS {
                setting.value = if wanted.value == "0" { "1" } else { "0" }.into();
            }
        }
    }

    fn carry_out(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Remember(record) => self.record = Some(record.clone()),
                Step::Rules(commands) => self.take(commands),
                Step::ForgetConnections(of) => {
                    assert_eq!(*of, pool());
                    self.has_old_connections = false;
                }
                Step::Set(setting) => self.set(setting),
                Step::Forget => self.record = None,
            }
        }
    }

    /// Tables that are deleted, and then one, perhaps.
    fn take(&mut self, commands: &str) {
        self.has_old_connections = true;
        let mut rest = commands;
        while let Some((head, more)) = rest.split_once("\ndelete table ip ") {
            let (gone, more) = more.split_once('\n').unwrap();
            assert_eq!(
                head,
                format!("table ip {gone}"),
                "a table is replaced whole"
            );
            self.rules.remove(gone);
            rest = more;
        }
        if let Some(name) = rest.split(' ').nth(2) {
            assert!(
                !self.rules.contains_key(name),
                "{name} is not deleted first"
            );
            self.rules.insert(name.into(), rest.into());
        }
    }

    fn turn_on(&mut self, interface: &str) {
        let steps = on(&self.found(), TABLE, pool(), &name(interface)).unwrap();
        self.carry_out(&steps);
    }

    fn turn_off(&mut self) {
        let steps = off(&self.found()).unwrap();
        self.carry_out(&steps);
    }

    fn leaves_by(&self) -> Option<&str> {
        let (_, rule) = self.rules.get(TABLE)?.split_once("ip saddr")?;
        rule.split('"').nth(1)
    }

    /// Of any settings; where it does not forward, a hardened one and some that forward by single devices among them.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for bits in 0..32_u32 {
            let value = |bit: u32| if bits & (1 << bit) == 0 { "0" } else { "1" };
            all.push(Self::with(std::array::from_fn(|index| {
                value(u32::try_from(index).unwrap())
            })));
        }
        all
    }
}

fn place(boot: &str, network_namespace: &str, cookie: Option<u64>) -> Place {
    Place {
        boot: boot.into(),
        network_namespace: network_namespace.into(),
        cookie,
    }
}

fn pool() -> eni_types::Ipv4Cidr {
    "203.0.113.0/24".parse().unwrap()
}

fn name(name: &str) -> InterfaceName {
    name.parse().unwrap()
}

#[test]
fn off_leaves_every_machine_as_it_was() {
    for before in Machine::all() {
        let mut machine = before.clone();
        machine.turn_on("eth0");
        assert_eq!(machine.value(FORWARDING), "1");
        assert_eq!(machine.leaves_by(), Some("eth0"));
        let once = machine.clone();
        machine.turn_on("eth0");
        assert_eq!(machine, once, "twice is once");
        machine.turn_on("eth1");
        assert_eq!(machine.leaves_by(), Some("eth1"));
        assert!(!machine.has_old_connections);
        machine.turn_off();
        assert_eq!(machine, before);
        assert_eq!(off(&machine.found()), Ok(vec![]));
    }
}

#[test]
fn a_plan_may_be_cut_off_anywhere() {
    for before in Machine::all() {
        let whole = on(&before.found(), TABLE, pool(), &name("eth0")).unwrap();
        for cut in 0..=whole.len() {
            let mut machine = before.clone();
            machine.carry_out(&whole[..cut]);
            let mut again = machine.clone();
            again.turn_on("eth0");
            again.turn_off();
            assert_eq!(again, before, "on cut off after {cut} of {whole:?}");
            let undone = off(&machine.found()).unwrap();
            for cut in 0..=undone.len() {
                let mut machine = machine.clone();
                machine.carry_out(&undone[..cut]);
                machine.turn_off();
                assert_eq!(machine, before, "off cut off after {cut} of {undone:?}");
            }
        }
    }
}

#[test]
fn nothing_is_changed_before_it_is_written_down() {
    let machine = Machine::with(["0", "0", "0", "1", "0"]);
    let steps = on(&machine.found(), TABLE, pool(), &name("eth0")).unwrap();
    let Step::Remember(record) = &steps[0] else {
        panic!("{steps:?}")
    };
    let before = [
        Setting::new(FORWARDING, "0"),
        Setting::new(REDIRECTS, "0"),
        Setting::forwarding_of("eth0", Some(2), "1"),
    ];
    assert_eq!(record.before, before);
    assert_eq!(
        steps[2..],
        [
            Step::Set(Setting::new(FORWARDING, "1")),
            Step::ForgetConnections(pool()),
        ],
        "rules before packets"
    );
}

#[test]
fn another_boot_is_not_given_what_an_earlier_one_had() {
    let mut machine = Machine::with(["0", "1", "0", "0", "0"]);
    machine.turn_on("eth0");
    // Now something else has the host forward from its start, and nothing of ours is left but the record.
    let record = machine.record.take();
    let mut booted = Machine::with(["1", "0", "1", "1", "1"]);
    booted.place.boot = "boot 2".into();
    let clean = booted.clone();
    booted.record = record;
    let mut off_only = booted.clone();
    off_only.turn_off();
    assert_eq!(off_only, clean);
    booted.turn_on("eth0");
    booted.turn_off();
    assert_eq!(booted, clean);
}

#[test]
fn what_is_on_in_another_namespace_is_left_alone() {
    let mut machine = Machine::with(["0", "1", "0", "0", "0"]);
    machine.turn_on("eth0");
    machine.place = place("boot 1", "net:[2]", Some(2));
    let found = machine.found();
    assert_eq!(on(&found, TABLE, pool(), &name("eth0")), Err(Elsewhere));
    assert_eq!(off(&found), Err(Elsewhere));
}

#[test]
fn a_namespace_is_known_by_its_cookie_and_in_old_files_by_its_inode() {
    let mut machine = Machine::with(["0", "1", "0", "0", "0"]);
    machine.turn_on("eth0");
    // The inode of one that has ended is another's now.
    machine.place.cookie = Some(2);
    assert_eq!(off(&machine.found()), Err(Elsewhere));
    machine.place.cookie = Some(1);
    machine.place.network_namespace = "net:[2]".into();
    assert!(off(&machine.found()).is_ok());

    let old = r#"{"interface":"eth0","place":{"boot":"boot 1","network_namespace":"net:[1]"},
        "before":[{"name":"ip_forward","value":"0"},{"name":"conf/eth0/forwarding","value":"1"}]}"#;
    let mut machine = Machine::with(["1", "0", "1", "1", "1"]);
    machine.record = Some(serde_json::from_str(old).unwrap());
    machine.turn_off();
    assert_eq!(machine, Machine::with(["0", "1", "0", "1", "0"]));
    machine.record = Some(serde_json::from_str(old).unwrap());
    machine.place.network_namespace = "net:[2]".into();
    assert_eq!(off(&machine.found()), Err(Elsewhere));
}

#[test]
fn a_device_that_was_renamed_or_has_gone_is_no_other() {
    let mut machine = Machine::with(["0", "1", "0", "1", "1"]);
    machine.turn_on("eth1");
    machine.rename(2, "lan0");
    // Another device under the name that the first one had.
    machine
        .settings
        .push(Setting::forwarding_of("eth0", Some(9), "0"));
    machine.devices.insert(9, "eth0".into());
    machine.settings.retain(|setting| setting.device != Some(3));
    machine.devices.remove(&3);
    machine.turn_off();
    assert_eq!(machine.value("conf/lan0/forwarding"), "1");
    assert_eq!(machine.value("conf/eth0/forwarding"), "0");
}

#[test]
fn a_table_of_a_directory_that_has_been_moved_goes_as_well() {
    let before = Machine::with(["0", "1", "0", "0", "0"]);
    let mut machine = before.clone();
    let (moved, old) = (machine.clone(), "openeni-fedcba9876543210");
    assert_eq!(moved, before);
    let steps = on(&machine.found(), old, pool(), &name("eth0")).unwrap();
    machine.carry_out(&steps);
    let mut off_at_once = machine.clone();
    off_at_once.turn_off();
    assert_eq!(off_at_once, before);
    let whole = on(&machine.found(), TABLE, pool(), &name("eth0")).unwrap();
    for cut in 0..=whole.len() {
        let mut machine = machine.clone();
        machine.carry_out(&whole[..cut]);
        machine.turn_off();
        assert_eq!(machine, before, "cut off after {cut} of {whole:?}");
    }
}

#[test]
fn a_host_that_forwards_but_by_the_uplink_does_so_as_long_as_it_is_on() {
    let before = Machine::with(["1", "0", "1", "0", "0"]);
    let mut machine = before.clone();
    machine.turn_on("eth0");
    assert_eq!(machine.value("conf/eth0/forwarding"), "1");
    assert_eq!(machine.value("conf/eth1/forwarding"), "0");
    let guard = "iifname { \"eth0\" } oifname != \"openeni0\" drop";
    assert!(machine.rules[TABLE].contains(guard), "{machine:?}");
    machine.turn_on("eth1");
    let guard = "iifname { \"eth0\", \"eth1\" } oifname != \"openeni0\" drop";
    assert!(machine.rules[TABLE].contains(guard), "{machine:?}");
    machine.turn_off();
    assert_eq!(machine, before);
}

/// The rules about what is forwarded, of a machine that had these settings.
fn forwarded(values: [&str; 5]) -> Vec<String> {
    let mut machine = Machine::with(values);
    machine.turn_on("eth0");
    let (_, chain) = machine.rules[TABLE]
        .split_once("hook forward priority filter;\n")
        .unwrap();
    let (chain, _) = chain
        .split_once('}')
        .filter(|(head, _)| !head.contains('{'))
        .unwrap_or((chain, ""));
    let lines = chain
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != "}");
    lines.map(str::to_owned).collect()
}

#[test]
fn a_host_that_forwards_by_our_doing_does_so_for_the_region_alone() {
    let region = [
        "iifname \"openeni0\" ct state invalid drop",
        "iifname \"openeni0\" oifname != { \"eth0\", \"openeni0\" } ct state new reject with icmp admin-prohibited",
    ];
    // Whatever forwards already is left to the rules of others.
    assert_eq!(forwarded(["1", "0", "1", "1", "1"]), region);
    let ours = |free: &str| {
        let more = [
            &format!("iifname {{ {free}\"openeni0\" }} accept"),
            "iifname \"eth0\" oifname \"openeni0\" accept",
            "drop",
        ];
        region
            .iter()
            .copied()
            .chain(more)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(forwarded(["0", "1", "0", "0", "0"]), ours(""));
    assert_eq!(forwarded(["0", "1", "0", "0", "1"]), ours("\"eth1\", "));
}

#[test]
fn a_table_of_the_regions_name_goes_whole_also_without_a_record() {
    let mut machine = Machine::with(["1", "0", "1", "1", "1"]);
    let before = machine.clone();
    let restored = "as restored from a copy of the rules".into();
    machine.rules.insert(TABLE.into(), restored);
    machine.turn_off();
    // Of which pool its connections were, nobody knows.
    machine.has_old_connections = false;
    assert_eq!(machine, before);
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let mut machine = Machine::with(["0", "1", "0", "0", "0"]);
    machine.turn_on("eth0");
    let record = machine.record.unwrap();
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let hostile = text.replace("\"eth0\"", "\"eth0*\"");
    assert!(serde_json::from_str::<Record>(&hostile).is_err());
}

#[test]
fn the_rules_are_about_the_pool_and_the_interface_alone() {
    let rules = rules(TABLE, pool(), &name("wan0"), &[]);
    let rule = "ip saddr 203.0.113.0/24 oifname \"wan0\" masquerade\n";
    assert!(rules.contains(rule), "{rules}");
    for refused in ["", "a b", "wan\"", "wan*", "wan0\n", "0123456789abcdef"] {
        assert!(refused.parse::<InterfaceName>().is_err(), "{refused:?}");
    }
}
