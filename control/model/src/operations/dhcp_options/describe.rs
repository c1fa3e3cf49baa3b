//! `DescribeDhcpOptions`: the set that every account has, which every VPC uses.

use alloc::string::ToString;
use alloc::vec::Vec;

use eni_types::{DhcpOption, DhcpOptionsId, TypedId, quota};

use crate::api::dhcp_options::{
    DescribeDhcpOptions, DescribeDhcpOptionsResponse, DhcpConfigurationDescription,
    DhcpOptionsDescription,
};
use crate::describe::{Described, Scope, listed};
use crate::operations::attribute::AttributeValue;
use crate::operations::lookup::nothing_has;
use crate::resource::DhcpOptions;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, Operation, Planned, World};

/// Finds DHCP options sets.
impl Operation for DescribeDhcpOptions {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let ids: Vec<_> = self
            .dhcp_options_ids
            .iter()
            .map(ToString::to_string)
            .collect();
        let (dhcp_options_set, next_token) = listed(
            [DhcpOptions::default_of(context.region)].into_iter(),
            &ids,
            |set| set.dhcp_options_id.to_string(),
            no_dhcp_options,
            &self.page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribeDhcpOptionsResponse {
            dhcp_options_set,
            next_token,
        })
    }
}

/// Refuses an id that no set has.
///
/// # Errors
/// `InvalidDhcpOptionID.NotFound`.
pub(crate) fn check_known(id: &str) -> Result<(), Ec2Error> {
    if id.parse() == Ok(DhcpOptions::default_id()) {
        Ok(())
    } else {
        Err(no_dhcp_options(id))
    }
}

fn no_dhcp_options(id: &str) -> Ec2Error {
    nothing_has(id, DhcpOptionsId::ERRORS)
}

impl Described for DhcpOptions {
    type Answer = DhcpOptionsDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("DhcpOptionsIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("dhcp-options-id");

    fn describe(&self, scope: Scope<'_>) -> DhcpOptionsDescription {
        let options = self.options.iter();
        DhcpOptionsDescription {
            dhcp_options_id: self.dhcp_options_id,
            owner_id: scope.region.account_id.clone(),
            dhcp_configuration_set: options.map(DhcpConfigurationDescription::from).collect(),
            tag_set: self.tags.to_items(),
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}

impl From<&DhcpOption> for DhcpConfigurationDescription {
    fn from(option: &DhcpOption) -> Self {
        let values = option.values().into_iter();
        Self {
            key: option.key(),
            value_set: values.map(|value| AttributeValue { value }).collect(),
        }
    }
}
