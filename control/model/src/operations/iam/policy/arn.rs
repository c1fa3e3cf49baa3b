//! ARNs of managed policies.

use alloc::format;
use alloc::sync::Arc;

use crate::operations::iam::error::no_policy;
use crate::resource::Policy;
use crate::{Ec2Error, ErrorCode, RegionSettings, World};

/// The account in the ARNs of AWS's own policies.
const AWS: &str = "aws";
/// Digits of an account's id.
const ACCOUNT_DIGITS: usize = 12;

/// `arn:aws:iam::ACCOUNT:policy/PATH/NAME`, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operations::iam) struct PolicyArn<'a> {
    pub(in crate::operations::iam) arn: &'a str,
    account: &'a str,
    /// With its slashes.
    pub(in crate::operations::iam) path: &'a str,
    pub(in crate::operations::iam) name: &'a str,
}

impl<'a> PolicyArn<'a> {
    /// Reads an ARN.
    ///
    /// # Errors
    /// `InvalidInput` for what is none of a managed policy.
    pub(in crate::operations::iam) fn parse(arn: &'a str) -> Result<Self, Ec2Error> {
        let read = || {
            let (account, rest) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
            let rest = rest.strip_prefix("policy")?;
            let slash = rest.rfind('/')?;
            let (path, name) = rest.split_at_checked(slash + 1)?;
            let is_account = account == AWS
                || (account.len() == ACCOUNT_DIGITS
                    && account.bytes().all(|byte| byte.is_ascii_digit()));
            let is_name = name.parse::<eni_types::iam::PolicyName>().is_ok();
            let is_path = path.parse::<eni_types::iam::EntityPath>().is_ok();
            (is_account && is_name && is_path).then_some(Self {
                arn,
                account,
                path,
                name,
            })
        };
        read().ok_or_else(|| ErrorCode::InvalidInput.with(format!("ARN {arn} is not valid.")))
    }

    /// Whether it is one of the policies that AWS makes for all accounts.
    pub(in crate::operations::iam) fn is_of_aws(&self) -> bool {
        self.account == AWS
    }

    /// The policy.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub(in crate::operations::iam) fn known<'w>(
        &self,
        world: &'w World,
        region: &RegionSettings,
    ) -> Result<&'w Arc<Policy>, Ec2Error> {
        let name = self.name.parse().ok();
        let found = name.and_then(|name| world.policies.get(name));
        found
            .filter(|policy| policy.arn(region).0 == self.arn)
            .ok_or_else(|| no_policy(self.arn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_account_path_and_name() {
        for (arn, want) in [
            (
                "arn:aws:iam::aws:policy/AmazonEC2FullAccess",
                Some(("/", "AmazonEC2FullAccess", true)),
            ),
            (
                "arn:aws:iam::aws:policy/service-role/X",
                Some(("/service-role/", "X", true)),
            ),
            (
                "arn:aws:iam::123456789012:policy/a/b/c",
                Some(("/a/b/", "c", false)),
            ),
            ("arn:aws:iam::12345:policy/a", None),
            ("arn:aws:iam::123456789012:policy/", None),
            ("arn:aws:iam::123456789012:policya", None),
            ("arn:aws:iam::123456789012:role/a", None),
            ("policy", None),
        ] {
            let read = PolicyArn::parse(arn);
            let found = read
                .as_ref()
                .ok()
                .map(|read| (read.path, read.name, read.is_of_aws()));
            assert_eq!(found, want, "{arn}");
        }
    }
}
