//! What can be wrong with a parameter.

use alloc::format;
use alloc::string::String;

/// A parameter that EC2 would refuse. [`code`](Self::code) is the wire contract, `Display` the text beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A required parameter is absent.
    #[error("The request must contain the parameter {parameter}")]
    Missing {
        /// Its full name.
        parameter: String,
    },
    /// The operation has no such parameter.
    #[error("The parameter {parameter} is not recognized")]
    Unknown {
        /// Its full name.
        parameter: String,
    },
    /// The value is not of the parameter's kind.
    #[error("Value ({value}) for parameter {parameter} is invalid. {reason}")]
    Invalid {
        /// Its full name.
        parameter: String,
        /// As given.
        value: String,
        /// What is expected.
        reason: &'static str,
    },
    /// The value is no id of the kind expected.
    #[error("Invalid id: \"{value}\" (expecting \"{prefix}-...\")")]
    MalformedId {
        /// EC2's code for this kind of id.
        code: &'static str,
        /// As given.
        value: String,
        /// The prefix of this kind.
        prefix: &'static str,
    },
    /// The form itself cannot be read as parameters.
    #[error("{reason}")]
    MalformedForm {
        /// What is wrong.
        reason: &'static str,
    },
}

impl QueryError {
    /// EC2's error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "MissingParameter",
            Self::Unknown { .. } => "UnknownParameter",
            Self::Invalid { .. } => "InvalidParameterValue",
            Self::MalformedId { code, .. } => code,
            Self::MalformedForm { .. } => "MalformedQueryString",
        }
    }

    /// The value at `path` is not what the parameter takes.
    #[must_use]
    pub fn invalid(path: &str, value: &str, reason: &'static str) -> Self {
        Self::Invalid {
            parameter: path.into(),
            value: value.into(),
            reason,
        }
    }

    /// The parameter at `path` is required.
    #[must_use]
    pub fn missing(path: &str) -> Self {
        Self::Missing {
            parameter: path.into(),
        }
    }

    /// The parameter `name` below `path` is none of the operation's.
    #[must_use]
    pub fn unknown(path: &str, name: &str) -> Self {
        Self::Unknown {
            parameter: join(path, name),
        }
    }
}

/// The full name of the child `name` of `path`.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.into()
    } else {
        format!("{path}.{name}")
    }
}
