//! Who calls.

use alloc::format;
use alloc::string::String;

use eni_types::iam::{RoleId, RoleName};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account_id: String,
    /// As whom.
    pub principal: Principal,
}

/// As whom somebody calls. All may do the same: policies are not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The account's root user.
    Root,
    /// A session of a role.
    AssumedRole {
        /// The role.
        role_id: RoleId,
        /// The role's name.
        role_name: RoleName,
        /// The session's: the instance's id, or what AssumeRole was asked for.
        session_name: String,
    },
}

impl Caller {
    /// The root user of an account.
    #[must_use]
    pub fn root(account_id: impl Into<String>) -> Self {
        Self {
            account_id: account_id.into(),
            principal: Principal::Root,
        }
    }

    /// The caller's unique id: the account's, or that of role and session (IAM User Guide, "The principal table").
    #[must_use]
    pub fn user_id(&self) -> String {
        match &self.principal {
            Principal::Root => self.account_id.clone(),
            Principal::AssumedRole {
                role_id,
                session_name,
                ..
            } => format!("{role_id}:{session_name}"),
        }
    }

    /// The unique id of a role's session; `None` of the account's root user.
    pub(crate) fn session_id(&self) -> Option<String> {
        (self.principal != Principal::Root).then(|| self.user_id())
    }

    /// The caller's Amazon resource name (IAM User Guide, "IAM identifiers").
    #[must_use]
    pub fn arn(&self) -> String {
        let account_id = &self.account_id;
        match &self.principal {
            Principal::Root => format!("arn:aws:iam::{account_id}:root"),
            Principal::AssumedRole {
                role_name,
                session_name,
                ..
            } => format!("arn:aws:sts::{account_id}:assumed-role/{role_name}/{session_name}"),
        }
    }
}
