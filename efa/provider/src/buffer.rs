//! Memory of the program, and records to and from it.

mod sys;

pub(crate) use sys::{Arrived, Outbound, ProgramBuffer};

use eni_efa_client::{Cause, LaneState, TrySendError};
use eni_efa_messaging::{Fault, Refusal, Route};

/// Stretches of memory of one operation, as `fi_tx_attr.iov_limit` and `fi_rx_attr.iov_limit` say.
pub(crate) const STRETCHES: usize = 4;

/// What the end of a lane means for its operations.
pub(crate) fn fault_of(cause: Cause) -> Fault {
    match cause {
        Cause::PeerGone => Fault::PeerGone,
        Cause::Refused => Fault::Refused,
        Cause::Revoked => Fault::Revoked,
        Cause::Protocol => Fault::Protocol,
        Cause::ServiceGone => Fault::ServiceGone,
        Cause::Unreachable => Fault::Unreachable,
    }
}

pub(crate) fn route_of(state: LaneState) -> Route {
    match state {
        LaneState::Connecting => Route::Connecting,
        LaneState::Open { local: true } => Route::Local,
        LaneState::Open { local: false } => Route::Remote,
        LaneState::Broken(cause) => Route::Broken(fault_of(cause)),
    }
}

pub(crate) fn refusal_of(error: TrySendError) -> Refusal {
    match error {
        TrySendError::Full | TrySendError::Connecting => Refusal::Again,
        TrySendError::Broken(cause) => Refusal::Broken(fault_of(cause)),
        // The engine cuts records to what lanes carry.
        TrySendError::TooLong => Refusal::Broken(Fault::Protocol),
    }
}
