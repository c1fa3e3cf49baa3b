//! The parameters of `RunInstances`.

use alloc::format;

use super::settings::check_choice;
use crate::Ec2Error;
use crate::api::instance::{LaunchNetworkInterface, RunInstances};
use crate::api::network_interface::EnaSrdSpecification;
use crate::instance_types::InstanceType;
use crate::operations::unsupported::refuse;

impl RunInstances {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(super) fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        let ipv6 = self.ipv6_address_count.unwrap_or(0) > 0
            || !self.ipv6_addresses.is_empty()
            || self.enable_primary_ipv6 == Some(true);
        refuse("IPv6", ipv6)?;
        let template = self.launch_template.as_ref().is_some_and(|given| {
            given.launch_template_id.is_some()
                || given.launch_template_name.is_some()
                || given.version.is_some()
        });
        refuse("Launching from a template", template)?;
        let market = self.instance_market_options.as_ref();
        refuse(
            "The spot market",
            market.is_some_and(|given| given.market_type.is_some()),
        )?;
        let enclaves = self.enclave_options.and_then(|options| options.enabled);
        refuse("Nitro Enclaves", enclaves == Some(true))?;
        let hibernation = self
            .hibernation_options
            .and_then(|options| options.configured);
        refuse("Hibernation", hibernation == Some(true))?;
        if let Some(placement) = &self.placement {
            let tenancy = placement.tenancy.as_deref();
            refuse(
                "Dedicated tenancy",
                tenancy.is_some_and(|tenancy| tenancy != "default") || placement.host_id.is_some(),
            )?;
            let group = placement.group_name.as_deref();
            refuse(
                "A placement group",
                group.is_some_and(|name| !name.is_empty()),
            )?;
        }
        self.refuse_what_would_have_no_effect()?;
        self.network_interfaces
            .iter()
            .try_for_each(LaunchNetworkInterface::refuse_what_is_absent)
    }

    /// Refuses settings that nothing here would heed, but for their defaults.
    fn refuse_what_would_have_no_effect(&self) -> Result<(), Ec2Error> {
        let profile = self.iam_instance_profile.as_ref();
        refuse(
            "An instance profile",
            profile.is_some_and(|profile| profile.arn.is_some() || profile.name.is_some()),
        )?;
        let monitoring = self.monitoring.and_then(|given| given.enabled);
        refuse("Detailed monitoring", monitoring == Some(true))?;
        let reservations = self.capacity_reservation_specification.as_ref();
        refuse_other_than(
            "CapacityReservationPreference",
            reservations.and_then(|given| given.capacity_reservation_preference.as_deref()),
            &["open", "none", "capacity-reservations-only"],
        )?;
        let maintenance = self.maintenance_options.as_ref();
        refuse_other_than(
            "AutoRecovery",
            maintenance.and_then(|given| given.auto_recovery.as_deref()),
            &["default", "disabled"],
        )?;
        let Some(names) = &self.private_dns_name_options else {
            return Ok(());
        };
        refuse_other_than(
            "HostnameType",
            names.hostname_type.as_deref(),
            &["ip-name", "resource-name"],
        )?;
        let resource_names = names.enable_resource_name_dns_a_record == Some(true)
            || names.enable_resource_name_dns_aaaa_record == Some(true);
        refuse("Resource-based naming", resource_names)
    }

    /// Refuses another number of processors than `instance_type` has.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(super) fn refuse_other_processors(
        &self,
        instance_type: &InstanceType,
    ) -> Result<(), Ec2Error> {
        let Some(given) = &self.cpu_options else {
            return Ok(());
        };
        let differs = |given: Option<u32>, own| given.is_some_and(|given| given != own);
        refuse(
            "Another number of processors than the instance type has",
            differs(given.core_count, instance_type.cores)
                || differs(given.threads_per_core, instance_type.threads_per_core),
        )
    }
}

/// Refuses a value that EC2 does not have, and one but the first of those that it has.
fn refuse_other_than(
    parameter: &str,
    given: Option<&str>,
    choices: &[&str],
) -> Result<(), Ec2Error> {
    let Some(value) = given else { return Ok(()) };
    check_choice(parameter, value, choices)?;
    let is_another = choices.first() != Some(&value);
    refuse(&format!("{parameter} '{value}'"), is_another)
}

impl LaunchNetworkInterface {
    fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        self.refuse_unsupported()?;
        let express = self.ena_srd_specification.as_ref();
        express.map_or(Ok(()), EnaSrdSpecification::refuse)
    }
}
