//! The one operation of STS that tools ask before anything else.

use eni_model::Caller;
use eni_query::QueryTree;
use serde::Serialize;

use crate::{Fault, xml};

/// The version of the STS API that all SDKs send.
pub(crate) const VERSION: &str = "2011-06-15";
/// Every action of the STS API, one a line (`scripts/aws-model.py`).
const ACTIONS: &str = include_str!("../aws/sts-actions.txt");

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetCallerIdentityResult<'a> {
    arn: String,
    user_id: &'a str,
    account: &'a str,
}

/// Answers `action`. Every caller here is the account's root user, whose id is the account's.
pub(crate) fn answer(
    action: &str,
    tree: &QueryTree,
    caller: &Caller,
    request_id: &str,
) -> Result<String, Fault> {
    if action != "GetCallerIdentity" {
        if ACTIONS.lines().any(|name| name == action) {
            let message =
                format!("AWS STS has the action {action}, but OpenENI does not serve it yet.");
            return Err(Fault::client("UnsupportedOperation", message));
        }
        let message = format!("Could not find operation {action} for version {VERSION}");
        return Err(Fault::client("InvalidAction", message));
    }
    tree.read::<GetCallerIdentityRequest>()?;
    let result = GetCallerIdentityResult {
        arn: format!("arn:aws:iam::{}:root", caller.account_id),
        user_id: &caller.account_id,
        account: &caller.account_id,
    };
    xml::sts_response(action, request_id, &result).map_err(|error| Fault::internal(&error))
}

/// It takes no parameters.
#[derive(eni_query::FromQuery)]
struct GetCallerIdentityRequest {}
