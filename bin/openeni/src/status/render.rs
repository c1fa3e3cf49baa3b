//! A report for people, within the width of their terminal.

use std::collections::BTreeMap;

use comfy_table::Table;

use super::adapter::AdapterCounters;
use super::report::{InstanceStatus, InterfaceStatus, Report};

/// The width where nobody has one to say: that of a terminal's window unless it is changed.
pub(crate) const DEFAULT_WIDTH: usize = 80;
/// Below this no interface's id fits beside what is left of it.
const LEAST_WIDTH: usize = 40;
/// Where what belongs to an interface begins.
const INTERFACE: usize = 2;
const BELOW_INTERFACE: usize = 8;
/// Between words that belong together.
const GAP: &str = "  ";

impl Report {
    /// Lines of at most `width` characters.
    pub(crate) fn render(&self, width: usize) -> String {
        let mut page = Page {
            width: width.max(LEAST_WIDTH),
            text: format!("region {}\n", self.region),
        };
        if let Some(way) = &self.way_out {
            page.words(0, "uplink", [way.interface.clone()]);
            for problem in &way.problems {
                page.sentence(INTERFACE, problem);
            }
        }
        for instance in &self.instances {
            page.text.push('\n');
            page.instance(instance);
        }
        if !self.unattached.is_empty() {
            page.text.push_str("\nnot attached\n");
            for interface in &self.unattached {
                page.interface(interface);
            }
        }
        for (way, counters) in [
            ("host", &self.ways.uplink),
            ("services", &self.ways.services),
        ] {
            if !counters.drops.is_empty() {
                let label = format!("dropped on the way from the {way}:");
                page.text.push('\n');
                page.words(0, &label, drops(&counters.drops));
            }
        }
        for lane in self.lanes.iter().filter(|lane| lane.has_failed()) {
            let panics = format!("{} panics", lane.panics);
            let words = [
                Some(lane.state.clone()),
                Some(panics),
                lane.last_error.clone(),
            ];
            page.text.push('\n');
            page.words(
                0,
                &format!("the agent's {} lane:", lane.name),
                words.into_iter().flatten(),
            );
        }
        page.text
    }
}

struct Page {
    width: usize,
    text: String,
}

impl Page {
    fn instance(&mut self, instance: &InstanceStatus) {
        let words = [
            instance.state.to_string(),
            String::from(if instance.is_impaired { "impaired" } else { "" }),
            instance.instance_type.clone(),
            instance.name.clone().unwrap_or_default(),
        ];
        self.words(0, &instance.instance_id.to_string(), words);
        for interface in &instance.interfaces {
            self.interface(interface);
        }
    }

    fn interface(&mut self, interface: &InterfaceStatus) {
        let device = interface.device.as_deref().unwrap_or("-");
        let mut words = vec![
            interface.network_interface_id.to_string(),
            interface.mac_address.to_string(),
        ];
        words.extend(interface.belongs_to.clone());
        if let Some(counters) = &interface.counters {
            words.push(format!("in {}", counters.ingress_packets));
            words.push(format!("out {}", counters.egress_packets));
        }
        self.words(INTERFACE, &format!("{device:4}"), words);
        for pair in &interface.addresses {
            let private = pair.private_ip_address.to_string();
            let public = pair.public_ip_address.map(|address| address.to_string());
            self.words(BELOW_INTERFACE, &format!("{private:15}"), public);
        }
        for address in &interface.ipv6_addresses {
            self.words(BELOW_INTERFACE, &address.to_string(), []);
        }
        for prefix in &interface.prefixes {
            self.words(BELOW_INTERFACE, &prefix.to_string(), []);
        }
        let counters = interface.counters.as_ref();
        if let Some(counters) = counters.filter(|counters| !counters.drops.is_empty()) {
            self.words(BELOW_INTERFACE, "dropped:", drops(&counters.drops));
        }
        if let Some(adapter) = &interface.adapter {
            let heads = AdapterCounters::HEADER.into_iter().zip(adapter.cells());
            let words = heads.filter(|(_, cell)| !cell.is_empty());
            let words = words.map(|(head, cell)| format!("{} {cell}", head.to_lowercase()));
            self.words(BELOW_INTERFACE, "adapter:", words);
        }
    }

