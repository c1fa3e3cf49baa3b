//! The parameters of `RunInstances`.

use alloc::format;

use super::settings::check_choice;
use crate::Ec2Error;
use crate::api::instance::RunInstances;
use crate::api::network_interface::EnaSrdSpecification;
use crate::instance_types::InstanceType;
use crate::operations::private_dns_names::Given;
use crate::operations::unsupported::refuse;
use crate::resource::{PrivateDnsNames, Subnet};

impl RunInstances {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(super) fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        self.refuse_unsupported()?;
        let tenancy = self.placement.as_ref();
        let tenancy = tenancy.and_then(|given| given.tenancy.as_deref());
        refuse(
            "Dedicated tenancy",
            tenancy.is_some_and(|it| it != "default"),
        )?;
        self.refuse_other_settings()?;
        let express = self.network_interfaces.iter();
        let mut express = express.filter_map(|given| given.ena_srd_specification.as_ref());
        express.try_for_each(EnaSrdSpecification::refuse)
    }

    /// Refuses settings that nothing here would heed, but for their defaults.
    fn refuse_other_settings(&self) -> Result<(), Ec2Error> {
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
        )
    }

    /// How the private names of an instance that is launched in `subnet` are made: as asked, else as the subnet says.
    ///
    /// # Errors
    /// As [`Given::over`].
    pub(super) fn private_dns_names(&self, subnet: &Subnet) -> Result<PrivateDnsNames, Ec2Error> {
        let given = self.private_dns_name_options.as_ref();
        let given = given.map_or_else(Given::default, |given| Given {
            parameter: "hostnameType",
            hostname_type: given.hostname_type.as_deref(),
            a_record: given.enable_resource_name_dns_a_record,
            aaaa_record: given.enable_resource_name_dns_aaaa_record,
        });
        given.over(subnet.private_dns_names_on_launch(), subnet)
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
