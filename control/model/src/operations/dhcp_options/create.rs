//! `CreateDhcpOptions`.

use alloc::collections::BTreeSet;
use alloc::format;

use eni_types::{DhcpOption, DhcpOptionsId, TypedId, quota};

use crate::api::dhcp_options::{CreateDhcpOptions, CreateDhcpOptionsResponse};
use crate::operations::create::{check_quota, create};
use crate::resource::DhcpOptions;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Makes a set of DHCP options that no VPC uses yet.
impl Operation for CreateDhcpOptions {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        if self.dhcp_configurations.is_empty() {
            return Err(Ec2Error::missing_parameter("dhcpConfigurations"));
        }
        let mut keys = BTreeSet::new();
        let mut named = self.dhcp_configurations.iter().map(|given| &*given.key);
        if let Some(key) = named.find(|key| !keys.insert(*key)) {
            let message = format!("The DHCP option '{key}' must not be specified more than once.");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let make = |context: &mut Context<'_>| {
            let (count, most) = (world.dhcp_options.len(), quota::DHCP_OPTIONS_PER_REGION);
            let code = ErrorCode::DhcpOptionsLimitExceeded;
            check_quota(count, most, code, "DHCP options sets")?;
            let options = self.dhcp_configurations.iter().map(|given| {
                let option = DhcpOption::parse(&given.key, &given.values);
                option.map_err(|reason| ErrorCode::InvalidParameterValue.with(format!("{reason}")))
            });
            let set = DhcpOptions {
                dhcp_options_id: DhcpOptionsId::generate(context.ids),
                options: options.collect::<Result<_, _>>()?,
                tags: Tags::for_created("dhcp-options", &self.tag_specifications)?,
            };
            Ok((set, ChangeSet::none()))
        };
        let answer = |dhcp_options| CreateDhcpOptionsResponse { dhcp_options };
        create::<Self, _>(&world.dhcp_options, None, world, context, make, answer)
    }
}
