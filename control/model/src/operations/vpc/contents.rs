//! What a VPC has from the start.

use alloc::vec;
use alloc::vec::Vec;
use core::iter;

use eni_types::{
    IdSequence, IpCidr, Ipv4Cidr, Ipv6Cidr, NetworkAclId, RouteTableAssociationId, RouteTableId,
    SecurityGroupId, SecurityGroupRuleId, TypedId,
};

use crate::resource::{
    IpProtocol, NetworkAcl, NetworkAclEntry, Route, RouteOrigin, RouteTable, RouteTableAssociation,
    RouteTarget, RuleAction, RulePeer, SecurityGroup, SecurityGroupRule, Vpc,
};
use crate::tags::Tags;
use crate::{ChangeSet, Resource};

/// The rule numbers that EC2 gives the rules of a default network ACL, of IPv4 and of IPv6.
const DEFAULT_RULE_NUMBERS: [u16; 2] = [100, 101];

/// A VPC with what EC2 makes along with it and takes away with it.
pub(crate) struct VpcContents {
    pub(crate) vpc: Vpc,
    pub(crate) main_route_table: RouteTable,
    pub(crate) default_network_acl: NetworkAcl,
    pub(crate) default_security_group: SecurityGroup,
    pub(crate) default_security_group_rules: Vec<SecurityGroupRule>,
}

impl VpcContents {
    pub(crate) fn new(vpc: Vpc, ids: &mut IdSequence) -> Self {
        let mut main_route_table = route_table(&vpc, Tags::default(), ids);
        main_route_table.associations.push(RouteTableAssociation {
            association_id: RouteTableAssociationId::generate(ids),
            subnet_id: None,
            gateway_id: None,
        });
        let default_security_group = SecurityGroup {
            group_id: SecurityGroupId::generate(ids),
            group_name: SecurityGroup::DEFAULT_NAME.into(),
            description: "default VPC security group".into(),
            vpc_id: vpc.vpc_id,
            tags: Tags::default(),
        };
        let own = RulePeer::SecurityGroup(default_security_group.group_id);
        let group_id = default_security_group.group_id;
        let mut default_security_group_rules = vec![allow_all(group_id, false, own, ids)];
        for everywhere in everywhere(&vpc) {
            default_security_group_rules.push(allow_all(group_id, true, everywhere, ids));
        }
        let families = [
            Some(IpCidr::V4(Ipv4Cidr::ANY)),
            vpc.has_ipv6().then_some(IpCidr::V6(Ipv6Cidr::ANY)),
        ];
        let entries = families
            .into_iter()
            .flatten()
            .flat_map(|everyone| [false, true].map(|egress| allow_everything(egress, everyone)));
        let default_network_acl = NetworkAcl {
            network_acl_id: NetworkAclId::generate(ids),
            vpc_id: vpc.vpc_id,
            is_default: true,
            entries: entries.collect(),
            associations: Vec::new(),
            tags: Tags::default(),
        };
        Self {
            vpc,
            main_route_table,
            default_network_acl,
            default_security_group,
            default_security_group_rules,
        }
    }

    pub(crate) fn into_changes(self) -> ChangeSet {
        let mut changes = ChangeSet::none();
        changes.put(self.vpc);
        changes.put(self.main_route_table);
        changes.put(self.default_network_acl);
        changes.put(self.default_security_group);
        for rule in self.default_security_group_rules {
            changes.put(Resource::from(rule));
        }
        changes
    }
}

/// A route table that nothing uses yet, with the local routes that every one has.
pub(crate) fn route_table(vpc: &Vpc, tags: Tags, ids: &mut IdSequence) -> RouteTable {
    RouteTable {
        route_table_id: RouteTableId::generate(ids),
        vpc_id: vpc.vpc_id,
        routes: vpc.blocks().map(local_route).collect(),
        associations: Vec::new(),
        tags,
    }
}

/// The route to one of the VPC's own blocks.
pub(crate) fn local_route(destination: IpCidr) -> Route {
    Route {
        destination,
        target: RouteTarget::Local,
        origin: RouteOrigin::CreateRouteTable,
    }
}

/// The rule that lets everything of one direction pass.
pub(crate) fn allow_all(
    group_id: SecurityGroupId,
    is_egress: bool,
    peer: RulePeer,
    ids: &mut IdSequence,
) -> SecurityGroupRule {
    SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::generate(ids),
        group_id,
        is_egress,
        ip_protocol: IpProtocol::All,
        from_port: -1,
        to_port: -1,
        peer,
        peering: None,
        description: None,
        tags: Tags::default(),
    }
}

/// Where the groups of a VPC let everything go from the start.
pub(crate) fn everywhere(vpc: &Vpc) -> impl Iterator<Item = RulePeer> + use<> {
    let ipv6 = vpc.has_ipv6().then_some(RulePeer::CidrIpv6(Ipv6Cidr::ANY));
    iter::once(RulePeer::CidrIpv4(Ipv4Cidr::ANY)).chain(ipv6)
}

/// The rule of a default network ACL for one direction and family.
pub(crate) fn allow_everything(egress: bool, everyone: IpCidr) -> NetworkAclEntry {
    let [ipv4, ipv6] = DEFAULT_RULE_NUMBERS;
    NetworkAclEntry {
        rule_number: everyone.ipv4().map_or(ipv6, |_| ipv4),
        egress,
        protocol: IpProtocol::All,
        rule_action: RuleAction::Allow,
        cidr_block: everyone,
        port_range: None,
        icmp_type_code: None,
    }
}
