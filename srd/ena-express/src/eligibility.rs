//! Which traffic may use ENA Express (EC2 User Guide, "ENA Express" and "Metrics for ENA Express").

use eni_wire::protocol;

/// Why a frame goes the ordinary way: past SRD, by the pipeline alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ordinary {
    /// One side's instance type does not support it.
    #[error("an instance type does not support ENA Express")]
    NotSupported,
    /// One side has not enabled it.
    #[error("ENA Express is not enabled at both interfaces")]
    NotEnabled,
    /// One side has not enabled it for UDP.
    #[error("ENA Express for UDP is not enabled at both interfaces")]
    UdpNotEnabled,
    /// The instances are in different Availability Zones.
    #[error("the interfaces are in different Availability Zones")]
    OtherZone,
    /// A gateway or an appliance is between them.
    #[error("the path between the interfaces leads through a middlebox")]
    NotDirect,
    /// Something else than IPv4, ARP for instance.
    #[error("the frame carries no IPv4")]
    NotIpv4,
    /// Its headers are cut off or contradict each other; the pipeline drops it.
    #[error("the frame is malformed")]
    Malformed,
    /// A group or everybody is addressed.
    #[error("the frame is not for one receiver")]
    NotUnicast,
    /// Later fragments do not tell their flow, so no fragment goes over SRD.
    #[error("the packet is a fragment")]
    Fragment,
    /// ICMP, for instance.
    #[error("the packet carries neither TCP nor UDP")]
    NotTcpOrUdp,
    /// It is over [`MAX_PACKET_BYTES`](crate::MAX_PACKET_BYTES), or over what a message of the connection holds.
    #[error("the packet is too large")]
    TooLarge,
    /// The peer has not answered yet, or does no more.
    #[error("there is no session with the peer")]
    NotConnected,
    /// [`MAX_FLOWS`](crate::MAX_FLOWS) flows are in use.
    #[error("no further flow can be told apart")]
    NoFlow,
}

impl Ordinary {
    /// Variants.
    pub const COUNT: usize = Self::NoFlow as usize + 1;

    /// Whether EC2 counts the packet as eligible nevertheless: size and resources are asked after that. What only our own
    /// rules turn away (no IPv4, a group, a fragment) does not count.
    pub const fn is_eligible(self) -> bool {
        matches!(self, Self::TooLarge | Self::NotConnected | Self::NoFlow)
    }
}

/// One interface, as far as ENA Express asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side<'a> {
    /// `EnaSrdSupported` of the instance's type.
    pub ena_srd_supported: bool,
    /// `EnaSrdEnabled` of the attachment.
    pub ena_srd_enabled: bool,
    /// `EnaSrdUdpEnabled` of the attachment.
    pub ena_srd_udp_enabled: bool,
    /// Where it is; the zone's id, because names differ between accounts.
    pub availability_zone_id: &'a str,
}

impl Side<'_> {
    /// What `ethtool -S` calls `ena_srd_mode`: 1 for ENA Express, 2 for its UDP, 3 for both. The setting for UDP is kept
    /// while ENA Express is off, hence 2; nothing uses SRD then.
    pub const fn mode(&self) -> u64 {
        self.ena_srd_enabled as u64 | (self.ena_srd_udp_enabled as u64) << 1
    }
}

/// What two interfaces may send each other over SRD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eligibility {
    pair: Result<(), Ordinary>,
    udp: bool,
}

impl Eligibility {
    /// Nothing.
    pub const NONE: Self = Self {
        pair: Err(Ordinary::NotEnabled),
        udp: false,
    };

    /// What the rules say for `local` and `peer`. `is_direct`: packets between them pass neither gateway nor appliance.
    pub fn between(local: &Side<'_>, peer: &Side<'_>, is_direct: bool) -> Self {
        let pair = if !(local.ena_srd_supported && peer.ena_srd_supported) {
            Err(Ordinary::NotSupported)
        } else if !(local.ena_srd_enabled && peer.ena_srd_enabled) {
            Err(Ordinary::NotEnabled)
        } else if local.availability_zone_id != peer.availability_zone_id {
            Err(Ordinary::OtherZone)
        } else if !is_direct {
            Err(Ordinary::NotDirect)
        } else {
            Ok(())
        };
        Self {
            pair,
            udp: local.ena_srd_udp_enabled && peer.ena_srd_udp_enabled,
        }
    }

    /// Whether packets of the IP protocol may use SRD.
    ///
    /// # Errors
    /// Why not.
    pub const fn allows(&self, ip_protocol: u8) -> Result<(), Ordinary> {
        if let Err(reason) = self.pair {
            return Err(reason);
        }
        match ip_protocol {
            protocol::TCP => Ok(()),
            protocol::UDP if self.udp => Ok(()),
            protocol::UDP => Err(Ordinary::UdpNotEnabled),
            _ => Err(Ordinary::NotTcpOrUdp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Side<'_> = Side {
        ena_srd_supported: true,
        ena_srd_enabled: true,
        ena_srd_udp_enabled: true,
        availability_zone_id: "use1-az1",
    };

    #[test]
    fn every_rule_needs_both_sides() {
        let unlike = [
            (BOTH, Ok(()), Ok(())),
            (
                Side {
                    ena_srd_udp_enabled: false,
                    ..BOTH
                },
                Ok(()),
                Err(Ordinary::UdpNotEnabled),
            ),
            (
                Side {
                    ena_srd_enabled: false,
                    ..BOTH
                },
                Err(Ordinary::NotEnabled),
                Err(Ordinary::NotEnabled),
            ),
            (
                Side {
                    ena_srd_supported: false,
                    ..BOTH
                },
                Err(Ordinary::NotSupported),
                Err(Ordinary::NotSupported),
            ),
            (
                Side {
                    availability_zone_id: "use1-az2",
                    ..BOTH
                },
                Err(Ordinary::OtherZone),
                Err(Ordinary::OtherZone),
            ),
        ];
        for (side, tcp, udp) in unlike {
            for (local, peer) in [(side, BOTH), (BOTH, side)] {
                let eligibility = Eligibility::between(&local, &peer, true);
                assert_eq!(eligibility.allows(protocol::TCP), tcp);
                assert_eq!(eligibility.allows(protocol::UDP), udp);
            }
        }
    }

    #[test]
    fn a_middlebox_and_other_protocols_keep_to_the_ordinary_way() {
        let direct = Eligibility::between(&BOTH, &BOTH, true);
        assert_eq!(direct.allows(protocol::ICMP), Err(Ordinary::NotTcpOrUdp));
        let through = Eligibility::between(&BOTH, &BOTH, false);
        assert_eq!(through.allows(protocol::TCP), Err(Ordinary::NotDirect));
    }

    #[test]
    fn the_mode_is_that_of_ethtool() {
        let mode = |ena_srd_enabled, ena_srd_udp_enabled| {
            Side {
                ena_srd_enabled,
                ena_srd_udp_enabled,
                ..BOTH
            }
            .mode()
        };
        assert_eq!(
            [
                mode(false, false),
                mode(true, false),
                mode(false, true),
                mode(true, true)
            ],
            [0, 1, 2, 3]
        );
    }
}
