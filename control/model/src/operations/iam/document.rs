//! Policy documents: their form (IAM User Guide, "IAM JSON policy elements reference"), and who may assume a role.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};

use crate::{Ec2Error, ErrorCode};

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who may assume a role.
    Trust,
    /// What its holder may do.
    Identity,
}

/// The version of the language.
const VERSION: &str = "2012-10-17";
/// The one before, which trust policies may still have.
const OLD_VERSION: &str = "2008-10-17";

fn malformed(message: &str) -> Ec2Error {
    ErrorCode::MalformedPolicyDocument.with(message)
}

fn syntax() -> Ec2Error {
    malformed("Syntax errors in policy.")
}

/// How many characters of a document count against quotas: all but white space (IAM User Guide, "IAM and AWS STS quotas").
pub(super) fn size(document: &str) -> usize {
    document
        .chars()
        .filter(|char| !char.is_whitespace())
        .count()
}

/// Checks the form of a document.
///
/// # Errors
/// `MalformedPolicyDocument`.
pub(super) fn check(document: &str, kind: Kind) -> Result<(), Ec2Error> {
    let value: Value = serde_json::from_str(document)
        .map_err(|_| malformed("This policy contains invalid Json"))?;
    let policy = value.as_object().ok_or_else(syntax)?;
    let known = ["Version", "Id", "Statement"];
    if policy.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(syntax());
    }
    match policy.get("Version").map(Value::as_str) {
        None => {}
        Some(Some(OLD_VERSION)) if kind == Kind::Identity => {
            let message = "Policy document must be version 2012-10-17 or greater.";
            return Err(malformed(message));
        }
        Some(Some(VERSION | OLD_VERSION)) => {}
        Some(_) => return Err(syntax()),
    }
    let statements = statements(policy);
    if statements.is_empty() {
        return Err(syntax());
    }
    let mut seen = Vec::new();
    for statement in statements {
        let statement = statement.as_object().ok_or_else(syntax)?;
        check_statement(statement, kind)?;
        if let Some(sid) = statement.get("Sid").and_then(Value::as_str) {
            if seen.contains(&sid) {
                let message =
                    format!("Statement IDs (SID) in a single policy must be unique. ({sid})");
                return Err(malformed(&message));
            }
            seen.push(sid);
        }
    }
    Ok(())
}

fn statements(policy: &Map<String, Value>) -> &[Value] {
    match policy.get("Statement") {
        Some(Value::Array(all)) => all,
        Some(one) => core::slice::from_ref(one),
        None => &[],
    }
}

/// The elements of a statement.
const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn check_statement(statement: &Map<String, Value>, kind: Kind) -> Result<(), Ec2Error> {
    let has = |name: &str| statement.contains_key(name);
    if statement
        .keys()
        .any(|key| !ELEMENTS.contains(&key.as_str()))
    {
        return Err(syntax());
    }
    if !matches!(
        statement.get("Effect").and_then(Value::as_str),
        Some("Allow" | "Deny")
    ) {
        return Err(syntax());
    }
    if statement.get("Sid").is_some_and(|sid| !sid.is_string())
        || statement
            .get("Condition")
            .is_some_and(|condition| !condition.is_object())
    {
        return Err(syntax());
    }
    for (one, other) in [
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
        ("Principal", "NotPrincipal"),
    ] {
        if has(one) && has(other) {
            return Err(syntax());
        }
    }
    for name in ["Action", "NotAction", "Resource", "NotResource"] {
        if statement
            .get(name)
            .is_some_and(|value| texts(value).is_none())
        {
            return Err(syntax());
        }
    }
    if !has("Action") && !has("NotAction") {
        return Err(malformed("Policy statement must contain actions."));
    }
    check_actions(statement)?;
    match kind {
        Kind::Trust => check_trust(statement),
        Kind::Identity => check_identity(statement),
    }
}

/// An action is `SERVICE:ACTION`, or `*`.
fn check_actions(statement: &Map<String, Value>) -> Result<(), Ec2Error> {
    let named = ["Action", "NotAction"].into_iter();
    let named = named.filter_map(|name| texts(statement.get(name)?));
    for action in named.flatten() {
        match action.split_once(':') {
            Some((service, name)) if !service.is_empty() && !name.is_empty() => {}
            _ if action == "*" => {}
            _ => {
                let message =
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
                return Err(malformed(message));
            }
        }
    }
    Ok(())
}

