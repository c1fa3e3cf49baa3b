//! How instance metadata is served: of an instance, and of those that are launched.

use alloc::format;
use alloc::string::String;

use super::modify_attribute;
use super::settings::check_choice;
use crate::api::account_setting::{
    GetInstanceMetadataDefaults, GetInstanceMetadataDefaultsResponse, MetadataDefaultsDescription,
    ModifyInstanceMetadataDefaults,
};
use crate::api::instance::{
    MetadataOptionsDescription, MetadataOptionsParameter, ModifyInstanceMetadataOptions,
    ModifyInstanceMetadataOptionsResponse, RunInstances,
};
use crate::instance_types::InstanceType;
use crate::operations::account_setting::MANAGED_BY;
use crate::resource::{AccountId, Instance, MetadataDefaults, MetadataOptions};
use crate::tags::Tags;
use crate::{
    ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, RegionSettings, ReturnTrue, World,
};

/// Takes effect at once: what answers requests reads what is published, and whether there is an endpoint of IPv6 the tables say.
impl Operation for ModifyInstanceMetadataOptions {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let found = modify_attribute::changeable(self.instance_id, world)?;
        let given = MetadataOptionsParameter {
            http_tokens: self.http_tokens,
            http_put_response_hop_limit: self.http_put_response_hop_limit,
            http_endpoint: self.http_endpoint,
            http_protocol_ipv6: self.http_protocol_ipv6,
            instance_metadata_tags: self.instance_metadata_tags,
        };
        let defaults = defaults_of(world, context.region);
        let options = given.checked(found.metadata_options.clone(), &defaults)?;
        check_endpoint(&options, found.instance_type)?;
        check_tags(&options, &found.tags)?;
        let mut response = MetadataOptionsDescription::from(&options);
        response.state = "pending";
        let mut instance = Instance::clone(found);
        instance.metadata_options = options;
        ChangeSet::putting(instance).answered(ModifyInstanceMetadataOptionsResponse {
            instance_id: self.instance_id,
            instance_metadata_options: response,
        })
    }
}

/// Sets what later launches find; instances that there are keep what they have.
impl Operation for ModifyInstanceMetadataDefaults {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let mut defaults = defaults_of(world, context.region);
        let switch = ["enabled", "disabled"];
        let tokens = ["optional", "required"];
        set(
            "HttpTokens",
            self.http_tokens,
            &tokens,
            &mut defaults.http_tokens,
        )?;
        set(
            "HttpEndpoint",
            self.http_endpoint,
            &switch,
            &mut defaults.http_endpoint,
        )?;
        set(
            "InstanceMetadataTags",
            self.instance_metadata_tags,
            &switch,
            &mut defaults.instance_metadata_tags,
        )?;
        set(
            "HttpTokensEnforced",
            self.http_tokens_enforced,
            &switch,
            &mut defaults.http_tokens_enforced,
        )?;
        match self.http_put_response_hop_limit {
            None => {}
            Some(NO_HOP_LIMIT) => defaults.http_put_response_hop_limit = None,
            Some(hops) => {
                let hops = u8::try_from(hops).ok().filter(|hops| HOPS.contains(hops));
                let refused = || bad_hop_limit(self.http_put_response_hop_limit);
                defaults.http_put_response_hop_limit = Some(hops.ok_or_else(refused)?);
            }
        }
        ChangeSet::putting(defaults).answered(ReturnTrue::default())
    }
}

/// Describes what is set; what is not is not there.
impl Operation for GetInstanceMetadataDefaults {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let defaults = defaults_of(world, context.region);
        let is_set = defaults != MetadataDefaults::unset(&context.region.account_id);
        let MetadataDefaults {
            account_id: _,
            http_tokens,
            http_put_response_hop_limit,
            http_endpoint,
            instance_metadata_tags,
            http_tokens_enforced,
        } = defaults;
        ChangeSet::none().answered(GetInstanceMetadataDefaultsResponse {
            account_level: MetadataDefaultsDescription {
                http_tokens,
                http_put_response_hop_limit,
                http_endpoint,
                instance_metadata_tags,
                managed_by: is_set.then_some(MANAGED_BY),
                http_tokens_enforced,
            },
        })
    }
}

impl RunInstances {
    /// What the launch says, else the account's defaults, else EC2's.
    ///
    /// # Errors
    /// Those of [`MetadataOptionsParameter::checked`], [`check_endpoint`] and [`check_tags`].
    pub(super) fn metadata_options_of_launch(
        &self,
        instance_type: &InstanceType,
        tags: &Tags,
        world: &World,
        context: &Context<'_>,
    ) -> Result<MetadataOptions, Ec2Error> {
        let defaults = defaults_of(world, context.region);
        let given = self.metadata_options.clone().unwrap_or_default();
        let options = given.checked(of_launches(&defaults), &defaults)?;
        check_endpoint(&options, instance_type)?;
        check_tags(&options, tags)?;
        Ok(options)
    }
}