    /// A first word and what belongs to it, on as many lines as it takes.
    fn words(&mut self, indent: usize, first: &str, words: impl IntoIterator<Item = String>) {
        let mut line = format!("{:indent$}{first}", "");
        for word in words.into_iter().filter(|word| !word.is_empty()) {
            let length = line.chars().count() + GAP.len() + word.chars().count();
            if length > self.width {
                self.line(&line);
                line = " ".repeat(BELOW_INTERFACE);
            } else {
                line.push_str(GAP);
            }
            line.push_str(&word);
        }
        self.line(&line);
    }

    /// On as many lines as it takes.
    fn sentence(&mut self, indent: usize, sentence: &str) {
        let mut line = " ".repeat(indent);
        let mut gap = "";
        for word in sentence.split(' ') {
            if line.chars().count() + gap.len() + word.chars().count() > self.width {
                self.line(&line);
                line = " ".repeat(indent);
                gap = "";
            }
            line.push_str(gap);
            line.push_str(word);
            gap = " ";
        }
        self.line(&line);
    }

    /// A line, cut where one word is longer than the terminal is wide.
    fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if line.chars().count() > self.width {
            self.text.extend(line.chars().take(self.width - 1));
            self.text.push('…');
        } else {
            self.text.push_str(line);
        }
        self.text.push('\n');
    }
}

fn drops(drops: &BTreeMap<String, u64>) -> Vec<String> {
    let drops = drops.iter();
    drops
        .map(|(reason, count)| format!("{reason}={count}"))
        .collect()
}

pub(crate) fn reasons(reasons: &BTreeMap<String, u64>) -> String {
    drops(reasons).join(" ")
}

pub(crate) fn markdown<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header.into_iter().collect::<Vec<_>>());
    table
}

#[cfg(test)]
mod tests {
    use super::super::report::{AddressPair, Counters, GroupStatus, Lane, Ways};
    use super::*;

    fn interface(number: u8, private: &[&str], public: Option<&str>) -> InterfaceStatus {
        let id = format!("{number:017x}");
        let mut public = public.map(|address| address.parse().unwrap());
        let addresses: Vec<_> = private
            .iter()
            .map(|address| AddressPair {
                private_ip_address: address.parse().unwrap(),
                public_ip_address: public.take(),
            })
            .collect();
        let group_id = format!("sg-{id}").parse().unwrap();
        InterfaceStatus {
            network_interface_id: format!("eni-{id}").parse().unwrap(),
            device: Some("eth0".into()),
            status: eni_types::NetworkInterfaceStatus::InUse,
            mac_address: eni_types::MacAddress([2, 0, 0, 0, 0, number]),
            subnet_id: format!("subnet-{id}").parse().unwrap(),
            vpc_id: "vpc-00000000000000001".parse().unwrap(),
            availability_zone: "us-east-1a".into(),
            tags: [("Name".into(), format!("front-{number}"))].into(),
            belongs_to: None,
            private_ip_addresses: private.iter().map(|text| text.parse().unwrap()).collect(),
            ipv6_addresses: vec![format!("2001:db8::{number}").parse().unwrap()],
            prefixes: vec![format!("10.0.{number}.16/28").parse().unwrap()],
            public_ip_addresses: Vec::new(),
            addresses,
            security_groups: vec![GroupStatus {
                group_id,
                group_name: format!("group-{number}"),
            }],
            security_group_ids: vec![group_id],
            source_dest_check: true,
            counters: Some(Counters {
                ingress_packets: 1_234_567,
                egress_packets: 89,
                drops: [
                    ("security_group_ingress".into(), 12),
                    ("spoofed_address".into(), 3),
                    ("network_acl_egress".into(), 40_000),
                ]
                .into(),
                ..Counters::default()
            }),
            adapter: Some(AdapterCounters {
                refused: 7,
                ..AdapterCounters::default()
            }),
        }
    }

