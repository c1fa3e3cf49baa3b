//! An instance as answers show it.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::Ipv4Addr;

use eni_types::{InstanceState, Timestamp};

use crate::ItemSet;
use crate::api::instance::{
    CapacityReservationSpecificationDescription, CpuOptionsDescription, EnclaveOptionsDescription,
    HibernationOptionsDescription, InstanceDescription, InstanceStateDescription, InterfaceAddress,
    InterfaceAssociation, InterfaceAttachment, InterfaceDescription, InterfaceIpv4Prefix,
    InterfaceIpv6Address, InterfaceIpv6Prefix, MaintenanceOptionsDescription,
    MetadataOptionsDescription, MonitoringDescription, PlacementDescription,
    PrivateDnsNameOptionsDescription, StateReason,
};
use crate::api::network_interface::OperatorDescription;
use crate::describe::Scope;
use crate::operations::iam_instance_profile_association;
use crate::operations::image::Image;
use crate::operations::instance::state_change::INSTANCE_INITIATED;
use crate::operations::network_interface::description::{Names, groups_of, owner_of, prefix_set};
use crate::operations::volume::mapping_of;
use crate::resource::{Address, Attachment, Instance, MetadataOptions, NetworkInterface};

impl From<InstanceState> for InstanceStateDescription {
    fn from(state: InstanceState) -> Self {
        Self {
            code: state.code(),
            name: state,
        }
    }
}

impl InstanceDescription {
    #[expect(
        clippy::too_many_lines,
        reason = "one line for each member of EC2's answer"
    )]
    pub(crate) fn new(instance: &Instance, scope: Scope<'_>) -> Self {
        let primary = scope.world.primary_network_interface(instance.instance_id);
        let private_ip_address = primary.and_then(|eni| eni.primary_private_ip_address());
        let public = primary
            .zip(private_ip_address)
            .and_then(|(eni, private)| public_address(eni, private, scope));
        let image = image_of(instance);
        let launch_time = instance.launch_time.to_string();
        let present = !instance.is_terminated();
        Self {
            instance_id: instance.instance_id,
            image_id: instance.image_id,
            instance_state: instance.state.into(),
            private_dns_name: private_dns_name(instance, scope).unwrap_or_default(),
            dns_name: public_dns_name(instance, scope).unwrap_or_default(),
            reason: state_transition_reason(instance),
            key_name: instance.key_name.clone(),
            ami_launch_index: instance.ami_launch_index,
            product_codes: ItemSet::default(),
            instance_type: instance.instance_type.name,
            launch_time: launch_time.clone(),
            placement: PlacementDescription {
                availability_zone: instance.availability_zone.clone(),
                availability_zone_id: scope
                    .region
                    .availability_zone_id(&instance.availability_zone),
                group_name: "",
                tenancy: "default",
            },
            monitoring: MonitoringDescription {
                state: MONITORING_STATE,
            },
            subnet_id: present.then_some(instance.subnet_id),
            vpc_id: present.then_some(instance.vpc_id),
            private_ip_address,
            ipv6_address: primary.and_then(|eni| eni.ipv6_addresses.first().copied()),
            ip_address: public.map(|address| address.public_ip),
            source_dest_check: primary.map(|eni| eni.source_dest_check),
            group_set: primary.map_or_else(ItemSet::default, |eni| groups_of(eni, scope)),
            state_reason: StateReason::of(instance),
            architecture: image.architecture,
            root_device_type: "ebs",
            root_device_name: image.root_device_name,
            block_device_mapping: mapping_of(instance, scope.world),
            virtualization_type: "hvm",
            client_token: instance.client_token.clone(),
            tag_set: instance.tags.to_items_if_any(),
            hypervisor: "xen",
            network_interface_set: interfaces_of(instance, scope),
            iam_instance_profile: iam_instance_profile_association::shown_at(
                instance.instance_id,
                scope,
            ),
            ebs_optimized: instance.ebs_optimized,
            ena_support: true,
            cpu_options: CpuOptionsDescription::of(instance),
            capacity_reservation_specification: CapacityReservationSpecificationDescription {
                capacity_reservation_preference: CAPACITY_RESERVATION_PREFERENCE,
            },
            hibernation_options: HibernationOptionsDescription { configured: false },
            metadata_options: (&instance.metadata_options).into(),
            enclave_options: EnclaveOptionsDescription { enabled: false },
            boot_mode: BOOT_MODE,
            platform_details: PLATFORM_DETAILS,
            usage_operation: USAGE_OPERATION,
            usage_operation_update_time: launch_time,
            private_dns_name_options: PrivateDnsNameOptionsDescription {
                hostname_type: instance.private_dns_names.hostname_type.name(),
                enable_resource_name_dns_a_record: instance.private_dns_names.a_record,
                enable_resource_name_dns_aaaa_record: instance.private_dns_names.aaaa_record,
            },
            maintenance_options: MaintenanceOptionsDescription {
                auto_recovery: AUTO_RECOVERY,
                reboot_migration: "default",
            },
            current_instance_boot_mode: CURRENT_BOOT_MODE,
            operator: OperatorDescription { managed: false },
        }
    }
}

