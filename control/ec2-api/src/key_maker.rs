//! Makes the key pairs that calls want, before they have their turn at the region's writer: a key of RSA takes a good part of a
//! second, in which nobody else is to wait.

use std::sync::Arc;
use std::thread::Builder;

use eni_keys::KeyError;
use eni_model::operations::key_pair::{NewKeyPair, WantedKeyPair};
use eni_model::{Ec2Error, ErrorCode};
use eni_priority::Priority;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use tokio::sync::{Semaphore, oneshot};

use crate::Fault;

/// Keys that are made at once, however many want some.
const MADE_AT_ONCE: usize = 1;
/// Calls that wait for theirs besides: the SDKs give up after 60 s.
const MOST_WAITING: usize = 32;

/// Why a call gets no key.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the system gives no seed")]
    Entropy(#[source] rand::rngs::SysError),
    #[error("no key pair was made")]
    Key(#[from] KeyError),
    #[error("no thread makes a key pair")]
    Thread(#[source] std::io::Error),
    #[error("a key pair's thread ended early")]
    Ended,
}

/// See [the module](self).
pub(crate) struct KeyMaker {
    turns: Arc<Semaphore>,
    places: Semaphore,
}

impl Default for KeyMaker {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MADE_AT_ONCE)),
            places: Semaphore::new(MADE_AT_ONCE + MOST_WAITING),
        }
    }
}

impl KeyMaker {
    /// A key pair as wanted.
    pub(crate) async fn make(&self, wanted: WantedKeyPair) -> Result<NewKeyPair, Fault> {
        let Ok(_place) = self.places.try_acquire() else {
            let message = "Request limit exceeded.";
            return Err(Ec2Error::new(ErrorCode::RequestLimitExceeded, message).into());
        };
        let made = self.make_in_turn(wanted).await;
        made.map_err(|failure| Fault::internal(&failure))
    }

    async fn make_in_turn(&self, wanted: WantedKeyPair) -> Result<NewKeyPair, Failure> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| Failure::Ended)?;
        let (tell, made) = oneshot::channel();
        let work = move || {
            Priority::Background.take();
            // Who wanted it may have gone.
            let _ = tell.send(make(&wanted));
            drop(turn);
        };
        let builder = Builder::new().name("key-pair".into());
        builder.spawn(work).map_err(Failure::Thread)?;
        made.await.unwrap_or(Err(Failure::Ended))
    }
}

fn make(wanted: &WantedKeyPair) -> Result<NewKeyPair, Failure> {
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(Failure::Entropy)?;
    Ok(eni_keys::make(wanted, &mut rng)?)
}