/// What a launch finds if it says nothing.
fn of_launches(defaults: &MetadataDefaults) -> MetadataOptions {
    let own = MetadataOptions::default();
    let text = |set: &Option<String>, own| set.clone().unwrap_or(own);
    MetadataOptions {
        http_tokens: text(&defaults.http_tokens, own.http_tokens),
        http_put_response_hop_limit: defaults
            .http_put_response_hop_limit
            .unwrap_or(own.http_put_response_hop_limit),
        http_endpoint: text(&defaults.http_endpoint, own.http_endpoint),
        instance_metadata_tags: text(&defaults.instance_metadata_tags, own.instance_metadata_tags),
        http_protocol_ipv6: own.http_protocol_ipv6,
    }
}

fn defaults_of(world: &World, region: &RegionSettings) -> MetadataDefaults {
    let account = AccountId(region.account_id.clone());
    let set = world.metadata_defaults.get(account);
    set.map_or_else(
        || MetadataDefaults::unset(&region.account_id),
        |set| MetadataDefaults::clone(set),
    )
}

/// What a parameter has for a default that is not set.
const NO_PREFERENCE: &str = "no-preference";
const NO_HOP_LIMIT: i32 = -1;
const HOPS: core::ops::RangeInclusive<u8> = 1..=64;

fn set(
    parameter: &str,
    given: Option<String>,
    choices: &[&str],
    into: &mut Option<String>,
) -> Result<(), Ec2Error> {
    match given {
        None => {}
        Some(text) if text == NO_PREFERENCE => *into = None,
        Some(text) => {
            check_choice(parameter, &text, choices)?;
            *into = Some(text);
        }
    }
    Ok(())
}

fn bad_hop_limit(hops: Option<i32>) -> Ec2Error {
    let hops = hops.unwrap_or_default();
    let message = format!("Value ({hops}) for parameter HttpPutResponseHopLimit is invalid.");
    ErrorCode::InvalidParameterValue.with(message)
}

impl MetadataOptionsParameter {
    /// `before` with what is given changed.
    ///
    /// # Errors
    /// `InvalidParameterValue`; `UnsupportedOperation` where the account enforces tokens and none would be required.
    pub(super) fn checked(
        self,
        before: MetadataOptions,
        defaults: &MetadataDefaults,
    ) -> Result<MetadataOptions, Ec2Error> {
        let switch = ["enabled", "disabled"];
        let hops = self
            .http_put_response_hop_limit
            .unwrap_or(before.http_put_response_hop_limit);
        if !HOPS.contains(&hops) {
            return Err(bad_hop_limit(Some(hops.into())));
        }
        let options = MetadataOptions {
            http_tokens: self.http_tokens.unwrap_or(before.http_tokens),
            http_put_response_hop_limit: hops,
            http_endpoint: self.http_endpoint.unwrap_or(before.http_endpoint),
            http_protocol_ipv6: self.http_protocol_ipv6.unwrap_or(before.http_protocol_ipv6),
            instance_metadata_tags: self
                .instance_metadata_tags
                .unwrap_or(before.instance_metadata_tags),
        };
        check_choice(
            "HttpTokens",
            &options.http_tokens,
            &["optional", "required"],
        )?;
        check_choice("HttpEndpoint", &options.http_endpoint, &switch)?;
        check_choice("HttpProtocolIpv6", &options.http_protocol_ipv6, &switch)?;
        check_choice(
            "InstanceMetadataTags",
            &options.instance_metadata_tags,
            &switch,
        )?;
        if defaults.enforces_tokens() && options.http_tokens != "required" {
            // EC2 User Guide, "Enforce the use of IMDSv2".
            let message = "You can't launch instances with IMDSv1 because httpTokensEnforced is enabled for this account. \
                Either launch the instance with httpTokens=required or contact your account owner to disable \
                httpTokensEnforced using the ModifyInstanceMetadataDefaults API or the account settings in the EC2 console.";
            return Err(ErrorCode::UnsupportedOperation.with(message));
        }
        Ok(options)
    }
}

/// Refuses an endpoint of IPv6 for a type on which EC2 has none. Whether an interface finds it is a matter of its addresses.
///
/// # Errors
/// `UnsupportedOperation`.
fn check_endpoint(options: &MetadataOptions, instance_type: &InstanceType) -> Result<(), Ec2Error> {
    if options.http_protocol_ipv6 == "enabled" && !instance_type.is_nitro() {
        let message =
            "The HttpProtocolIpv6 metadata option cannot be enabled for Xen-backed instance types.";
        return Err(ErrorCode::UnsupportedOperation.with(message));
    }
    Ok(())
}

