//! Atomics.

pub(super) mod sys;

use eni_efa_messaging::atomic::{AtomicOperation, Datatype, is_supported};
use eni_efa_messaging::limits::ATOMIC_BYTES;
use eni_libfabric_sys as fi;

/// What of an atomic is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Gives nothing back.
    Plain,
    /// Gives back what was there.
    Fetching,
    /// Compares, and gives back what was there.
    Comparing,
}

/// The operation and element that libfabric's numbers name, if this provider does them.
fn kind_of(datatype: u32, operation: u32) -> Option<(AtomicOperation, Datatype)> {
    let operation = AtomicOperation::from_number(operation)?;
    let datatype = Datatype::from_number(datatype)?;
    is_supported(operation, datatype).then_some((operation, datatype))
}

/// Most elements of one atomic, and the size of each; `None` where the operation does not have this form.
fn limits_of(datatype: u32, operation: u32, form: Form) -> Option<(usize, usize)> {
    let (operation, datatype) = kind_of(datatype, operation)?;
    let fits = match form {
        Form::Plain => !operation.compares() && operation != AtomicOperation::Read,
        Form::Fetching => !operation.compares(),
        Form::Comparing => operation.compares(),
    };
    fits.then(|| (ATOMIC_BYTES / datatype.size(), datatype.size()))
}

/// The same for `fi_query_atomic`'s flags.
pub(crate) fn attributes_of(datatype: u32, operation: u32, flags: u64) -> Option<(usize, usize)> {
    let form = match (
        flags & fi::FI_FETCH_ATOMIC != 0,
        flags & fi::FI_COMPARE_ATOMIC != 0,
    ) {
        (false, false) => Form::Plain,
        (true, false) => Form::Fetching,
        (false, true) => Form::Comparing,
        (true, true) => return None,
    };
    if flags & fi::FI_TAGGED != 0 {
        return None;
    }
    limits_of(datatype, operation, form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_belong_to_operations() {
        let cases = [
            (fi::FI_SUM, 0, true),
            (fi::FI_SUM, fi::FI_FETCH_ATOMIC, true),
            (fi::FI_SUM, fi::FI_COMPARE_ATOMIC, false),
            (fi::FI_ATOMIC_READ, 0, false),
            (fi::FI_ATOMIC_READ, fi::FI_FETCH_ATOMIC, true),
            (fi::FI_CSWAP, fi::FI_COMPARE_ATOMIC, true),
            (fi::FI_CSWAP, 0, false),
        ];
        for (operation, flags, want) in cases {
            assert_eq!(
                attributes_of(fi::FI_UINT64, operation, flags).is_some(),
                want,
                "{operation} {flags:#x}"
            );
        }
        assert_eq!(
            attributes_of(fi::FI_UINT64, fi::FI_SUM, 0),
            Some((ATOMIC_BYTES / 8, 8))
        );
        assert_eq!(attributes_of(fi::FI_LONG_DOUBLE, fi::FI_SUM, 0), None);
    }
}
