//! Parameters that a service has, but that no code here reads.

use alloc::format;

use eni_query::{ANY_MEMBER, QueryError, QueryTree};

use crate::{ApiService, Ec2Error, ErrorCode, Operation};

/// Every parameter that the services have for the operations served: action and full name, with `N` for the number of a list's
/// member (`scripts/aws-model.py`).
const PARAMETERS: &str = include_str!("../parameters.tsv");

/// Reads the request of an operation. What its service has and OpenENI does not serve is told from what nobody has; given with
/// an empty value it counts as not given, and is taken out.
///
/// # Errors
/// `UnsupportedOperation` for a parameter that is not served; else what reading `O` gives, which IAM calls a
/// `ValidationError`.
pub fn read_request<O: Operation>(tree: &mut QueryTree) -> Result<O, Ec2Error> {
    loop {
        let unknown = match tree.read() {
            Err(QueryError::Unknown { parameter }) => parameter,
            Err(error) if O::SERVICE == ApiService::Iam => return Err(of_iam(&error)),
            read => return Ok(read?),
        };
        let Some(pattern) = pattern_of(O::NAME, &unknown) else {
            let error = QueryError::Unknown { parameter: unknown };
            return Err(match O::SERVICE {
                ApiService::Ec2 => error.into(),
                ApiService::Iam => of_iam(&error),
            });
        };
        // Each round takes out all parameters of one pattern, so that there are no more rounds than patterns.
        if !tree.remove_empty(pattern) {
            let message = format!(
                "{} has the parameter {unknown} of {}, but OpenENI does not serve it yet.",
                O::SERVICE.name(),
                O::NAME
            );
            return Err(ErrorCode::UnsupportedOperation.with(message));
        }
    }
}

/// What IAM says of a parameter that is wrong (IAM API reference, "Common Error Types"). What it does not know IAM passes
/// over; here that is refused as by EC2.
fn of_iam(error: &QueryError) -> Ec2Error {
    let message = match error {
        QueryError::Unknown { .. } => return error.clone().into(),
        QueryError::Missing { parameter } => format!(
            "1 validation error detected: Value null at '{parameter}' failed to satisfy constraint: Member must not be null"
        ),
        other => format!("{other}"),
    };
    ErrorCode::ValidationError.with(message)
}

/// How the service's model writes `parameter`, which may be one with others below it.
fn pattern_of(action: &str, parameter: &str) -> Option<&'static str> {
    let of_action = PARAMETERS.lines().filter_map(|line| {
        let (its_action, name) = line.split_once('\t')?;
        (its_action == action).then_some(name)
    });
    let mut patterns = of_action.filter_map(|name| prefix_as(name, parameter));
    patterns.next()
}

/// The beginning of `name` that is like `parameter`, part by part.
fn prefix_as<'a>(name: &'a str, parameter: &str) -> Option<&'a str> {
    let mut length = 0;
    let mut parts = name.split('.');
    for given in parameter.split('.') {
        let part = parts.next()?;
        let is_number = || given.bytes().all(|byte| byte.is_ascii_digit());
        let is_alike = if part == ANY_MEMBER {
            is_number()
        } else {
            part == given
        };
        if !is_alike {
            return None;
        }
        length += part.len() + 1;
    }
    name.get(..length - 1)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;
    use crate::api::RunInstances;
    use crate::testing::TestWorld;

    const LAUNCH: [(&str, &str); 3] = [
        ("ImageId", "ami-0123456789abcdef0"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];

    fn read(parameters: &[(&str, &str)]) -> Result<RunInstances, Ec2Error> {
        let pairs = LAUNCH.iter().chain(parameters).copied();
        read_request(&mut QueryTree::from_pairs(pairs).unwrap())
    }

    #[test]
    fn what_ec2_has_and_is_not_served_is_told_from_what_nobody_has() {
        for (parameter, refused) in [
            ("KernelId", Some("KernelId")),
            ("AdditionalInfo", Some("AdditionalInfo")),
            ("Placement.Affinity", Some("Placement.Affinity")),
            (
                "Placement.PartitionNumber",
                Some("Placement.PartitionNumber"),
            ),
            ("CpuOptions.AmdSevSnp", Some("CpuOptions.AmdSevSnp")),
            (
                "LicenseSpecification.1.LicenseConfigurationArn",
                Some("LicenseSpecification"),
            ),
            (
                "NetworkInterface.3.EnaQueueCount",
                Some("NetworkInterface.3.EnaQueueCount"),
            ),
            (
                "BlockDeviceMapping.1.Ebs.OutpostArn",
                Some("BlockDeviceMapping.1.Ebs.OutpostArn"),
            ),
            ("KernelID", None),
            ("Kernel", None),
            ("Placement.1.Affinity", None),
            ("NetworkInterface.EnaQueueCount", None),
            ("NetworkInterface.N.EnaQueueCount", None),
        ] {
            let error = read(&[(parameter, "x")]).unwrap_err();
            match refused {
                Some(name) => assert_eq!(
                    format!("{error}"),
                    format!(
                        "UnsupportedOperation: EC2 has the parameter {name} of RunInstances, but OpenENI does not serve it \
                         yet."
                    )
                ),
                None => assert_eq!(error.code, ErrorCode::UnknownParameter, "{parameter}"),
            }
        }
    }

    #[test]
    fn what_is_not_served_counts_as_not_given_where_it_is_empty() {
        let empty = [
            ("KernelId", ""),
            ("Placement.Affinity", ""),
            ("LicenseSpecification.1.LicenseConfigurationArn", ""),
            ("NetworkInterface.1.EnaQueueCount", ""),
            ("NetworkInterface.2.EnaQueueCount", ""),
            ("InstanceMarketOptions.SpotOptions.MaxPrice", ""),
        ];
        assert_eq!(read(&empty).unwrap(), read(&[]).unwrap());
        let second = "NetworkInterface.3.EnaQueueCount";
        let one_says_something: Vec<_> = empty.into_iter().chain([(second, "4")]).collect();
        let error = read(&one_says_something).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedOperation);
        assert_eq!(
            read(&[("KernelID", "")]).unwrap_err().code,
            ErrorCode::UnknownParameter
        );
    }

    #[test]
    fn each_operation_has_parameters_of_its_own() {
        let mut region = TestWorld::bootstrapped();
        for (action, code) in [
            ("CreateNetworkInterface", "UnsupportedOperation"),
            ("DeleteNetworkInterface", "UnknownParameter"),
        ] {
            let answer = region.refused(action, &[("Operator.Principal", "x")]);
            assert!(answer.starts_with(code), "{action}: {answer}");
        }
    }
}
