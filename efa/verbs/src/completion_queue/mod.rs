//! Completion queues: polling, which is also what moves everything.

pub(crate) mod sys;

use crate::bindings::{
    IBV_WC_RECV, IBV_WC_RECV_RDMA_WITH_IMM, IBV_WC_SEND, IBV_WC_WITH_IMM, ibv_wc_opcode,
};
use crate::context::Opened;
use eni_efa_device::{Completion, CompletionOperation, CompletionQueueId, DeviceError};
use libc::c_int;
use std::sync::Arc;

/// A program that polls while completions wait, and never finds the queue empty, moves things every so many polls.
const POLLS_PER_PROGRESS: u32 = 16;

/// What we keep of a completion queue. Its lock lies beside it.
pub(crate) struct Queue {
    opened: Arc<Opened>,
    pub(crate) id: CompletionQueueId,
    polls: u32,
}

impl Queue {
    /// The next completion, after moving what can be moved when none waits.
    #[inline]
    fn start(&mut self) -> Result<Completion, c_int> {
        let mut state = self.opened.lock()?;
        self.polls = self.polls.wrapping_add(1);
        if self.polls.is_multiple_of(POLLS_PER_PROGRESS) || !state.device.has_completion(self.id) {
            state.progress(self.id);
        }
        completion(state.device.poll(self.id))
    }

    /// The next completion, if one waits.
    #[inline]
    fn next(&mut self) -> Result<Completion, c_int> {
        completion(self.opened.lock()?.device.poll(self.id))
    }
}

#[inline]
fn completion(polled: Result<Option<Completion>, DeviceError>) -> Result<Completion, c_int> {
    match polled {
        Ok(completion) => completion.ok_or(libc::ENOENT),
        Err(error) => Err(crate::context::object_error(error)),
    }
}

/// `enum ibv_wc_opcode`. rdma-core 44 calls every completion of the send queue a send, and libfabric 1.17 knows no
/// other; later ones tell their operations apart by themselves.
fn opcode(operation: CompletionOperation) -> ibv_wc_opcode {
    match operation {
        CompletionOperation::Send
        | CompletionOperation::RdmaRead
        | CompletionOperation::RdmaWrite => IBV_WC_SEND,
        CompletionOperation::Receive => IBV_WC_RECV,
        CompletionOperation::ReceiveRdmaWithImmediate => IBV_WC_RECV_RDMA_WITH_IMM,
    }
}

/// `ibv_wc.wc_flags`.
fn flags(completion: &Completion) -> u32 {
    if completion.immediate.is_some() {
        IBV_WC_WITH_IMM
    } else {
        0
    }
}
