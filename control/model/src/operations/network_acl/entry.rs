//! `CreateNetworkAclEntry`, `ReplaceNetworkAclEntry` and `DeleteNetworkAclEntry`.

use alloc::format;

use eni_types::{IpCidr, quota};

use super::describe::LAST_RULE_NUMBER;
use crate::api::network_acl::{
    CreateNetworkAclEntry, DeleteNetworkAclEntry, NetworkAclEntryParameters, ReplaceNetworkAclEntry,
};
use crate::resource::{
    IcmpTypeCode, IpProtocol, NetworkAcl, NetworkAclEntry, PortRange, RuleAction,
};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

impl NetworkAclEntryParameters {
    fn read(&self) -> Result<NetworkAclEntry, Ec2Error> {
        let rule_number = rule_number(self.rule_number)?;
        let protocol: IpProtocol = self
            .protocol
            .parse()
            .map_err(|_| invalid("protocol", &self.protocol, "Unknown protocol."))?;
        let rule_action = match self.rule_action.as_str() {
            "allow" => RuleAction::Allow,
            "deny" => RuleAction::Deny,
            other => return Err(invalid("ruleAction", other, "Expected 'allow' or 'deny'.")),
        };
        let cidr_block = self.block()?;
        let has_types = match protocol {
            IpProtocol::ICMP => true,
            IpProtocol::ICMPV6 => cidr_block.ipv6().is_some(),
            _ => false,
        };
        Ok(NetworkAclEntry {
            rule_number,
            egress: self.egress,
            protocol,
            rule_action,
            cidr_block,
            port_range: if protocol.has_ports() {
                Some(self.ports()?)
            } else {
                None
            },
            icmp_type_code: if has_types { Some(self.icmp()?) } else { None },
        })
    }

    fn block(&self) -> Result<IpCidr, Ec2Error> {
        match (self.cidr_block, self.ipv6_cidr_block) {
            (Some(block), None) => Ok(IpCidr::V4(block)),
            (None, Some(block)) => Ok(IpCidr::V6(block)),
            (None, None) => Err(Ec2Error::missing_parameter("cidrBlock")),
            (Some(_), Some(_)) => {
                let message =
                    "The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
        }
    }

    fn ports(&self) -> Result<PortRange, Ec2Error> {
        let given = self
            .port_range
            .ok_or_else(|| Ec2Error::missing_parameter("portRange"))?;
        match (u16::try_from(given.from), u16::try_from(given.to)) {
            (Ok(from), Ok(to)) if from <= to => Ok(PortRange { from, to }),
            _ => {
                let value = format!("{}-{}", given.from, given.to);
                Err(invalid(
                    "portRange",
                    &value,
                    "Ports are 0 to 65535, the first not above the last.",
                ))
            }
        }
    }

    fn icmp(&self) -> Result<IcmpTypeCode, Ec2Error> {
        let given = self
            .icmp
            .ok_or_else(|| Ec2Error::missing_parameter("icmpTypeCode"))?;
        let octet = |number: i32| {
            i16::try_from(number)
                .ok()
                .filter(|number| (-1..=255).contains(number))
        };
        match (octet(given.icmp_type), octet(given.code)) {
            (Some(icmp_type), Some(code)) => Ok(IcmpTypeCode { icmp_type, code }),
            _ => {
                let value = format!("{},{}", given.icmp_type, given.code);
                Err(invalid(
                    "icmpTypeCode",
                    &value,
                    "Type and code are -1 to 255.",
                ))
            }
        }
    }
}

/// Adds an entry to a network ACL.
impl Operation for CreateNetworkAclEntry {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut acl = NetworkAcl::clone(world.network_acls.known(self.network_acl_id)?);
        let entry = self.entry.read()?;
        if place(&acl, entry.egress, entry.rule_number).is_some() {
            let message = format!(
                "The network acl entry identified by {} already exists.",
                entry.rule_number
            );
            return Err(ErrorCode::NetworkAclEntryAlreadyExists.with(message));
        }
        let same_direction = acl
            .entries
            .iter()
            .filter(|other| other.egress == entry.egress);
        if same_direction.count() >= quota::RULES_PER_NETWORK_ACL {
            let message = "The maximum number of network acl entries has been reached.";
            return Err(ErrorCode::NetworkAclEntryLimitExceeded.with(message));
        }
        acl.entries.push(entry);
        Ok((ChangeSet::putting(acl), ReturnTrue::default()))
    }
}

/// Replaces the entry of the same direction and number.
impl Operation for ReplaceNetworkAclEntry {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut acl = NetworkAcl::clone(world.network_acls.known(self.network_acl_id)?);
        let entry = self.entry.read()?;
        let place = place(&acl, entry.egress, entry.rule_number)
            .ok_or_else(|| no_entry(entry.rule_number))?;
        acl.entries[place] = entry;
        Ok((ChangeSet::putting(acl), ReturnTrue::default()))
    }
}

/// Takes an entry out of a network ACL.
impl Operation for DeleteNetworkAclEntry {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut acl = NetworkAcl::clone(world.network_acls.known(self.network_acl_id)?);
        let number = rule_number(self.rule_number)?;
        let place = place(&acl, self.egress, number).ok_or_else(|| no_entry(number))?;
        acl.entries.remove(place);
        Ok((ChangeSet::putting(acl), ReturnTrue::default()))
    }
}

fn place(acl: &NetworkAcl, egress: bool, rule_number: u16) -> Option<usize> {
    acl.entries
        .iter()
        .position(|entry| (entry.egress, entry.rule_number) == (egress, rule_number))
}

fn rule_number(given: i32) -> Result<u16, Ec2Error> {
    u16::try_from(given)
        .ok()
        .filter(|number| (1..LAST_RULE_NUMBER).contains(number))
        .ok_or_else(|| {
            invalid(
                "ruleNumber",
                &format!("{given}"),
                "Rules are numbered 1 to 32766.",
            )
        })
}

fn no_entry(rule_number: u16) -> Ec2Error {
    let message = format!("The network acl entry identified by {rule_number} does not exist.");
    ErrorCode::InvalidNetworkAclEntryNotFound.with(message)
}

fn invalid(parameter: &str, value: &str, reason: &str) -> Ec2Error {
    let message = format!("Value ({value}) for parameter {parameter} is invalid. {reason}");
    ErrorCode::InvalidParameterValue.with(message)
}
