//! What a fabric's thread does for an endpoint, and leaves for it to find.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use eni_efa_abi::Peer;
use eni_efa_abi::control::{Cause, Event, Request};
use eni_efa_abi::limits::DEFAULT_RING;
use eni_efa_channel::{OwnRegion, PeerRegion, RegionError};
use parking_lot::{Mutex, MutexGuard};

use crate::connection::Nudge;

/// Ring pairs that peers have begun and ended before the program has looked: what they left there is kept up to this
/// many. Each takes half a megabyte, and peers can begin them for as long as the program looks away.
const MAX_UNSEEN_ENDINGS: usize = 64;

/// What is called when the program is nudged.
pub(crate) type OnNudge = Box<dyn Fn(Nudge) + Send + Sync>;

/// An endpoint's share of a fabric's events.
#[derive(Default)]
pub(crate) struct Mailbox {
    /// Something waits in the inbox.
    bell: AtomicBool,
    inbox: Mutex<Inbox>,
    /// Set once, if at all.
    on_nudge: OnceLock<OnNudge>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Mailbox");
        debug.field("bell", &self.bell).field("inbox", &self.inbox);
        debug.finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) news: VecDeque<News>,
    /// Offers of ours that are under way.
    pub(crate) offers: HashMap<Peer, Offer>,
    /// Memory that a revocation takes away.
    pub(crate) rings: HashMap<u64, Rings>,
    /// One that came before anybody asked to be called.
    early_nudge: Option<Nudge>,
    /// The service is gone: nothing more will come.
    pub(crate) is_cut: bool,
}

impl Inbox {
    /// Whether a ring pair with `peer` is among the news.
    pub(crate) fn opens_to(&self, peer: Peer) -> bool {
        let opens =
            |news: &News| matches!(news, News::Opened { peer: other, .. } if *other == peer);
        self.news.iter().any(opens)
    }

    /// Forgets a ring pair that a peer began, and that the program has not seen, where many such have ended. The peer
    /// knows that what it left there was not taken.
    fn forgets(&mut self, conversation: u64) -> bool {
        let is_ending = |news: &&News| matches!(news, News::Broken { .. });
        if self.news.iter().filter(is_ending).count() < MAX_UNSEEN_ENDINGS {
            return false;
        }
        let begins = |news: &News| matches!(news, News::Opened { conversation: begun, attempt: None, .. } if *begun == conversation);
        let place = self.news.iter().position(begins);
        place.and_then(|place| self.news.remove(place)).is_some()
    }
}

#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) attempt: u32,
    pub(crate) own: Arc<OwnRegion>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rings {
    pub(crate) own: Arc<OwnRegion>,
    pub(crate) peer: Arc<PeerRegion>,
}

#[derive(Debug)]
pub(crate) enum News {
    Opened {
        attempt: Option<u32>,
        conversation: u64,
        peer: Peer,
        rings: Rings,
    },
    Remote {
        attempt: u32,
    },
    Failed {
        attempt: u32,
        cause: Cause,
    },
    Broken {
        conversation: u64,
        cause: Cause,
    },
    RemoteBroken {
        peer: Peer,
        cause: Cause,
    },
    ServiceGone,
}

/// What the thread sends in answer to an event.
pub(crate) type Reply = Option<(Request, Option<OwnedFd>)>;

