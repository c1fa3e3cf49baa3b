//! Where time and randomness come from.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use eni_types::Timestamp;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

use crate::OpenError;

/// Reads the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What planners are given that is not in the world.
pub struct Environment {
    /// The time of planning. The region never lets it go back between two calls.
    pub clock: Clock,
    /// Addresses and parts of ids are drawn from it.
    pub rng: Box<dyn Rng + Send>,
}

impl Environment {
    /// The system's clock, and a generator seeded by the system.
    ///
    /// # Errors
    /// [`OpenError::Entropy`] when the system gives no seed.
    pub fn of_this_machine() -> Result<Self, OpenError> {
        let rng = StdRng::try_from_rng(&mut SysRng).map_err(OpenError::Entropy)?;
        Ok(Self {
            clock: Arc::new(system_time),
            rng: Box::new(rng),
        })
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Environment")
            .finish_non_exhaustive()
    }
}

fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
