//! Completion statuses of the device, and what libibverbs calls them.

/// `enum efa_io_comp_status` of the device's public interface; the vendor error of a work completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Done.
    Success = 0,
    /// The queue pair was moved to the error state or destroyed.
    Flushed = 1,
    /// The device failed.
    QueuePairInternalError = 2,
    /// The operation is not one of this kind of queue pair.
    InvalidOperation = 3,
    /// The address handle does not exist.
    InvalidAddressHandle = 4,
    /// A local key is not registered, or does not cover the addresses with the right needed.
    InvalidLocalKey = 5,
    /// The message is too long.
    BadLocalLength = 6,
    /// The destination is down, runs no EFA, may not be reached, or did not grant the memory asked for.
    BadRemoteAddress = 7,
    /// The conversation was ended from outside.
    RemoteAbort = 8,
    /// The destination's queue pair does not exist (any more).
    BadRemoteQueuePair = 9,
    /// The destination had no receive work request.
    ReceiverNotReady = 10,
    /// The receiver's scatter list is too short.
    BadRemoteLength = 11,
    /// The destination answered what it should not.
    BadRemoteStatus = 12,
    /// The destination does not answer.
    UnresponsiveRemote = 13,
}

impl Status {
    /// The number on the wire and in `ibv_wc.vendor_err`.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The status with this number, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Success,
            1 => Self::Flushed,
            2 => Self::QueuePairInternalError,
            3 => Self::InvalidOperation,
            4 => Self::InvalidAddressHandle,
            5 => Self::InvalidLocalKey,
            6 => Self::BadLocalLength,
            7 => Self::BadRemoteAddress,
            8 => Self::RemoteAbort,
            9 => Self::BadRemoteQueuePair,
            10 => Self::ReceiverNotReady,
            11 => Self::BadRemoteLength,
            12 => Self::BadRemoteStatus,
            13 => Self::UnresponsiveRemote,
            _ => return None,
        })
    }

    /// `to_ibv_status` of rdma-core's `providers/efa/verbs.c`.
    pub fn work_completion(self) -> WorkCompletionStatus {
        match self {
            Self::Success => WorkCompletionStatus::Success,
            Self::Flushed => WorkCompletionStatus::WorkRequestFlushError,
            Self::QueuePairInternalError | Self::InvalidOperation | Self::InvalidAddressHandle => {
                WorkCompletionStatus::LocalQueuePairOperationError
            }
            Self::InvalidLocalKey => WorkCompletionStatus::LocalProtectionError,
            Self::BadLocalLength => WorkCompletionStatus::LocalLengthError,
            Self::RemoteAbort => WorkCompletionStatus::RemoteAbortError,
            Self::ReceiverNotReady => WorkCompletionStatus::ReceiverNotReadyRetriesExceeded,
            Self::BadRemoteQueuePair => WorkCompletionStatus::RemoteInvalidReadRequest,
            Self::BadRemoteStatus => WorkCompletionStatus::BadResponseError,
            Self::BadRemoteLength => WorkCompletionStatus::RemoteInvalidRequest,
            Self::UnresponsiveRemote => WorkCompletionStatus::ResponseTimeout,
            Self::BadRemoteAddress => WorkCompletionStatus::GeneralError,
        }
    }
}

/// Those members of `enum ibv_wc_status` that EFA gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are libibverbs's in full")]
pub enum WorkCompletionStatus {
    Success = 0,
    LocalLengthError = 1,
    LocalQueuePairOperationError = 2,
    LocalProtectionError = 4,
    WorkRequestFlushError = 5,
    BadResponseError = 7,
    RemoteInvalidRequest = 9,
    ReceiverNotReadyRetriesExceeded = 13,
    RemoteInvalidReadRequest = 15,
    RemoteAbortError = 16,
    ResponseTimeout = 20,
    GeneralError = 21,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `enum efa_io_comp_status` to `enum ibv_wc_status`, both as numbers, as rdma-core 44 pairs them.
    #[test]
    fn statuses_carry_the_numbers_of_the_efa_provider() {
        let pairs = [0, 5, 2, 2, 2, 4, 1, 21, 16, 15, 13, 9, 7, 20];
        for (code, want) in pairs.into_iter().enumerate() {
            let code = u8::try_from(code).expect("fourteen statuses");
            let status = Status::from_code(code).expect("every code up to 13 is a status");
            assert_eq!(status.code(), code);
            assert_eq!(status.work_completion() as u32, want, "{status:?}");
        }
        assert_eq!(Status::from_code(14), None);
    }
}