impl Mailbox {
    /// Whether there may be news.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.bell.load(Ordering::Acquire)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock()
    }

    /// Takes the news, and keeps the mailbox locked.
    pub(crate) fn open(&self) -> MutexGuard<'_, Inbox> {
        let inbox = self.inbox.lock();
        self.bell.store(false, Ordering::Release);
        inbox
    }

    fn post(&self, inbox: &mut Inbox, news: News) {
        inbox.news.push_back(news);
        self.bell.store(true, Ordering::Release);
    }

    /// The program leaves something unread.
    pub(crate) fn nudge(&self, nudge: Nudge) {
        {
            let mut inbox = self.inbox.lock();
            if self.on_nudge.get().is_none() {
                inbox.early_nudge = Some(nudge);
                return;
            }
        }
        if let Some(on_nudge) = self.on_nudge.get() {
            on_nudge(nudge);
        }
    }

    /// Sets what is called when the program is nudged, the first time.
    pub(crate) fn on_nudge(&self, on_nudge: OnNudge) {
        let early = {
            let mut inbox = self.inbox.lock();
            let _first = self.on_nudge.set(on_nudge);
            inbox.early_nudge.take()
        };
        // Whoever nudges comes again.
        drop(early);
    }

    /// Takes in an event of this endpoint.
    pub(crate) fn take(&self, event: Event, mut attached: Vec<OwnedFd>) -> Reply {
        let mut inbox = self.inbox.lock();
        match event {
            Event::Region {
                endpoint,
                conversation,
                peer,
                attempt,
            } => {
                let file = attached.pop();
                return self.open_rings(&mut inbox, endpoint, conversation, peer, attempt, file);
            }
            Event::Remote { attempt, .. } => {
                inbox.offers.retain(|_, offer| offer.attempt != attempt);
                self.post(&mut inbox, News::Remote { attempt });
            }
            Event::Failed { attempt, cause, .. } => {
                inbox.offers.retain(|_, offer| offer.attempt != attempt);
                self.post(&mut inbox, News::Failed { attempt, cause });
            }
            Event::Broken {
                conversation,
                cause,
                ..
            } => {
                // A peer that is gone may have left records; what is revoked is given up at once.
                let rings = inbox.rings.remove(&conversation);
                if let (Some(rings), Cause::Revoked) = (rings, cause) {
                    vacate(&rings);
                }
                if inbox.forgets(conversation) {
                    return None;
                }
                self.post(
                    &mut inbox,
                    News::Broken {
                        conversation,
                        cause,
                    },
                );
            }
            Event::RemoteBroken { peer, cause, .. } => {
                self.post(&mut inbox, News::RemoteBroken { peer, cause });
            }
            Event::Nudge { .. }
            | Event::Welcome { .. }
            | Event::EndpointCreated { .. }
            | Event::AddressHandleCreated { .. }
            | Event::Refused { .. } => {}
        }
        None
    }

    fn open_rings(
        &self,
        inbox: &mut Inbox,
        endpoint: u32,
        conversation: u64,
        peer: Peer,
        attempt: Option<u32>,
        file: Option<OwnedFd>,
    ) -> Reply {
        let close = Request::Close {
            endpoint,
            conversation,
        };
        let offered = match attempt {
            None => inbox.offers.remove(&peer),
            Some(attempt) => match inbox.offers.get(&peer) {
                Some(offer) if offer.attempt == attempt => inbox.offers.remove(&peer),
                // The offer has been answered by the peer's own, which has ended since.
                Some(_) | None => return Some((close, None)),
            },
        };
        let mapped = file
            .ok_or(RegionError::NotSealed)
            .and_then(|file| PeerRegion::map(file.as_fd()));
        let (attempt, own, answer) = match offered {
            Some(offer) => (Some(offer.attempt), Ok(offer.own), None),
            None => match OwnRegion::create(DEFAULT_RING) {
                Ok((own, file)) => (None, Ok(Arc::new(own)), Some(file)),
                Err(error) => (None, Err(error), None),
            },
        };
        let (Ok(theirs), Ok(own)) = (mapped, own) else {
            if let Some(attempt) = attempt {
                let cause = Cause::Protocol;
                self.post(inbox, News::Failed { attempt, cause });
            }
            return Some((close, None));
        };
        let rings = Rings {
            own,
            peer: Arc::new(theirs),
        };
        inbox.rings.insert(conversation, rings.clone());
        self.post(
            inbox,
            News::Opened {
                attempt,
                conversation,
                peer,
                rings,
            },
        );
        answer.map(|file| {
            let answer = Request::Answer {
                endpoint,
                conversation,
            };
            (answer, Some(file))
        })
    }

    /// The service is gone: no memory stays shared.
    pub(crate) fn cut(&self) {
        let mut inbox = self.inbox.lock();
        if std::mem::replace(&mut inbox.is_cut, true) {
            return;
        }
        for (_, rings) in inbox.rings.drain() {
            vacate(&rings);
        }
        inbox.offers.clear();
        self.post(&mut inbox, News::ServiceGone);
    }
}

/// Memory that cannot be replaced stays until the endpoint drops it; the service kills a program that keeps it.
fn vacate(rings: &Rings) {
    let _own = rings.own.vacate();
    let _peer = rings.peer.vacate();
}

#[cfg(test)]
mod tests {
    use super::*;
    use eni_efa_abi::Gid;

    #[test]
    fn a_peer_that_begins_and_ends_while_the_program_looks_away_takes_bounded_memory() {
        let mailbox = Mailbox::default();
        let rounds = 4 * MAX_UNSEEN_ENDINGS as u64;
        for conversation in 0..rounds {
            let (_own, file) = OwnRegion::create(DEFAULT_RING).unwrap();
            let peer = Peer {
                gid: Gid::default(),
                queue_pair: 2,
            };
            let region = Event::Region {
                endpoint: 1,
                conversation,
                peer,
                attempt: None,
            };
            assert!(mailbox.take(region, vec![file]).is_some());
            let broken = Event::Broken {
                endpoint: 1,
                conversation,
                cause: Cause::PeerGone,
            };
            mailbox.take(broken, Vec::new());
        }
        let news = &mailbox.open().news;
        let count = |wanted: fn(&News) -> bool| news.iter().filter(|news| wanted(news)).count();
        assert_eq!(
            count(|news| matches!(news, News::Opened { .. })),
            MAX_UNSEEN_ENDINGS
        );
        assert_eq!(
            count(|news| matches!(news, News::Broken { .. })),
            MAX_UNSEEN_ENDINGS
        );
    }
}
