//! The machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Since 1970. Before that it is 1970.
pub(crate) fn now() -> Duration {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.unwrap_or_default()
}
