//! IPv4 policy routing rules.

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::error::{gone_is_fine, there_is_fine};
use crate::{Netlink, NetlinkError};

/// `from ADDRESS lookup TABLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The source address the rule is for.
    pub source: Ipv4Addr,
    /// The table its packets are routed by.
    pub table: u32,
    /// The lowest priority is asked first.
    pub priority: u32,
}

impl Netlink {
    /// Adds `rule`. One that is there is success.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when the kernel does not take it.
    pub fn add_rule(&mut self, rule: Rule) -> Result<(), NetlinkError> {
        there_is_fine(self.request(
            RouteNetlinkMessage::NewRule(message(rule)),
            NLM_F_CREATE | NLM_F_EXCL,
            || format!("add rule from {}", rule.source),
        ))
    }

    /// Deletes `rule`. One that is gone is success.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when the kernel keeps it.
    pub fn delete_rule(&mut self, rule: Rule) -> Result<(), NetlinkError> {
        gone_is_fine(
            self.request(RouteNetlinkMessage::DelRule(message(rule)), 0, || {
                format!("delete rule from {}", rule.source)
            }),
        )
    }

    /// The IPv4 rules of the namespace that select by one source address.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn rules(&mut self) -> Result<Vec<Rule>, NetlinkError> {
        let mut request = RuleMessage::default();
        request.header.family = AddressFamily::Inet;
        let mut rules = Vec::new();
        self.dump(
            RouteNetlinkMessage::GetRule(request),
            || "list rules".to_owned(),
            |object| {
                if let RouteNetlinkMessage::NewRule(message) = object {
                    rules.extend(rule_of(&message));
                }
            },
        )?;
        Ok(rules)
    }
}

fn message(rule: Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.src_len = 32;
    message.header.action = RuleAction::ToTable;
    message.attributes = vec![
        RuleAttribute::Source(IpAddr::V4(rule.source)),
        RuleAttribute::Table(rule.table),
        RuleAttribute::Priority(rule.priority),
    ];
    message
}

fn rule_of(message: &RuleMessage) -> Option<Rule> {
    if message.header.src_len != 32 {
        return None;
    }
    let (mut source, mut table, mut priority) = (None, u32::from(message.header.table), 0);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Source(IpAddr::V4(address)) => source = Some(*address),
            RuleAttribute::Table(value) => table = *value,
            RuleAttribute::Priority(value) => priority = *value,
            _ => {}
        }
    }
    Some(Rule {
        source: source?,
        table,
        priority,
    })
}
