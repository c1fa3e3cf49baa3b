//! What can be wrong with a parameter.

use alloc::format;
use alloc::string::String;
use core::fmt;

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
        /// Its name as EC2's texts spell it: `cidrBlock`.
        parameter: String,
        /// As given.
        value: String,
        /// What is expected.
        reason: &'static str,
    },
    /// The value is not of the parameter's kind, for which EC2 has words of its own.
    #[error("{message}")]
    Worded {
        /// EC2's text.
        message: String,
    },
    /// The value has not the form of an id of the kind expected. EC2 names the prefix only where the value has another.
    #[error("Invalid id: \"{value}\"{}", Expecting(*prefix))]
    MalformedId {
        /// EC2's code for this kind of id.
        code: &'static str,
        /// As given.
        value: String,
        /// The prefix of this kind, if the value has another.
        prefix: Option<&'static str>,
    },
    /// The value can be nothing's id.
    #[error("The {noun} '{value}' does not exist")]
    NoSuchId {
        /// EC2's code for this kind of id.
        code: &'static str,
        /// What EC2 calls this kind of id.
        noun: &'static str,
        /// As given.
        value: String,
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
            Self::Invalid { .. } | Self::Worded { .. } => "InvalidParameterValue",
            Self::MalformedId { code, .. } | Self::NoSuchId { code, .. } => code,
            Self::MalformedForm { .. } => "MalformedQueryString",
        }
    }

    /// The value at `path` is not what the parameter takes.
    #[must_use]
    pub fn invalid(path: &str, value: &str, reason: &'static str) -> Self {
        Self::Invalid {
            parameter: spelled(path),
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

/// A parameter as EC2's texts about its value spell it: by the last of its names that is no number, which starts lower.
pub(crate) fn spelled(path: &str) -> String {
    let is_name = |part: &&str| !part.bytes().all(|byte| byte.is_ascii_digit());
    let name = path.rsplit('.').find(is_name).unwrap_or(path);
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

struct Expecting(Option<&'static str>);

impl fmt::Display for Expecting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(prefix) => write!(formatter, " (expecting \"{prefix}-...\")"),
            None => Ok(()),
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
