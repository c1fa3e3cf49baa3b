//! Plans, carried out in a machine of the tests' own.

use super::plan::*;

const TABLE: &str = "openeni-0123456789abcdef";

/// What the plans change, and how the kernel's forwarding behaves (`inet_forward_change`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Machine {
    place: Place,
    settings: Vec<Setting>,
    /// The rules of the region's table.
    rules: Option<String>,
    record: Option<Record>,
}

impl Machine {
    /// A machine with `eth0` and `eth1`, with these values of what `settings` lists.
    fn with(values: [&str; 5]) -> Self {
        let names = [
            FORWARDING,
            REDIRECTS,
            "conf/default/forwarding",
            "conf/eth0/forwarding",
            "conf/eth1/forwarding",
        ];
        let settings = names.into_iter().zip(values);
        Self {
            place: place("boot 1", "net:[1]"),
            settings: settings
                .map(|(name, value)| Setting::new(name, value))
                .collect(),
            rules: None,
            record: None,
        }
    }

    fn found(&self) -> Found {
        Found {
            place: self.place.clone(),
            settings: self.settings.clone(),
            has_table: self.rules.is_some(),
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
                Step::Rules(commands) => {
                    let fresh = commands
                        .strip_prefix(&format!("table ip {TABLE}\ndelete table ip {TABLE}\n"));
                    let fresh = fresh.expect("a table is replaced whole");
                    self.rules = (!fresh.is_empty()).then(|| fresh.to_owned());
                }
                Step::Set(setting) => self.set(setting),
                Step::Forget => self.record = None,
            }
        }
    }

    fn turn_on(&mut self, interface: &str) {
        let steps = on(&self.found(), TABLE, pool(), &name(interface)).unwrap();
        self.carry_out(&steps);
    }

    fn turn_off(&mut self) {
        let steps = off(&self.found(), TABLE).unwrap();
        self.carry_out(&steps);
    }

    fn leaves_by(&self) -> Option<&str> {
        self.rules.as_ref()?.split('"').nth(1)
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

fn place(boot: &str, network_namespace: &str) -> Place {
    Place {
        boot: boot.into(),
        network_namespace: network_namespace.into(),
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
        machine.turn_off();
        assert_eq!(machine, before);
        assert_eq!(off(&machine.found(), TABLE), Ok(vec![]));
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
            let undone = off(&machine.found(), TABLE).unwrap();
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
        Setting::new("conf/eth0/forwarding", "1"),
    ];
    assert_eq!(record.before, before);
    assert_eq!(
        steps[2..],
        [Step::Set(Setting::new(FORWARDING, "1"))],
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
    machine.place = place("boot 1", "net:[2]");
    let found = machine.found();
    assert_eq!(on(&found, TABLE, pool(), &name("eth0")), Err(Elsewhere));
    assert_eq!(off(&found, TABLE), Err(Elsewhere));
}

#[test]
fn a_table_of_the_regions_name_goes_whole_also_without_a_record() {
    let mut machine = Machine::with(["1", "0", "1", "1", "1"]);
    let before = machine.clone();
    machine.rules = Some("as restored from a copy of the rules".into());
    machine.turn_off();
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
    let rules = rules(TABLE, pool(), &name("wan0"));
    let rule = "ip saddr 203.0.113.0/24 oifname \"wan0\" masquerade\n";
    assert!(rules.contains(rule), "{rules}");
    for refused in ["", "a b", "wan\"", "wan*", "wan0\n", "0123456789abcdef"] {
        assert!(refused.parse::<InterfaceName>().is_err(), "{refused:?}");
    }
}