fn check_trust(statement: &Map<String, Value>) -> Result<(), Ec2Error> {
    if statement.contains_key("Resource") || statement.contains_key("NotResource") {
        return Err(malformed("Has prohibited field Resource"));
    }
    if statement.contains_key("NotPrincipal") {
        return Err(malformed("Has prohibited field NotPrincipal"));
    }
    match statement.get("Principal") {
        None => return Err(malformed("Missing required field Principal")),
        Some(Value::String(any)) if any == "*" => {}
        Some(Value::Object(kinds)) if !kinds.is_empty() => {
            let known = ["AWS", "Service", "Federated", "CanonicalUser"];
            for (kind, value) in kinds {
                if !known.contains(&kind.as_str()) || texts(value).is_none() {
                    let message = format!("Invalid principal in policy: \"{kind}\"");
                    return Err(malformed(&message));
                }
            }
        }
        Some(_) => return Err(malformed("Invalid principal in policy")),
    }
    let actions = statement.get("Action").and_then(texts).unwrap_or_default();
    let of_sts = |action: &&str| *action == "*" || action.to_ascii_lowercase().starts_with("sts:");
    if !actions.iter().all(of_sts) {
        let message = "AssumeRole policy may only specify STS AssumeRole actions.";
        return Err(malformed(message));
    }
    Ok(())
}

fn check_identity(statement: &Map<String, Value>) -> Result<(), Ec2Error> {
    if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
        return Err(malformed("Policy document should not specify a principal."));
    }
    let named = ["Resource", "NotResource"].into_iter();
    let named: Vec<&str> = named
        .filter_map(|name| texts(statement.get(name)?))
        .flatten()
        .collect();
    if named.is_empty() {
        return Err(malformed("Policy statement must contain resources."));
    }
    for resource in named {
        let is_arn = resource.starts_with("arn:") && resource.split(':').count() >= 6;
        if resource != "*" && !is_arn {
            let message = format!("Resource {resource} must be in ARN format or \"*\".");
            return Err(malformed(&message));
        }
    }
    Ok(())
}

/// The texts of an element that takes one or several.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(Vec::from([one.as_str()])),
        Value::Array(several) => several.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Who wants to assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// A service of AWS, such as `ec2.amazonaws.com`.
    Service(&'a str),
    /// Somebody of the account, by the account's id and the ARNs that stand for the caller.
    Account {
        /// Twelve digits.
        account_id: &'a str,
        /// The caller's own, such as that of a role and of its session.
        arns: &'a [String],
    },
}