/// The image of an instance: the namespace driver has one.
pub(super) fn image_of(_instance: &Instance) -> Image {
    let [image] = Image::all();
    image
}

/// `reason`: `User initiated (2026-11-20 19:40:44 GMT)`; empty while nothing has happened, and where the instance has ended itself.
pub(super) fn state_transition_reason(instance: &Instance) -> String {
    let ended = instance
        .transition
        .as_ref()
        .filter(|transition| !instance.is_up() && transition.code != INSTANCE_INITIATED)
        .map(|transition| transition.time);
    ended.map_or_else(String::new, |time| {
        format!("User initiated ({})", gmt(time))
    })
}

/// `2026-11-20 19:40:44 GMT`.
fn gmt(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split_once('.').map_or(text.as_str(), |(head, _)| head);
    format!("{} GMT", seconds.replace('T', " "))
}

/// The name that EC2 gives the instance inside its VPC; every instance has one, whatever its VPC's attributes.
pub(super) fn private_dns_name(instance: &Instance, scope: Scope<'_>) -> Option<String> {
    let primary = scope
        .world
        .primary_network_interface(instance.instance_id)?;
    scope.region.name_of_instance(instance, primary)
}

/// The name of the instance's public address, where its VPC gives names.
pub(super) fn public_dns_name(instance: &Instance, scope: Scope<'_>) -> Option<String> {
    let eni = scope
        .world
        .primary_network_interface(instance.instance_id)?;
    let address = public_address(eni, eni.primary_private_ip_address()?, scope)?;
    Names::of(eni.vpc_id, scope).public(address.public_ip)
}

pub(super) fn public_address<'a>(
    eni: &NetworkInterface,
    private: Ipv4Addr,
    scope: Scope<'a>,
) -> Option<&'a Address> {
    scope
        .world
        .public_address_of(eni.network_interface_id, private)
        .map(AsRef::as_ref)
}

/// What answers and filters say of every instance.
pub(super) const AUTO_RECOVERY: &str = "default";
pub(super) const BOOT_MODE: &str = "uefi-preferred";
pub(super) const CAPACITY_RESERVATION_PREFERENCE: &str = "open";
pub(super) const CURRENT_BOOT_MODE: &str = "uefi";
pub(super) const METADATA_STATE: &str = "applied";
pub(super) const PLATFORM_DETAILS: &str = "Linux/UNIX";
pub(super) const USAGE_OPERATION: &str = "RunInstances";
/// There are no metrics, so that detailed monitoring is off everywhere.
pub(super) const MONITORING_STATE: &str = "disabled";

impl StateReason {
    fn of(instance: &Instance) -> Option<Self> {
        match instance.state {
            InstanceState::Pending => Some(Self {
                code: "pending".into(),
                message: "pending".into(),
            }),
            InstanceState::Running => None,
            _ => instance.transition.as_ref().map(|transition| Self {
                code: transition.code.clone(),
                message: transition.message.clone(),
            }),
        }
    }
}

