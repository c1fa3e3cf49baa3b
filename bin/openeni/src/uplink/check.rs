//! Whether packets get out by a way that is on, from what the machine says: no I/O.

use std::fmt;
use std::io;

use eni_agent::UPLINK_NAME;

use super::plan::InterfaceName;

/// What the kernel says of a packet's way.
#[derive(Debug)]
pub(super) enum Way {
    /// It leaves by the device of this name.
    By(String),
    /// It goes nowhere.
    Refused(io::Error),
}

/// What the machine says.
#[derive(Debug)]
pub(super) struct Facts {
    /// Whether the region's table is there.
    pub(super) has_table: bool,
    /// Whether the host forwards IPv4.
    pub(super) forwards: bool,
    /// Whether the region's device is there, as while it runs.
    pub(super) has_region: bool,
    /// Whether the uplink's interface is up, and somebody is at its other end; none if it is gone.
    pub(super) uplink: Option<(bool, bool)>,
    /// Where a guest's packet to the internet leaves; none where nobody can tell.
    pub(super) out: Option<Way>,
    /// Where the answer to it goes that comes in by the uplink's interface.
    pub(super) back: Option<Way>,
}

/// Why packets do not get out although the way is on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NoTable,
    NotForwarding,
    NoRegion,
    NoInterface(InterfaceName),
    Down(InterfaceName),
    NobodyThere(InterfaceName),
    NoWayOut(String),
    OtherWay {
        interface: InterfaceName,
        by: String,
    },
    /// The host has no way to the internet, but perhaps to a network of the interface's.
    NoInternet(InterfaceName),
    NoWayBack {
        interface: InterfaceName,
        said: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => write!(
                formatter,
                "its table of nftables is gone: `openeni uplink on` makes it anew"
            ),
            Self::NotForwarding => write!(
                formatter,
                "the host does not forward IPv4 any more: `openeni uplink on` has it do so"
            ),
            Self::NoRegion => write!(
                formatter,
                "{UPLINK_NAME} is not there: the region does not run"
            ),
            Self::NoInterface(name) => write!(
                formatter,
                "there is no interface {name} any more: `openeni uplink on INTERFACE` moves the uplink"
            ),
            Self::Down(name) => write!(formatter, "{name} is down: `ip link set {name} up`"),
            Self::NobodyThere(name) => write!(
                formatter,
                "{name} has no carrier: nothing is at its other end"
            ),
            Self::NoWayOut(said) => write!(
                formatter,
                "what comes from instances goes nowhere: the host's routes or its settings say: {said} (`ip route get 198.41.0.4 \
                 from ADDRESS iif {UPLINK_NAME}`)"
            ),
            Self::OtherWay { interface, by } => write!(
                formatter,
                "the host's way to the internet is by {by}: by {interface} instances reach only what has a route by it"
            ),
            Self::NoInternet(interface) => write!(
                formatter,
                "the host has no route to the internet: by {interface} instances reach only what has a route by it"
            ),
            Self::NoWayBack { interface, said } => write!(
                formatter,
                "what comes back by {interface} goes nowhere: {said} (net.ipv4.conf.{interface}.forwarding, .rp_filter)"
            ),
        }
    }
}

/// Why packets do not get out by `interface`, the plainest reason first; nothing if they do, as far as can be told.
pub(super) fn problems(interface: &InterfaceName, facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !facts.has_table {
        problems.push(Problem::NoTable);
    }
    if !facts.forwards {
        problems.push(Problem::NotForwarding);
    }
    if !facts.has_region {
        problems.push(Problem::NoRegion);
    }
    match facts.uplink {
        None => problems.push(Problem::NoInterface(interface.clone())),
        Some((false, _)) => problems.push(Problem::Down(interface.clone())),
        Some((true, false)) => problems.push(Problem::NobodyThere(interface.clone())),
        Some((true, true)) => {}
    }
    // What the kernel says of ways follows from these.
    if problems.iter().any(|problem| *problem != Problem::NoTable) {
        return problems;
    }
    match &facts.out {
        Some(Way::Refused(error)) if error.kind() == io::ErrorKind::NetworkUnreachable => {
            problems.push(Problem::NoInternet(interface.clone()));
        }
        Some(Way::Refused(error)) => problems.push(Problem::NoWayOut(error.to_string())),
        Some(Way::By(by)) if by != interface.as_str() => problems.push(Problem::OtherWay {
            interface: interface.clone(),
            by: by.clone(),
        }),
        // A host that asks whether the way to a sender is the way it came (rp_filter) takes no answers by another.
        _ => {
            if let Some(Way::Refused(error)) = &facts.back {
                problems.push(Problem::NoWayBack {
                    interface: interface.clone(),
                    said: error.to_string(),
                });
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Facts {
        Facts {
            has_table: true,
            forwards: true,
            has_region: true,
            uplink: Some((true, true)),
            out: Some(Way::By("wan0".into())),
            back: Some(Way::By(UPLINK_NAME.into())),
        }
    }

    fn refused() -> Option<Way> {
        Some(Way::Refused(io::ErrorKind::HostUnreachable.into()))
    }

    fn said(facts: &Facts) -> Vec<String> {
        let problems = problems(&"wan0".parse().unwrap(), facts);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_keeps_packets_from_getting_out_is_told_once() {
        assert_eq!(said(&well()), [""; 0]);
        type Case = (fn(&mut Facts), &'static str);
        let cases: [Case; 10] = [
            (
                |facts| facts.has_table = false,
                "its table of nftables is gone",
            ),
            (|facts| facts.forwards = false, "does not forward"),
            (|facts| facts.has_region = false, "is not there"),
            (|facts| facts.uplink = None, "no interface wan0"),
            (|facts| facts.uplink = Some((false, false)), "wan0 is down"),
            (|facts| facts.uplink = Some((true, false)), "no carrier"),
            (|facts| facts.out = refused(), "goes nowhere"),
            (
                |facts| {
                    let none = io::ErrorKind::NetworkUnreachable.into();
                    facts.out = Some(Way::Refused(none));
                },
                "no route to the internet: by wan0",
            ),
            (
                |facts| facts.out = Some(Way::By("lan0".into())),
                "is by lan0",
            ),
            (|facts| facts.back = refused(), "comes back by wan0"),
        ];
        for (change, expected) in cases {
            let mut facts = well();
            change(&mut facts);
            let said = said(&facts);
            assert!(said.len() == 1 && said[0].contains(expected), "{said:?}");
        }
    }

    #[test]
    fn what_follows_from_another_reason_is_not_told() {
        let mut facts = well();
        (facts.forwards, facts.out, facts.back) = (false, refused(), refused());
        assert_eq!(said(&facts).len(), 1);
        facts.forwards = true;
        assert_eq!(said(&facts).len(), 1, "the way out before the way back");
    }
}
