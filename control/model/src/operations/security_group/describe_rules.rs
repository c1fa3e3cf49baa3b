//! `DescribeSecurityGroupRules`.

use crate::tags::Tags;

use eni_query::{QueryError, read_id};
use eni_types::SecurityGroupId;

use crate::api::security_group::{
    DescribeSecurityGroupRules, DescribeSecurityGroupRulesResponse, SecurityGroupRuleDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::resource::SecurityGroupRule;
use crate::{Ec2Error, IdsOf, Table};

describes! {
    /// Describes the rules of security groups.
    DescribeSecurityGroupRules: security_group_rule_ids in security_group_rules, DescribeSecurityGroupRulesResponse { security_group_rule_set }
}

impl Described for SecurityGroupRule {
    type Answer = SecurityGroupRuleDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("SecurityGroupRuleIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("security-group-rule-id");

    fn describe(&self, scope: Scope<'_>) -> SecurityGroupRuleDescription {
        SecurityGroupRuleDescription::new(self, scope)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn check_filter_value(name: &str, value: &str) -> Result<(), Ec2Error> {
        match read_id::<SecurityGroupId>(value) {
            Err(error @ QueryError::MalformedId { .. }) if name == "group-id" => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        match name {
            "group-id" => Some(table.ids(&value.parse::<SecurityGroupId>().ok()?)),
            _ => None,
        }
    }
}
