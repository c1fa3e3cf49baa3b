//! `DescribeDhcpOptions`: the set that every account has, which every VPC uses.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use eni_types::quota;

use crate::api::dhcp_options::{
    DescribeDhcpOptions, DescribeDhcpOptionsResponse, DhcpConfigurationDescription,
    DhcpOptionsDescription,
};
use crate::describe::listed;
use crate::describe::{Described, Scope};
use crate::operations::attribute::AttributeValue;
use crate::{
    ChangeSet, Context, Ec2Error, ErrorCode, ItemSet, Operation, Planned, RegionSettings, World,
};

/// The DHCP options set that every account has and every VPC uses until told otherwise.
pub(crate) const DEFAULT_DHCP_OPTIONS_ID: &str = "dopt-0d0e5ca7109b3f62a";

impl DhcpOptionsDescription {
    /// The default set, as EC2 makes it: the names that the region's instances have, and Amazon's own name server.
    fn default_of(region: &RegionSettings) -> Self {
        let configuration = |key, value| DhcpConfigurationDescription {
            key,
            value_set: vec![AttributeValue { value }].into(),
        };
        Self {
            dhcp_options_id: DEFAULT_DHCP_OPTIONS_ID,
            owner_id: region.account_id.clone(),
            dhcp_configuration_set: vec![
                configuration("domain-name", region.private_domain()),
                configuration("domain-name-servers", "AmazonProvidedDNS".into()),
            ]
            .into(),
            tag_set: ItemSet::default(),
        }
    }
}

/// Finds DHCP options sets.
impl Operation for DescribeDhcpOptions {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (dhcp_options_set, next_token) = listed(
            [DhcpOptionsDescription::default_of(context.region)].into_iter(),
            &self.dhcp_options_ids,
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
    if id == DEFAULT_DHCP_OPTIONS_ID {
        Ok(())
    } else {
        Err(no_dhcp_options(id))
    }
}

fn no_dhcp_options(id: &str) -> Ec2Error {
    let message = format!("The dhcpOption ID '{id}' does not exist");
    Ec2Error::new(ErrorCode::of_id("InvalidDhcpOptionID.NotFound"), message)
}

impl Described for DhcpOptionsDescription {
    type Answer = Self;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("DhcpOptionsIds", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> Self {
        self.clone()
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        _scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        let configurations = &self.dhcp_configuration_set.items;
        match name {
            "dhcp-options-id" => give(self.dhcp_options_id.into()),
            "key" => configurations.iter().for_each(|one| give(one.key.into())),
            "owner-id" => give(self.owner_id.as_str().into()),
            _ => configurations
                .iter()
                .flat_map(|one| &one.value_set.items)
                .for_each(|one| give(one.value.as_str().into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestWorld;

    #[test]
    fn the_set_that_a_vpc_names_can_be_described() {
        let mut region = TestWorld::bootstrapped();
        let vpcs = region.must("DescribeVpcs", &[]);
        let id = vpcs["vpcSet"]["item"][0]["dhcpOptionsId"].as_str().unwrap();
        let answer = region.must("DescribeDhcpOptions", &[("DhcpOptionsId.1", id)]);
        assert_eq!(
            answer["dhcpOptionsSet"]["item"],
            json!([{
                "dhcpOptionsId": id,
                "ownerId": "123456789012",
                "dhcpConfigurationSet": {"item": [
                    {"key": "domain-name", "valueSet": {"item": [{"value": "ec2.internal"}]}},
                    {"key": "domain-name-servers", "valueSet": {"item": [{"value": "AmazonProvidedDNS"}]}},
                ]},
                "tagSet": {"item": []},
            }])
        );
        region.region.region = "eu-west-1".into();
        for (name, value, found) in [
            ("key", "domain-name", true),
            ("value", "eu-west-1.compute.internal", true),
            ("value", "ec2.internal", false),
            ("dhcp-options-id", "dopt-*", true),
        ] {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
            let answer = region.must("DescribeDhcpOptions", &filter);
            let ids = TestWorld::texts(&answer, "/dhcpOptionsSet", "/dhcpOptionsId");
            assert_eq!(!ids.is_empty(), found, "{name}={value}");
        }
        assert_eq!(
            region.refused(
                "DescribeDhcpOptions",
                &[("DhcpOptionsId.1", "dopt-0123456789abcdef0")]
            ),
            "InvalidDhcpOptionID.NotFound: The dhcpOption ID 'dopt-0123456789abcdef0' does not exist"
        );
    }
}