impl CpuOptionsDescription {
    fn of(instance: &Instance) -> Self {
        Self {
            core_count: instance.instance_type.cores,
            threads_per_core: instance.instance_type.threads_per_core,
        }
    }
}

impl From<&MetadataOptions> for MetadataOptionsDescription {
    fn from(options: &MetadataOptions) -> Self {
        Self {
            state: METADATA_STATE,
            http_tokens: options.http_tokens.clone(),
            http_put_response_hop_limit: options.http_put_response_hop_limit,
            http_endpoint: options.http_endpoint.clone(),
            http_protocol_ipv6: options.http_protocol_ipv6.clone(),
            instance_metadata_tags: options.instance_metadata_tags.clone(),
        }
    }
}

/// The interfaces of an instance, by card and device index.
fn interfaces_of(instance: &Instance, scope: Scope<'_>) -> ItemSet<InterfaceDescription> {
    let mut attached: alloc::vec::Vec<_> = scope
        .world
        .network_interfaces_of(instance.instance_id)
        .collect();
    attached.sort_by_key(|eni| {
        eni.attachment
            .as_ref()
            .map(|attachment| (attachment.network_card_index, attachment.device_index))
    });
    attached
        .into_iter()
        .map(|eni| InterfaceDescription::new(eni, scope))
        .collect()
}

impl InterfaceDescription {
    fn new(eni: &NetworkInterface, scope: Scope<'_>) -> Self {
        let names = Names::of(eni.vpc_id, scope);
        let primary = eni.primary_private_ip_address();
        let association = |private| InterfaceAssociation::of(eni, private, scope);
        Self {
            network_interface_id: eni.network_interface_id,
            subnet_id: eni.subnet_id,
            vpc_id: eni.vpc_id,
            description: eni.description.clone(),
            owner_id: scope.region.account_id.clone(),
            status: eni.status(),
            mac_address: eni.mac_address,
            private_ip_address: primary,
            private_dns_name: primary.and_then(|address| names.private(address)),
            source_dest_check: eni.source_dest_check,
            group_set: groups_of(eni, scope),
            attachment: eni.attachment.as_ref().map(Into::into),
            association: primary.and_then(association),
            private_ip_addresses_set: eni
                .private_ip_addresses
                .iter()
                .map(|address| InterfaceAddress {
                    private_ip_address: *address,
                    private_dns_name: names.private(*address),
                    primary: Some(*address) == primary,
                    association: association(*address),
                })
                .collect(),
            ipv6_addresses_set: eni
                .ipv6_addresses
                .iter()
                .map(|address| InterfaceIpv6Address {
                    ipv6_address: *address,
                    is_primary_ipv6: eni.primary_ipv6_address() == Some(*address),
                })
                .collect(),
            ipv4_prefix_set: prefix_set(&eni.ipv4_prefixes, |ipv4_prefix| InterfaceIpv4Prefix {
                ipv4_prefix,
            }),
            ipv6_prefix_set: prefix_set(&eni.ipv6_prefixes, |ipv6_prefix| InterfaceIpv6Prefix {
                ipv6_prefix,
            }),
            interface_type: eni.interface_type,
            operator: OperatorDescription { managed: false },
        }
    }
}

impl From<&Attachment> for InterfaceAttachment {
    fn from(attachment: &Attachment) -> Self {
        Self {
            attachment_id: attachment.attachment_id,
            device_index: attachment.device_index,
            network_card_index: attachment.network_card_index,
            status: attachment.status,
            attach_time: attachment.attach_time.to_string(),
            delete_on_termination: attachment.delete_on_termination,
        }
    }
}

impl InterfaceAssociation {
    fn of(eni: &NetworkInterface, private: Ipv4Addr, scope: Scope<'_>) -> Option<Self> {
        let address = public_address(eni, private, scope)?;
        Some(Self {
            public_ip: address.public_ip,
            public_dns_name: Names::of(eni.vpc_id, scope)
                .public(address.public_ip)
                .unwrap_or_default(),
            ip_owner_id: owner_of(address, scope.region).into(),
        })
    }
}
