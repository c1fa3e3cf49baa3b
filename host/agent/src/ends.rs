//! Waits for instances whose processes end by themselves.

mod sys;

use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;
use tokio::runtime::Runtime;

use crate::AgentError;
use crate::error::chain;

/// What is waited on; nothing where the kernel gives nothing: then ends are found by a look only.
pub(crate) struct Ends(Option<AsyncFd<OwnedFd>>);

impl Ends {
    /// Waits on the driver's `descriptor`.
    pub(crate) fn of(descriptor: Result<OwnedFd, AgentError>, runtime: &Runtime) -> Self {
        let _within = runtime.enter();
        let failed = |source| AgentError::Io {
            action: "wait for",
            path: "the end of instances".into(),
            source,
        };
        let waited = descriptor.and_then(|ends| sys::wait_for_reading(ends).map_err(failed));
        if let Err(error) = &waited {
            tracing::warn!(error = %chain(error), "the end of instances is not heard");
        }
        Self(waited.ok())
    }

    /// Completes when there may be something to hear, which is heard before this is waited for again.
    pub(crate) async fn wait(&self) {
        if let Some(descriptor) = &self.0
            && let Ok(mut ready) = descriptor.readable().await
        {
            return ready.clear_ready();
        }
        std::future::pending().await
    }
}
