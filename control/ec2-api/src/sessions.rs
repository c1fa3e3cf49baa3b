//! Who calls with temporary credentials.

use eni_model::{Caller, Principal};
use eni_region::Region;
use eni_sessions::SessionKey;

use crate::sigv4::{Claim, Refusal};
use crate::{Credentials, SecretAccessKey};

/// The session that the claim's token is of, and what its signature is verified with; `None` without a token.
///
/// A session ends with its role, by whose unique id it is known: the role that is made after it under the same name has
/// another. It does not end with the instance that it was given to, or that instance's profile (IAM User Guide, "Revoke IAM
/// role temporary security credentials").
///
/// # Errors
/// [`Refusal::UnknownSessionToken`], [`Refusal::ExpiredSession`].
pub(crate) fn caller(
    claim: &Claim<'_>,
    key: Option<&SessionKey>,
    region: &Region,
) -> Result<Option<(Caller, Credentials)>, Refusal> {
    let Some(token) = &claim.session_token else {
        return Ok(None);
    };
    let key = key.ok_or(Refusal::UnknownSessionToken)?;
    let session = key
        .session(token.as_bytes())
        .ok_or(Refusal::UnknownSessionToken)?;
    let made = key.credentials(&session);
    if made.access_key_id != claim.access_key_id {
        return Err(Refusal::UnknownSessionToken);
    }
    if session.has_expired(region.now()) {
        return Err(Refusal::ExpiredSession);
    }
    let role_name = region.read(|world| {
        let role = world.roles.one(&session.role_id)?;
        Some(role.role_name.clone())
    });
    let account_id = region.settings().account_id.clone();
    let caller = Caller {
        account_id: account_id.clone(),
        principal: Principal::AssumedRole {
            role_id: session.role_id,
            role_name: role_name.ok_or(Refusal::UnknownSessionToken)?,
            session_name: session.name,
        },
    };
    let credentials = Credentials {
        access_key_id: made.access_key_id,
        secret_access_key: SecretAccessKey::new(made.secret_access_key),
        account_id,
    };
    Ok(Some((caller, credentials)))
}
