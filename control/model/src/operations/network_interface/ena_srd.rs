//! ENA Express, which this region does not have.
//!
//! The data plane carries ordinary packets over one path only, so that no call can turn ENA Express on: this module is
//! the one place that refuses it. A call may say that it is off, which it is.

use crate::api::network_interface::EnaSrdSpecification;
use crate::operations::unsupported;
use crate::{Ec2Error, ErrorCode};

impl EnaSrdSpecification {
    /// Refuses to turn ENA Express on.
    ///
    /// # Errors
    /// `InvalidParameterCombination` for UDP without TCP, which EC2 does not offer (EC2 User Guide, "ENA Express");
    /// `UnsupportedOperation`.
    pub(crate) fn refuse(&self) -> Result<(), Ec2Error> {
        let tcp = self.ena_srd_enabled == Some(true);
        let udp = self
            .ena_srd_udp_specification
            .as_ref()
            .is_some_and(|udp| udp.ena_srd_udp_enabled == Some(true));
        if udp && !tcp {
            let message = "ENA Express for UDP requires that ENA Express is enabled.";
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        unsupported::refuse("ENA Express", tcp)
    }
}
