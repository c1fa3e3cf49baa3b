//! A reliable endpoint of any of libfabric's providers, as far as measuring needs one.

mod sys;

pub(crate) use sys::Endpoint;

/// A failure of libfabric's.
#[derive(Debug)]
pub(crate) struct FabricError {
    /// The function that failed.
    pub(crate) function: &'static str,
    /// Its error number, negative.
    pub(crate) code: i64,
}

impl std::fmt::Display for FabricError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = sys::text_of(self.code);
        write!(formatter, "{}: {text} ({})", self.function, self.code)
    }
}

impl std::error::Error for FabricError {}

/// `code` if it is not negative.
fn check(function: &'static str, code: i64) -> Result<i64, FabricError> {
    if code < 0 {
        return Err(FabricError { function, code });
    }
    Ok(code)
}
