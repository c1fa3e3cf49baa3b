//! How the tables lane hears of what is published.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use tokio::sync::Notify;

/// Publications that the lane has not looked at.
#[derive(Default)]
pub(crate) struct Publications {
    pub(crate) unseen: AtomicBool,
    pub(crate) news: Notify,
}

impl Wake for Publications {
    fn wake(self: Arc<Self>) {
        self.unseen.store(true, Ordering::Release);
        self.news.notify_one();
    }
}