    fn report() -> Report {
        let instance = |number: u8, name: Option<&str>, interfaces| InstanceStatus {
            instance_id: format!("i-{number:017x}").parse().unwrap(),
            name: name.map(Into::into),
            interfaces,
            ..InstanceStatus::testing()
        };
        let unattached = InterfaceStatus {
            device: None,
            counters: None,
            adapter: None,
            belongs_to: Some("nat-00000000000000009".into()),
            ..interface(9, &["10.0.9.9"], None)
        };
        let two = vec![
            interface(1, &["10.0.1.5", "10.0.1.6"], Some("203.0.113.7")),
            interface(2, &["10.0.2.5"], None),
        ];
        Report {
            region: "us-east-1".into(),
            instances: vec![
                instance(1, Some("web"), two),
                instance(2, Some(&"a long name ".repeat(20)), Vec::new()),
            ],
            unattached: vec![unattached],
            ways: Ways {
                uplink: dropped("no_such_address"),
                services: dropped("stray_answer"),
            },
            lanes: vec![Lane {
                name: "tables".into(),
                state: "running".into(),
                panics: 0,
                last_error: None,
            }],
            way_out: None,
        }
    }

    fn dropped(reason: &str) -> Counters {
        Counters {
            drops: [(reason.into(), 5)].into(),
            ..Counters::default()
        }
    }

    #[test]
    fn a_report_fits_the_terminal_and_pairs_addresses() {
        for width in [LEAST_WIDTH, 60, DEFAULT_WIDTH, 200] {
            let text = report().render(width);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{text}");
            for whole in [
                "eni-00000000000000001",
                "security_group_ingress=12",
                "refused 7",
            ] {
                assert!(text.contains(whole), "{whole}: {text}");
            }
        }
        let text = report().render(DEFAULT_WIDTH);
        assert!(
            text.contains("        10.0.1.5         203.0.113.7\n        10.0.1.6\n"),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_uplink_that_is_on_is_shown_with_what_keeps_packets_from_it() {
        let mut report = report();
        report.way_out = Some(crate::uplink::WayOut {
            interface: "wan0".into(),
            problems: vec!["no packet gets out ".repeat(9).trim().into()],
        });
        let text = report.render(DEFAULT_WIDTH);
        let begin = "region us-east-1\nuplink  wan0\n  no packet gets out no packet";
        assert!(text.starts_with(begin), "{text}");
        assert_eq!(text.matches("packet").count(), 9, "{text}");
    }

    #[test]
    fn a_lane_that_has_panicked_is_shown() {
        let mut report = report();
        assert!(!report.render(DEFAULT_WIDTH).contains("the agent"));
        report.lanes[0].panics = 2;
        report.lanes[0].last_error = Some("index out of bounds".into());
        let text = report.render(DEFAULT_WIDTH);
        let line = "the agent's tables lane:  running  2 panics  index out of bounds\n";
        assert!(text.ends_with(line), "{text}");
    }

    #[test]
    fn what_is_named_is_left() {
        let left = |terms: &[&str]| -> Vec<String> {
            let terms: Vec<_> = terms.iter().map(ToString::to_string).collect();
            let report = report().only(&terms);
            let instances = report.instances.iter();
            let attached = instances.flat_map(|instance| &instance.interfaces);
            let all = attached.chain(&report.unattached);
            let mut left: Vec<_> = all
                .map(|interface| interface.tags["Name"].replace("front-", ""))
                .collect();
            left.push(format!("{} instances", report.instances.len()));
            left
        };
        for (terms, want) in [
            (&[][..], &["1", "2", "9", "2 instances"][..]),
            (&["web"], &["1", "2", "1 instances"]),
            (&["i-00000000000000001"], &["1", "2", "1 instances"]),
            (&["i-00000000000000002"], &["1 instances"]),
            (&["eni-00000000000000002"], &["2", "1 instances"]),
            (&["subnet-00000000000000009"], &["9", "0 instances"]),
            (&["vpc-00000000000000001"], &["1", "2", "9", "2 instances"]),
            (&["group-2"], &["2", "1 instances"]),
            (&["sg-00000000000000001"], &["1", "1 instances"]),
            (&["203.0.113.7"], &["1", "1 instances"]),
            (&["2001:db8::2"], &["2", "1 instances"]),
            (&["10.0.9.16/28"], &["9", "0 instances"]),
            (&["10.0.1.6", "10.0.9.9"], &["1", "9", "1 instances"]),
            (&["nothing"], &["0 instances"]),
        ] {
            assert_eq!(left(terms), want, "{terms:?}");
        }
        let terms = ["web", "nothing", "10.0.1.6", "10.0.1.66"].map(Into::into);
        assert_eq!(report().unknown(&terms), ["nothing", "10.0.1.66"]);
    }
}
