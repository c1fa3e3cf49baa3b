//! `DescribeDhcpOptions`: the sets that were made, and the one that every account has.

use alloc::sync::Arc;

use eni_types::DhcpOption;

use crate::api::dhcp_options::{
    DescribeDhcpOptions, DescribeDhcpOptionsResponse, DhcpConfigurationDescription,
    DhcpOptionsDescription,
};
use crate::describe::{Described, Scope, find};
use crate::operations::attribute::AttributeValue;
use crate::resource::DhcpOptions;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Finds DHCP options sets.
impl Operation for DescribeDhcpOptions {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let mut sets = world.dhcp_options.clone();
        sets.put(Arc::new(DhcpOptions::default_of(context.region)));
        let scope = Scope::new(world, context);
        let found = find(&sets, &self.dhcp_options_ids, &self.page, scope)?;
        let described = found.rows.iter().map(|set| set.describe(scope));
        ChangeSet::none().answered(DescribeDhcpOptionsResponse {
            dhcp_options_set: described.collect(),
            next_token: found.next_token,
        })
    }
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
