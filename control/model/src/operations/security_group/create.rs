//! `CreateSecurityGroup`.

use alloc::format;

use eni_types::{SecurityGroupId, TypedId, VpcId, quota};

use super::rule::{VALID_TEXTS, is_text};
use crate::api::security_group::{CreateSecurityGroup, CreateSecurityGroupResponse};
use crate::operations::vpc::contents::{allow_all, everywhere};
use crate::operations::{create, lookup};
use crate::resource::{GroupName, SecurityGroup};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Makes a security group that lets nothing in and everything out.
impl Operation for CreateSecurityGroup {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        check_text("GroupName", "name", &self.group_name)?;
        check_text("GroupDescription", "description", &self.group_description)?;
        let vpc = match self.vpc_id {
            Some(id) => world.vpcs.known(id)?,
            None => world.default_vpc().ok_or_else(lookup::no_default_vpc)?,
        };
        check_name(&self.group_name, vpc.vpc_id, world)?;
        let (count, most) = (
            world.security_groups.len(),
            quota::SECURITY_GROUPS_PER_REGION,
        );
        let code = ErrorCode::SecurityGroupLimitExceeded;
        create::check_quota(count, most, code, "security groups")?;
        let group = SecurityGroup {
            group_id: SecurityGroupId::generate(context.ids),
            group_name: self.group_name,
            description: self.group_description,
            vpc_id: vpc.vpc_id,
            tags: Tags::for_created("security-group", &self.tag_specifications)?,
        };
        let response = CreateSecurityGroupResponse {
            r#return: true,
            group_id: group.group_id,
            tag_set: group.tags.to_items_if_any(),
            security_group_arn: context.region.arn("security-group", group.group_id),
        };
        let mut changes = ChangeSet::none();
        for everywhere in everywhere(vpc) {
            changes.put(allow_all(group.group_id, true, everywhere, context.ids));
        }
        changes.put(group);
        Ok((changes, response))
    }
}

/// `noun` is what EC2 calls the parameter where it takes ASCII, but not this text.
fn check_text(parameter: &str, noun: &str, text: &str) -> Result<(), Ec2Error> {
    if text.is_empty() {
        return Err(Ec2Error::missing_parameter(parameter));
    }
    if is_text(text) {
        return Ok(());
    }
    let message = if text.is_ascii() {
        format!("Invalid security group {noun}. Valid {noun}s are {VALID_TEXTS}")
    } else {
        format!(
            "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        )
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}

fn check_name(name: &str, vpc_id: VpcId, world: &World) -> Result<(), Ec2Error> {
    let lower = name.to_lowercase();
    let (code, message) = if lower == SecurityGroup::DEFAULT_NAME {
        let message = format!("Cannot use reserved security group name: {name}");
        (ErrorCode::InvalidParameterValue, message)
    } else if lower.starts_with("sg-") {
        let message =
            format!("Invalid group name: {name}. Group names may not be in the format sg-*");
        (ErrorCode::InvalidParameterValue, message)
    } else if world.security_groups.count(&GroupName::new(vpc_id, &lower)) > 0 {
        let message = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        (ErrorCode::InvalidGroupDuplicate, message)
    } else {
        return Ok(());
    };
    Err(Ec2Error::new(code, message))
}
