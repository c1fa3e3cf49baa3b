//! The filters of `DescribeInstances`.

use crate::api::instance::InstanceDescription;
use crate::tags::Tags;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;

use super::description::{
    AUTO_RECOVERY, BOOT_MODE, CAPACITY_RESERVATION_PREFERENCE, CURRENT_BOOT_MODE, METADATA_STATE,
    MONITORING_STATE, PLATFORM_DETAILS, USAGE_OPERATION, image_of, private_dns_name,
    public_address, public_dns_name, state_transition_reason,
};
use crate::describe::{Described, Scope};
use crate::operations::volume::mapping_of;
use crate::resource::{Instance, NetworkInterface};
use crate::{IdsOf, Table};
use eni_types::{ReservationId, SubnetId, VpcId};

impl Described for Instance {
    type Answer = InstanceDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("instancesSet", "maxResults");
    const PLURAL: Option<&'static str> = Some("instance IDs");
    const ID_FILTER: Option<&'static str> = Some("instance-id");

    fn describe(&self, scope: Scope<'_>) -> InstanceDescription {
        InstanceDescription::new(self, scope)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        let key = self.instance_id;
        if let Some(name) = name.strip_prefix("network-interface.") {
            for eni in scope.world.network_interfaces.by(&key) {
                eni.filter_values(name, scope, give);
            }
        } else if let Some(name) = name.strip_prefix("instance.") {
            // `instance.group-id` and `instance.group-name`: those of all its interfaces.
            for eni in scope.world.network_interfaces.by(&key) {
                eni.filter_values(name, scope, give);
            }
        } else if let Some(name) = name.strip_prefix("block-device-mapping.") {
            for device in mapping_of(self, scope.world).items {
                give(match name {
                    "attach-time" => device.ebs.attach_time.into(),
                    "delete-on-termination" => device.ebs.delete_on_termination.to_string().into(),
                    "device-name" => device.device_name.into(),
                    "status" => device.ebs.status.into(),
                    _ => device.ebs.volume_id.into(),
                });
            }
        } else if matches!(
            name,
            "dns-name"
                | "ip-address"
                | "ipv6-address"
                | "private-dns-name"
                | "private-ip-address"
                | "source-dest-check"
        ) {
            if let Some(eni) = scope.world.primary_network_interface(self.instance_id) {
                primary_values(self, eni, name, scope, give);
            }
        } else {
            own_values(self, name, scope, give);
        }
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        Some(match name {
            "vpc-id" => table.ids(&value.parse::<VpcId>().ok()?),
            "subnet-id" => table.ids(&value.parse::<SubnetId>().ok()?),
            "reservation-id" => table.ids(&value.parse::<ReservationId>().ok()?),
            _ => return None,
        })
    }
}

/// The values of filters that look at the primary interface.
fn primary_values<'a>(
    instance: &Instance,
    eni: &'a NetworkInterface,
    name: &str,
    scope: Scope<'a>,
    give: &mut dyn FnMut(Cow<'a, str>),
) {
    let private = eni.primary_private_ip_address();
    match name {
        "source-dest-check" => eni.filter_values(name, scope, give),
        "private-ip-address" | "ipv6-address" => eni.filter_values(name, scope, give),
        "private-dns-name" => private_dns_name(instance, scope)
            .into_iter()
            .for_each(|name| give(name.into())),
        "dns-name" => public_dns_name(instance, scope)
            .into_iter()
            .for_each(|name| give(name.into())),
        _ => private
            .and_then(|private| public_address(eni, private, scope))
            .into_iter()
            .for_each(|address| give(address.public_ip.to_string().into())),
    }
}

