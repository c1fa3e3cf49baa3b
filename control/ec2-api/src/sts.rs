//! The operations of STS: who calls, and sessions of roles (STS API reference, 2011-06-15).

use eni_model::operations::iam::document::Trust;
use eni_model::operations::iam::whole_seconds;
use eni_model::resource::Role;
use eni_model::{Caller, Principal};
use eni_query::{FromQuery, QueryTree, Unread};
use eni_region::Region;
use eni_sessions::{Session, SessionKey, is_session_name};
use eni_types::Timestamp;
use serde::Serialize;

use crate::sigv4::Service;
use crate::{Fault, xml};

/// Every action of the STS API, one a line (`scripts/aws-model.py`).
const ACTIONS: &str = include_str!("../aws/sts-actions.txt");
/// How long a session lasts where nothing is said, in seconds (STS API reference, `AssumeRole`).
const SESSION_SECONDS: u32 = 3_600;
/// The shortest session (as above).
const SHORTEST_SESSION_SECONDS: u32 = 900;
/// The longest session of a role that a session of a role assumes (as above).
const CHAINED_SESSION_SECONDS: u32 = 3_600;

/// Who asks, and of what it is answered.
pub(crate) struct Asked<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) region: &'a Region,
    pub(crate) sessions: Option<&'a SessionKey>,
    pub(crate) request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetCallerIdentityResult<'a> {
    arn: String,
    user_id: String,
    account: &'a str,
}

/// It takes no parameters.
#[derive(FromQuery)]
struct GetCallerIdentityRequest {}

#[derive(FromQuery)]
struct AssumeRoleRequest {
    role_arn: String,
    role_session_name: String,
    duration_seconds: Option<u32>,
    // What follows would narrow, tag or prove the session: nothing here evaluates it.
    external_id: Option<String>,
    policy: Option<String>,
    policy_arns: Option<Unread>,
    provided_contexts: Option<Unread>,
    serial_number: Option<String>,
    source_identity: Option<String>,
    tags: Option<Unread>,
    token_code: Option<String>,
    transitive_tag_keys: Option<Unread>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleResult {
    credentials: CredentialsElement,
    assumed_role_user: AssumedRoleUser,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsElement {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

impl Asked<'_> {
    /// Answers `action`.
    pub(crate) fn answer(&self, action: &str, tree: &QueryTree) -> Result<String, Fault> {
        let document = match action {
            "GetCallerIdentity" => {
                tree.read::<GetCallerIdentityRequest>()?;
                xml::sts_response(action, self.request_id, &self.identity())
            }
            "AssumeRole" => {
                let result = self.assume_role(tree.read()?)?;
                xml::sts_response(action, self.request_id, &result)
            }
            _ if ACTIONS.lines().any(|name| name == action) => {
                let message =
                    format!("AWS STS has the action {action}, but OpenENI does not serve it yet.");
                return Err(Fault::client("UnsupportedOperation", message));
            }
            _ => {
                let version = Service::Sts.version();
                let message = format!("Could not find operation {action} for version {version}");
                return Err(Fault::client("InvalidAction", message));
            }
        };
        document.map_err(|error| Fault::internal(&error))
    }

    fn identity(&self) -> GetCallerIdentityResult<'_> {
        GetCallerIdentityResult {
            arn: self.caller.arn(),
            user_id: self.caller.user_id(),
            account: &self.caller.account_id,
        }
    }

    /// A session of a role whose trust policy names the caller. The account's root user may assume such roles too, whom AWS
    /// refuses it: here there are no users who could.
    fn assume_role(&self, request: AssumeRoleRequest) -> Result<AssumeRoleResult, Fault> {
        request.check()?;
        let AssumeRoleRequest {
            role_arn,
            role_session_name: name,
            duration_seconds,
            ..
        } = request;
        let sessions = self.sessions.ok_or_else(|| self.denied(&role_arn))?;
        let settings = self.region.settings();
        let snapshot = self.region.snapshot();
        let role_name = role_arn.rsplit('/').next().unwrap_or_default().parse();
        let role = role_name
            .ok()
            .and_then(|name| snapshot.world().roles.get(name));
        let role = role.filter(|role| role.arn(settings) == role_arn && self.is_trusted_by(role));
        let role = role.ok_or_else(|| self.denied(&role_arn))?;
        let seconds = self.session_seconds(duration_seconds, role)?;
        let now = self.region.now();
        let made = sessions.credentials(&Session {
            role_id: role.role_id,
            name: name.clone(),
            expiration: Timestamp(now.0.saturating_add(i64::from(seconds) * 1_000)),
        });
        let assumed = Caller {
            account_id: settings.account_id.clone(),
            principal: Principal::AssumedRole {
                role_id: role.role_id,
                role_name: role.role_name.clone(),
                session_name: name,
            },
        };
        Ok(AssumeRoleResult {
            credentials: CredentialsElement {
                access_key_id: made.access_key_id,
                secret_access_key: made.secret_access_key,
                session_token: made.session_token,
                expiration: whole_seconds(made.expiration),
            },
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: assumed.user_id(),
                arn: assumed.arn(),
            },
        })
    }

