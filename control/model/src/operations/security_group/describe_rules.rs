//! `DescribeSecurityGroupRules`.

use alloc::borrow::Cow;
use alloc::string::ToString;

use eni_query::{QueryError, read_id};
use eni_types::SecurityGroupId;

use crate::api::security_group::{
    DescribeSecurityGroupRules, DescribeSecurityGroupRulesResponse, SecurityGroupRuleDescription,
};
use crate::describe::{Described, Scope, answer};
use crate::operations::lookup;
use crate::resource::SecurityGroupRule;
use crate::{ChangeSet, Context, Ec2Error, IndexKey, Operation, Planned, World};

/// Describes the rules of security groups.
impl Operation for DescribeSecurityGroupRules {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (security_group_rule_set, next_token) = answer(
            &world.security_group_rules,
            &self.security_group_rule_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_security_group_rule,
            SecurityGroupRuleDescription::new,
        )?;
        let response = DescribeSecurityGroupRulesResponse {
            security_group_rule_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Described for SecurityGroupRule {
    const FILTERS: &'static [&'static str] = &["group-id", "security-group-rule-id"];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("SecurityGroupRuleIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("security-group-rule-id");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        _scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        give(match name {
            "group-id" => self.group_id.to_string().into(),
            _ => self.security_group_rule_id.to_string().into(),
        });
    }

    fn check_filter_value(name: &str, value: &str) -> Result<(), Ec2Error> {
        match read_id::<SecurityGroupId>(value) {
            Err(error @ QueryError::MalformedId { .. }) if name == "group-id" => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn index_key(name: &str, value: &str) -> Option<IndexKey> {
        match name {
            "group-id" => Some(IndexKey::SecurityGroup(value.parse().ok()?)),
            _ => None,
        }
    }
}
