//! What a caller is told when a call fails.

use std::error::Error;

use eni_model::Ec2Error;
use eni_query::QueryError;

/// An error on the wire: the same three parts whatever refused the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code that programs rely on.
    pub code: &'static str,
    /// The text beside it.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

impl Fault {
    /// A fault of the caller's, with status 400.
    pub(crate) fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            status: 400,
        }
    }

    /// A fault of ours. Its cause is logged, never sent.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = cause, "a call failed through a fault of ours");
        Self {
            code: "InternalError",
            message: "An internal error has occurred".into(),
            status: 500,
        }
    }
}

impl From<Ec2Error> for Fault {
    fn from(error: Ec2Error) -> Self {
        Self {
            code: error.code.as_str(),
            message: error.message,
            status: error.code.http_status(),
        }
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Ec2Error::from(error).into()
    }
}