impl Trust<'_> {
    /// Whether a trust policy lets it assume the role: an `Allow` covers it, and no `Deny`. Conditions are not evaluated:
    /// a statement with any neither allows, as they may not hold, nor fails to deny.
    #[must_use]
    pub fn is_given_by(self, document: &str) -> bool {
        let Ok(Value::Object(policy)) = serde_json::from_str(document) else {
            return false;
        };
        let mut is_allowed = false;
        for statement in statements(&policy) {
            if !self.is_covered_by(statement) {
                continue;
            }
            match statement.get("Effect").and_then(Value::as_str) {
                Some("Allow") => is_allowed |= statement.get("Condition").is_none(),
                _ => return false,
            }
        }
        is_allowed
    }

    fn is_covered_by(self, statement: &Value) -> bool {
        let covers = |action: &str| {
            let action = action.to_ascii_lowercase();
            crate::describe::matches(&action, "sts:assumerole")
        };
        let any = |name: &str| {
            let named = statement.get(name).and_then(texts)?;
            Some(named.into_iter().any(covers))
        };
        let of_action = any("Action").unwrap_or(false) || any("NotAction").is_some_and(|not| !not);
        of_action
            && statement
                .get("Principal")
                .is_some_and(|it| self.is_among(it))
    }

    fn is_among(self, principal: &Value) -> bool {
        if principal == "*" {
            return matches!(self, Self::Account { .. });
        }
        let named = |kind: &str| principal.get(kind).and_then(texts).unwrap_or_default();
        match self {
            Self::Service(name) => named("Service").contains(&name),
            Self::Account { account_id, arns } => named("AWS").into_iter().any(|given| {
                let root = format!("arn:aws:iam::{account_id}:root");
                given == "*"
                    || given == account_id
                    || given == root
                    || arns.iter().any(|arn| arn == given)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_iams_form() {
        use Kind::{Identity, Trust};
        for (kind, document, refused) in [
            (
                Trust,
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
                None,
            ),
            (
                Trust,
                r#"{"Version":"2008-10-17","Statement":{"Sid":"a","Effect":"Deny","Principal":"*","Action":["sts:AssumeRole","sts:TagSession"]}}"#,
                None,
            ),
            (Trust, "{", Some("This policy contains invalid Json")),
            (Trust, "[]", Some("Syntax errors in policy.")),
            (
                Trust,
                r#"{"Version":"2012-10-17"}"#,
                Some("Syntax errors in policy."),
            ),
            (
                Trust,
                r#"{"Version":"2012-10-17","Statement":[]}"#,
                Some("Syntax errors in policy."),
            ),
            (
                Trust,
                r#"{"Version":"2013","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#,
                Some("Syntax errors in policy."),
            ),
            (
                Trust,
                r#"{"Statement":[{"Effect":"allow","Principal":"*","Action":"sts:AssumeRole"}]}"#,
                Some("Syntax errors in policy."),
            ),
            (
                Trust,
                r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#,
                Some("Missing required field Principal"),
            ),
            (
                Trust,
                r#"{"Statement":[{"Effect":"Allow","Principal":{"Everybody":"x"},"Action":"sts:AssumeRole"}]}"#,
                Some("Invalid principal in policy: \"Everybody\""),
            ),
            (
                Trust,
                r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}"#,
                Some("Has prohibited field Resource"),
            ),
            (
                Trust,
                r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ec2:RunInstances"}]}"#,
                Some("AssumeRole policy may only specify STS AssumeRole actions."),
            ),
            (
                Trust,
                r#"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#,
                Some("Policy statement must contain actions."),
            ),
            (
                Identity,
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{}}]}"#,
                None,
            ),
            (
                Identity,
                r#"{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Deny","NotAction":["iam:*"],"NotResource":["arn:aws:ec2:us-east-1:123456789012:instance/*"]}}"#,
                None,
            ),
            (
                Identity,
                r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#,
                Some("Policy document must be version 2012-10-17 or greater."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Effect":"Allow","Action":"ec2:*"}]}"#,
                Some("Policy statement must contain resources."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"vpc"}]}"#,
                Some("Resource vpc must be in ARN format or \"*\"."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Effect":"Allow","Action":"RunInstances","Resource":"*"}]}"#,
                Some("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*","Principal":"*"}]}"#,
                Some("Policy document should not specify a principal."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Effect":"Allow","Action":"ec2:*","NotAction":"ec2:*","Resource":"*"}]}"#,
                Some("Syntax errors in policy."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Effect":"Allow","Action":7,"Resource":"*"}]}"#,
                Some("Syntax errors in policy."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*","Colour":"red"}]}"#,
                Some("Syntax errors in policy."),
            ),
            (
                Identity,
                r#"{"Statement":[{"Sid":"a","Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#,
                Some("Statement IDs (SID) in a single policy must be unique. (a)"),
            ),
        ] {
            let found = check(document, kind).map_err(|error| error.message);
            assert_eq!(found.err().as_deref(), refused, "{document}");
        }
    }

    fn statement(effect: &str, principal: &str, rest: &str) -> String {
        format!(
            r#"{{"Effect":"{effect}","Principal":{principal},"Action":"sts:AssumeRole"{rest}}}"#
        )
    }

    #[test]
    fn a_role_is_assumed_by_whom_its_trust_policy_names() {
        let arns = [String::from("arn:aws:iam::123456789012:role/other")];
        let ec2 = Trust::Service("ec2.amazonaws.com");
        let account = Trust::Account {
            account_id: "123456789012",
            arns: &arns,
        };
        let service = r#"{"Service":["lambda.amazonaws.com","ec2.amazonaws.com"]}"#;
        for (statements, by_ec2, by_account) in [
            (statement("Allow", service, ""), true, false),
            (statement("Allow", r#""*""#, ""), false, true),
            (statement("Allow", r#"{"AWS":"*"}"#, ""), false, true),
            (
                statement("Allow", r#"{"AWS":"123456789012"}"#, ""),
                false,
                true,
            ),
            (
                statement("Allow", r#"{"AWS":"arn:aws:iam::123456789012:root"}"#, ""),
                false,
                true,
            ),
            (
                statement(
                    "Allow",
                    r#"{"AWS":["arn:aws:iam::123456789012:role/other"]}"#,
                    "",
                ),
                false,
                true,
            ),
            (
                statement("Allow", r#"{"AWS":"999999999999"}"#, ""),
                false,
                false,
            ),
            (
                statement(
                    "Allow",
                    service,
                    r#","Condition":{"StringEquals":{"a":"b"}}"#,
                ),
                false,
                false,
            ),
            (
                format!(
                    "{},{}",
                    statement("Allow", service, ""),
                    statement("Deny", service, "")
                ),
                false,
                false,
            ),
            (
                format!(r#"{{"Effect":"Allow","Principal":{service},"Action":"sts:TagSession"}}"#),
                false,
                false,
            ),
            (
                format!(r#"{{"Effect":"Allow","Principal":{service},"Action":"sts:*"}}"#),
                true,
                false,
            ),
        ] {
            let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
            assert_eq!(ec2.is_given_by(&document), by_ec2, "{document}");
            assert_eq!(account.is_given_by(&document), by_account, "{document}");
        }
    }
}