    /// How long the session lasts.
    fn session_seconds(&self, asked: Option<u32>, role: &Role) -> Result<u32, Fault> {
        let seconds = asked.unwrap_or(SESSION_SECONDS);
        let message = if seconds < SHORTEST_SESSION_SECONDS {
            format!(
                "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member \
                 must have value greater than or equal to {SHORTEST_SESSION_SECONDS}"
            )
        } else if seconds > role.max_session_duration {
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".into()
        } else if seconds > CHAINED_SESSION_SECONDS && self.caller.principal != Principal::Root {
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
                .into()
        } else {
            return Ok(seconds);
        };
        Err(Fault::client("ValidationError", message))
    }

    /// Whether the role's trust policy names the caller: its account, its role or its session.
    fn is_trusted_by(&self, role: &Role) -> bool {
        let mut arns = vec![self.caller.arn()];
        if let Principal::AssumedRole { role_id, .. } = &self.caller.principal {
            let own = self.region.read(|world| {
                let own = world.roles.one(role_id)?;
                Some(own.arn(self.region.settings()))
            });
            arns.extend(own);
        }
        let account = Trust::Account {
            account_id: &self.caller.account_id,
            arns: &arns,
        };
        account.is_given_by(&role.assume_role_policy_document)
    }

    /// STS's error for a role that the caller may not assume, or that is not there.
    fn denied(&self, role_arn: &str) -> Fault {
        Fault {
            code: "AccessDenied",
            message: format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                self.caller.arn()
            ),
            status: 403,
        }
    }
}

impl AssumeRoleRequest {
    /// Checks the session's name, and refuses what nothing here would heed.
    fn check(&self) -> Result<(), Fault> {
        let name = &self.role_session_name;
        if !is_session_name(name) {
            let message = format!(
                "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: [\\w+=,.@-]* and have length between 2 and 64"
            );
            return Err(Fault::client("ValidationError", message));
        }
        for (parameter, is_given) in [
            ("ExternalId", self.external_id.is_some()),
            ("Policy", self.policy.is_some()),
            ("PolicyArns", self.policy_arns.is_some()),
            ("ProvidedContexts", self.provided_contexts.is_some()),
            ("SerialNumber", self.serial_number.is_some()),
            ("SourceIdentity", self.source_identity.is_some()),
            ("Tags", self.tags.is_some()),
            ("TokenCode", self.token_code.is_some()),
            ("TransitiveTagKeys", self.transitive_tag_keys.is_some()),
        ] {
            if is_given {
                let message = format!(
                    "STS has the parameter {parameter} of AssumeRole, but OpenENI does not serve it yet."
                );
                return Err(Fault::client("UnsupportedOperation", message));
            }
        }
        Ok(())
    }
}