/// Refuses tags in metadata whose keys cannot be a part of a path there (EC2 User Guide, "View tags for your EC2 instances
/// using instance metadata").
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_tags(options: &MetadataOptions, tags: &Tags) -> Result<(), Ec2Error> {
    if options.instance_metadata_tags != "enabled" {
        return Ok(());
    }
    let fits = |key: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+=,.@:".contains(&byte);
        key.bytes().all(plain) && ![".", "..", "_index"].contains(&key)
    };
    match tags.iter().find(|(key, _)| !fits(key)) {
        None => Ok(()),
        Some((key, _)) => {
            let message = format!(
                "'{key}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and must not \
                 be a reserved name ('.', '..', '_index')"
            );
            Err(ErrorCode::InvalidParameterValue.with(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use serde_json::{Value, json};

    use super::super::tests;
    use crate::testing::TestWorld;
    use crate::{Transition, plan_transitions};

    fn launched(region: &mut TestWorld, parameters: &[(&str, &str)]) -> String {
        let instance = tests::launched(region, parameters);
        instance["instanceId"].as_str().unwrap().into()
    }

    fn options(region: &mut TestWorld, id: &str) -> Value {
        let described = region.must("DescribeInstances", &[("InstanceId.1", id)]);
        let pointer = "/reservationSet/item/0/instancesSet/item/0/metadataOptions";
        described.pointer(pointer).unwrap().clone()
    }

    #[test]
    fn options_change_as_told_and_no_other_way() {
        let mut region = TestWorld::bootstrapped();
        let id = launched(&mut region, &[]);
        let before = options(&mut region, &id);
        assert_eq!(before["httpTokens"], "optional");
        let changed = region.must(
            "ModifyInstanceMetadataOptions",
            &[
                ("InstanceId", &id),
                ("HttpTokens", "required"),
                ("HttpPutResponseHopLimit", "2"),
            ],
        );
        assert_eq!(changed["instanceId"], id.as_str());
        assert_eq!(changed["instanceMetadataOptions"]["state"], "pending");
        let mut want = before;
        want["httpTokens"] = "required".into();
        want["httpPutResponseHopLimit"] = 2.into();
        assert_eq!(options(&mut region, &id), want);
        for (parameter, value) in [
            ("HttpTokens", "maybe"),
            ("HttpEndpoint", "on"),
            ("HttpPutResponseHopLimit", "0"),
            ("HttpPutResponseHopLimit", "65"),
            ("HttpProtocolIpv6", "on"),
            ("InstanceMetadataTags", "yes"),
        ] {
            let parameters = [("InstanceId", id.as_str()), (parameter, value)];
            let refused = region.refused("ModifyInstanceMetadataOptions", &parameters);
            assert!(refused.starts_with("InvalidParameterValue: "), "{refused}");
        }
        let missing = [("InstanceId", "i-00000000000000001")];
        let refused = region.refused("ModifyInstanceMetadataOptions", &missing);
        assert!(
            refused.starts_with("InvalidInstanceID.NotFound: "),
            "{refused}"
        );
    }

    #[test]
    fn the_endpoint_of_ipv6_is_for_types_of_nitro() {
        let mut region = TestWorld::bootstrapped();
        let set = |value| ("MetadataOptions.HttpProtocolIpv6", value);
        let of_type = |name| ("InstanceType", name);
        let id = launched(&mut region, &[set("enabled"), of_type("t3.micro")]);
        assert_eq!(options(&mut region, &id)["httpProtocolIpv6"], "enabled");
        let before = launched(&mut region, &[of_type("t2.micro")]);
        let want = "UnsupportedOperation: The HttpProtocolIpv6 metadata option cannot be enabled for Xen-backed instance types.";
        let image = region.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
        let launch = [
            ("ImageId", image.as_str()),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            of_type("t2.micro"),
            set("enabled"),
        ];
        assert_eq!(region.refused("RunInstances", &launch), want);
        let operation = "ModifyInstanceMetadataOptions";
        let enabled = [
            ("InstanceId", before.as_str()),
            ("HttpProtocolIpv6", "enabled"),
        ];
        assert_eq!(region.refused(operation, &enabled), want);
        for value in ["disabled", "enabled"] {
            let parameters = [("InstanceId", id.as_str()), ("HttpProtocolIpv6", value)];
            region.must(operation, &parameters);
            assert_eq!(options(&mut region, &id)["httpProtocolIpv6"], value);
        }
    }

    #[test]
    fn an_instance_that_goes_or_has_gone_keeps_its_options() {
        let mut region = TestWorld::bootstrapped();
        let id = launched(&mut region, &[]);
        region.must("TerminateInstances", &[("InstanceId.1", &id)]);
        let change = [("InstanceId", id.as_str()), ("HttpTokens", "required")];
        let refused = region.refused("ModifyInstanceMetadataOptions", &change);
        let want =
            format!("IncorrectInstanceState: The instance '{id}' is in the 'shutting-down' state.");
        assert_eq!(refused, want);
        let terminated = Transition::InstanceTerminated {
            instance_id: id.parse().unwrap(),
        };
        let changes = plan_transitions(&region.world, &[terminated], region.now);
        region.world.apply(&changes);
        let refused = region.refused("ModifyInstanceMetadataOptions", &change);
        let want =
            format!("IncorrectInstanceState: The instance '{id}' is in the 'terminated' state.");
        assert_eq!(refused, want);
    }

    #[test]
    fn launches_find_the_accounts_defaults_and_instances_keep_what_they_have() {
        let mut region = TestWorld::bootstrapped();
        let before = launched(&mut region, &[]);
        let get = |region: &mut TestWorld| region.must("GetInstanceMetadataDefaults", &[]);
        assert_eq!(get(&mut region), json!({"accountLevel": {}}));
        region.must(
            "ModifyInstanceMetadataDefaults",
            &[("HttpTokens", "required"), ("HttpPutResponseHopLimit", "2")],
        );
        let want = json!({"accountLevel": {
            "httpTokens": "required", "httpPutResponseHopLimit": 2, "managedBy": "account",
        }});
        assert_eq!(get(&mut region), want);
        let id = launched(&mut region, &[]);
        assert_eq!(options(&mut region, &id)["httpTokens"], "required");
        assert_eq!(options(&mut region, &id)["httpPutResponseHopLimit"], 2);
        assert_eq!(options(&mut region, &before)["httpTokens"], "optional");
        let id = launched(&mut region, &[("MetadataOptions.HttpTokens", "optional")]);
        assert_eq!(options(&mut region, &id)["httpTokens"], "optional");
        region.must(
            "ModifyInstanceMetadataDefaults",
            &[
                ("HttpTokens", "no-preference"),
                ("HttpPutResponseHopLimit", "-1"),
            ],
        );
        assert_eq!(get(&mut region), json!({"accountLevel": {}}));
        for (parameter, value) in [("HttpTokens", "maybe"), ("HttpPutResponseHopLimit", "0")] {
            let refused = region.refused("ModifyInstanceMetadataDefaults", &[(parameter, value)]);
            assert!(refused.starts_with("InvalidParameterValue: "), "{refused}");
        }
    }

    #[test]
    fn an_account_that_enforces_tokens_has_no_instance_without() {
        let mut region = TestWorld::bootstrapped();
        let id = launched(&mut region, &[]);
        region.must(
            "ModifyInstanceMetadataDefaults",
            &[("HttpTokensEnforced", "enabled")],
        );
        let optional = [("InstanceId", id.as_str()), ("HttpTokens", "optional")];
        let refused = region.refused("ModifyInstanceMetadataOptions", &optional);
        assert!(
            refused.contains("httpTokensEnforced is enabled"),
            "{refused}"
        );
        let required = [("InstanceId", id.as_str()), ("HttpTokens", "required")];
        region.must("ModifyInstanceMetadataOptions", &required);
        launched(&mut region, &[("MetadataOptions.HttpTokens", "required")]);
    }

    #[test]
    fn tags_in_metadata_have_keys_that_fit_there() {
        let mut region = TestWorld::bootstrapped();
        let id = launched(&mut region, &[]);
        let tag = |key| {
            [
                ("ResourceId.1", id.as_str()),
                ("Tag.1.Key", key),
                ("Tag.1.Value", "x"),
            ]
        };
        region.must("CreateTags", &tag("cost centre"));
        let enable = [
            ("InstanceId", id.as_str()),
            ("InstanceMetadataTags", "enabled"),
        ];
        let refused = region.refused("ModifyInstanceMetadataOptions", &enable);
        assert!(
            refused.contains("'cost centre' is not a valid tag key"),
            "{refused}"
        );
        region.must(
            "DeleteTags",
            &[("ResourceId.1", &id), ("Tag.1.Key", "cost centre")],
        );
        region.must("ModifyInstanceMetadataOptions", &enable);
        for bad in ["cost/centre", "..", "_index"] {
            let refused = region.refused("CreateTags", &tag(bad));
            assert!(refused.contains("is not a valid tag key"), "{refused}");
        }
        region.must("CreateTags", &tag("cost-centre"));
    }
}
