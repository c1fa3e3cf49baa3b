//! What subnets, launches and instances are asked of private names.

use alloc::format;

use crate::resource::{HostnameType, PrivateDnsNames, Subnet};
use crate::{Ec2Error, ErrorCode};

/// What a call gives of them; what it does not give stays.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given<'a> {
    /// What EC2's text calls the first.
    pub(crate) parameter: &'a str,
    pub(crate) hostname_type: Option<&'a str>,
    pub(crate) a_record: Option<bool>,
    pub(crate) aaaa_record: Option<bool>,
}

impl Given<'_> {
    /// `before` with what is given, in this subnet.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a kind of name that EC2 does not have, and for names of IPv4 addresses where there are none.
    pub(crate) fn over(
        self,
        before: PrivateDnsNames,
        subnet: &Subnet,
    ) -> Result<PrivateDnsNames, Ec2Error> {
        let Self { parameter, .. } = self;
        let given = self.hostname_type.map(|name| {
            HostnameType::of(name).ok_or_else(|| {
                let message = format!("Value ({name}) for parameter {parameter} is invalid.");
                ErrorCode::InvalidParameterValue.with(message)
            })
        });
        let given = given.transpose()?;
        // "IPv6-only subnets … the hostname type must be the resource name".
        if given == Some(HostnameType::IpName) && subnet.is_ipv6_native() {
            let message = format!(
                "Value (ip-name) for parameter {parameter} is invalid. The subnet '{}' is an IPv6-only subnet.",
                subnet.subnet_id
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        Ok(PrivateDnsNames {
            hostname_type: given.unwrap_or(before.hostname_type),
            a_record: self.a_record.unwrap_or(before.a_record),
            aaaa_record: self.aaaa_record.unwrap_or(before.aaaa_record),
        })
    }
}
