//! Policy routing rules.

use eni_types::IpCidr;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};

use crate::error::{gone_is_fine, whether_new};
use crate::{FAMILIES, Netlink, NetlinkError, block_around, family_of, first_of};

/// `from SOURCE lookup TABLE`, and what else narrows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The source addresses the rule is for.
    pub source: IpCidr,
    /// The destinations the rule is for; all if none.
    pub destination: Option<IpCidr>,
    /// The name of the device that packets come in by; any, and what the machine sends itself, if none.
    pub incoming: Option<String>,
    /// The table their packets are routed by.
    pub table: u32,
    /// Routes by devices of this group are passed over (`suppress_ifgroup`): the next rule is asked.
    pub except_group: Option<u32>,
    /// The lowest priority is asked first; of equal ones, the one added first.
    pub priority: u32,
}

impl Netlink {
    /// Adds `rule`; false if it is there already.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when the kernel does not take it.
    pub fn add_rule(&mut self, rule: &Rule) -> Result<bool, NetlinkError> {
        whether_new(self.request(
            RouteNetlinkMessage::NewRule(message(rule)),
            NLM_F_CREATE | NLM_F_EXCL,
            || format!("add rule from {}", rule.source),
        ))
    }

    /// Deletes `rule`. One that is gone is success.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when the kernel keeps it.
    pub fn delete_rule(&mut self, rule: &Rule) -> Result<(), NetlinkError> {
        gone_is_fine(
            self.request(RouteNetlinkMessage::DelRule(message(rule)), 0, || {
                format!("delete rule from {}", rule.source)
            }),
        )
    }

    /// The rules of the namespace that select by source address and lead to a table.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn rules(&mut self) -> Result<Vec<Rule>, NetlinkError> {
        let mut rules = Vec::new();
        for family in FAMILIES {
            let mut request = RuleMessage::default();
            request.header.family = family;
            self.dump(
                RouteNetlinkMessage::GetRule(request),
                || "list rules".to_owned(),
                |object| {
                    if let RouteNetlinkMessage::NewRule(message) = object {
                        rules.extend(rule_of(&message));
                    }
                },
            )?;
        }
        Ok(rules)
    }
}

fn message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family_of(first_of(rule.source));
    message.header.src_len = rule.source.prefix_length();
    message.header.action = RuleAction::ToTable;
    message.attributes = vec![
        RuleAttribute::Source(first_of(rule.source)),
        RuleAttribute::Table(rule.table),
        RuleAttribute::Priority(rule.priority),
    ];
    if let Some(destination) = rule.destination {
        message.header.dst_len = destination.prefix_length();
        let network = first_of(destination);
        message.attributes.push(RuleAttribute::Destination(network));
    }
    let incoming = rule.incoming.clone().map(RuleAttribute::Iifname);
    message.attributes.extend(incoming);
    let group = rule.except_group.map(RuleAttribute::SuppressIfGroup);
    message.attributes.extend(group);
    message
}

fn rule_of(message: &RuleMessage) -> Option<Rule> {
    let header = &message.header;
    let (mut source, mut destination) = (None, None);
    let (mut table, mut priority) = (u32::from(header.table), 0);
    let (mut incoming, mut except_group) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Source(address) => source = block_around(*address, header.src_len),
            RuleAttribute::Destination(address) => {
                destination = block_around(*address, header.dst_len);
            }
            RuleAttribute::Table(value) => table = *value,
            RuleAttribute::Priority(value) => priority = *value,
            RuleAttribute::Iifname(name) => incoming = Some(name.clone()),
            // -1 stands for none.
            RuleAttribute::SuppressIfGroup(group) if *group != u32::MAX => {
                except_group = Some(*group);
            }
            _ => {}
        }
    }
    Some(Rule {
        source: source?,
        destination,
        incoming,
        table,
        except_group,
        priority,
    })
}