/// The values of filters that look at the instance itself.
fn own_values<'a>(
    instance: &'a Instance,
    name: &str,
    scope: Scope<'a>,
    give: &mut dyn FnMut(Cow<'a, str>),
) {
    let zone = &instance.availability_zone;
    let transition = instance.transition.as_ref().filter(|_| !instance.is_up());
    match name {
        "architecture" => give(image_of(instance).architecture.into()),
        "availability-zone" => give(zone.as_str().into()),
        "availability-zone-id" => give(scope.region.availability_zone_id(zone).into()),
        "client-token" => give(instance.client_token.as_deref().unwrap_or_default().into()),
        "ena-support" => give("true".into()),
        "hypervisor" => give("xen".into()),
        "iam-instance-profile.arn" | "iam-instance-profile.id" => {
            let associations = &scope.world.iam_instance_profile_associations;
            if let Some(association) = associations.one(&instance.instance_id) {
                give(match name {
                    "iam-instance-profile.arn" => association.instance_profile_arn.as_str().into(),
                    _ => association.instance_profile_id.to_string().into(),
                });
            }
        }
        "image-id" => give(instance.image_id.to_string().into()),
        "instance-id" => give(instance.instance_id.to_string().into()),
        "instance-state-code" => give(instance.state.code().to_string().into()),
        "instance-state-name" => give(instance.state.as_str().into()),
        "instance-type" => give(instance.instance_type.name.into()),
        "key-name" => give(instance.key_name.as_deref().unwrap_or_default().into()),
        "launch-index" => give(format!("{}", instance.ami_launch_index).into()),
        "launch-time" => give(instance.launch_time.to_string().into()),
        "monitoring-state" => give(MONITORING_STATE.into()),
        "owner-id" => give(scope.region.account_id.as_str().into()),
        "reason" => give(state_transition_reason(instance).into()),
        "reservation-id" => give(instance.reservation_id.to_string().into()),
        "root-device-name" => give(image_of(instance).root_device_name.into()),
        "root-device-type" => give("ebs".into()),
        "state-reason-code" => transition
            .into_iter()
            .for_each(|transition| give(transition.code.as_str().into())),
        "state-reason-message" => transition
            .into_iter()
            .for_each(|transition| give(transition.message.as_str().into())),
        "subnet-id" => give(instance.subnet_id.to_string().into()),
        "tenancy" => give("default".into()),
        "virtualization-type" => give("hvm".into()),
        "vpc-id" => give(instance.vpc_id.to_string().into()),
        _ => setting_values(instance, name, give),
    }
}

/// The values of filters that look at an instance's options.
fn setting_values<'a>(instance: &'a Instance, name: &str, give: &mut dyn FnMut(Cow<'a, str>)) {
    if let Some(name) = name.strip_prefix("metadata-options.") {
        let options = &instance.metadata_options;
        return give(match name {
            "http-endpoint" => options.http_endpoint.as_str().into(),
            // Only IPv6 can be turned off by itself.
            "http-protocol-ipv4" => "enabled".into(),
            "http-protocol-ipv6" => options.http_protocol_ipv6.as_str().into(),
            "http-put-response-hop-limit" => options.http_put_response_hop_limit.to_string().into(),
            "http-tokens" => options.http_tokens.as_str().into(),
            "instance-metadata-tags" => options.instance_metadata_tags.as_str().into(),
            _ => METADATA_STATE.into(),
        });
    }
    let names = instance.private_dns_names;
    give(match name {
        "boot-mode" => BOOT_MODE.into(),
        "capacity-reservation-specification.capacity-reservation-preference" => {
            CAPACITY_RESERVATION_PREFERENCE.into()
        }
        "current-instance-boot-mode" => CURRENT_BOOT_MODE.into(),
        "ebs-optimized" => instance.ebs_optimized.to_string().into(),
        "enclave-options.enabled" | "hibernation-options.configured" | "operator.managed" => {
            "false".into()
        }
        "maintenance-options.auto-recovery" => AUTO_RECOVERY.into(),
        "platform-details" => PLATFORM_DETAILS.into(),
        "private-dns-name-options.hostname-type" => names.hostname_type.name().into(),
        "private-dns-name-options.enable-resource-name-dns-a-record" => {
            names.a_record.to_string().into()
        }
        "private-dns-name-options.enable-resource-name-dns-aaaa-record" => {
            names.aaaa_record.to_string().into()
        }
        "usage-operation" => USAGE_OPERATION.into(),
        "usage-operation-update-time" => instance.launch_time.to_string().into(),
        // No instance has what the other filters look for, such as a lifecycle other than on demand.
        _ => return,
    });
}
