//! The ports of security group rules.

use alloc::format;
use alloc::string::String;

use crate::resource::IpProtocol;
use crate::{Ec2Error, ErrorCode};

/// The largest port number.
const LAST_PORT: i32 = 65_535;
/// Stands for all ports, ICMP types or codes.
const ALL: i32 = -1;

/// A protocol with the ports, or the ICMP type and code, that a rule allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProtocolPorts {
    pub(crate) protocol: IpProtocol,
    /// First port or ICMP type.
    pub(crate) from_port: i32,
    /// Last port or ICMP code.
    pub(crate) to_port: i32,
}

impl ProtocolPorts {
    /// Reads what a rule names.
    ///
    /// # Errors
    /// `InvalidParameterValue` for no or an unknown protocol, or ports it does not have.
    pub(crate) fn new(
        protocol: Option<&str>,
        from_port: Option<i32>,
        to_port: Option<i32>,
    ) -> Result<Self, Ec2Error> {
        let protocol = protocol.ok_or_else(|| {
            invalid("Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.")
        })?;
        let protocol: IpProtocol = protocol.parse().map_err(|_| {
            invalid(format!(
                "Invalid value '{protocol}' for IP protocol. Unknown protocol."
            ))
        })?;
        let (from_port, to_port) = if protocol.has_ports() {
            check_ports(from_port, to_port)?
        } else if has_types(protocol) {
            check_types(from_port.unwrap_or(ALL), to_port.unwrap_or(ALL))?
        } else {
            // EC2 allows all ports of other protocols, whatever is given.
            (ALL, ALL)
        };
        Ok(Self {
            protocol,
            from_port,
            to_port,
        })
    }

    /// The ports as permissions show them: not at all where the protocol has none.
    pub(crate) fn shown_ports(self) -> Option<(i32, i32)> {
        (self.protocol.has_ports() || has_types(self.protocol))
            .then_some((self.from_port, self.to_port))
    }
}

/// Whether a type and a code stand in the places of the ports.
fn has_types(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::ICMP | IpProtocol::ICMPV6)
}

fn check_ports(from: Option<i32>, to: Option<i32>) -> Result<(i32, i32), Ec2Error> {
    let (Some(from), Some(to)) = (from, to) else {
        return Err(invalid(
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        ));
    };
    if let Some(port) = [from, to]
        .iter()
        .find(|port| !(0..=LAST_PORT).contains(*port))
    {
        return Err(invalid(format!("TCP/UDP port ({port}) out of range")));
    }
    if from > to {
        return Err(invalid(format!("Invalid TCP/UDP port range ({from}:{to})")));
    }
    Ok((from, to))
}

fn check_types(icmp_type: i32, code: i32) -> Result<(i32, i32), Ec2Error> {
    let known = -1..=255;
    if !known.contains(&icmp_type) || (icmp_type == ALL && code != ALL) {
        return Err(invalid(format!("ICMP type ({icmp_type}) out of range")));
    }
    if !known.contains(&code) {
        return Err(invalid(format!("ICMP code ({code}) out of range")));
    }
    Ok((icmp_type, code))
}

fn invalid(message: impl Into<String>) -> Ec2Error {
    ErrorCode::InvalidParameterValue.with(message)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_protocol_is_spelled_by_its_name_however_it_was_given() {
        for (given, ports, want) in [
            ("tcp", Some((80, 443)), ("tcp", Some((80, 443)))),
            ("6", Some((0, 65_535)), ("tcp", Some((0, 65_535)))),
            ("UDP", Some((53, 53)), ("udp", Some((53, 53)))),
            ("icmp", None, ("icmp", Some((-1, -1)))),
            ("1", Some((8, -1)), ("icmp", Some((8, -1)))),
            ("58", Some((128, 0)), ("icmpv6", Some((128, 0)))),
            ("-1", Some((80, 80)), ("-1", None)),
            ("50", Some((80, 80)), ("50", None)),
        ] {
            let (from, to) = ports.unzip();
            let read = ProtocolPorts::new(Some(given), from, to).unwrap();
            assert_eq!(
                (read.protocol.to_string().as_str(), read.shown_ports()),
                want,
                "{given}"
            );
        }
    }

    #[test]
    fn ports_and_types_out_of_range_are_refused() {
        for (protocol, from, to, error) in [
            (
                "http",
                Some(80),
                Some(80),
                "Invalid value 'http' for IP protocol. Unknown protocol.",
            ),
            (
                "256",
                None,
                None,
                "Invalid value '256' for IP protocol. Unknown protocol.",
            ),
            (
                "+6",
                Some(80),
                Some(80),
                "Invalid value '+6' for IP protocol. Unknown protocol.",
            ),
            (
                "tcp",
                Some(80),
                None,
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
            ),
            ("tcp", Some(-1), Some(80), "TCP/UDP port (-1) out of range"),
            (
                "udp",
                Some(80),
                Some(65_536),
                "TCP/UDP port (65536) out of range",
            ),
            (
                "tcp",
                Some(81),
                Some(80),
                "Invalid TCP/UDP port range (81:80)",
            ),
            ("icmp", Some(256), Some(0), "ICMP type (256) out of range"),
            ("icmp", Some(-1), Some(0), "ICMP type (-1) out of range"),
            ("icmp", Some(8), Some(-2), "ICMP code (-2) out of range"),
        ] {
            let refused = ProtocolPorts::new(Some(protocol), from, to).unwrap_err();
            assert_eq!(
                (refused.code, refused.message.as_str()),
                (ErrorCode::InvalidParameterValue, error)
            );
        }
    }
}
