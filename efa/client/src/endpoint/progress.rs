//! What happens to an endpoint outside its rings: lanes open, break, end.

use std::time::Instant;

use eni_efa_abi::Peer;
use eni_efa_abi::control::{Cause, Request};
use eni_efa_abi::unread::Watch;
use eni_efa_channel::channel;

use super::Endpoint;
use crate::handler::Handler;
use crate::lane::{Ending, Inbound, LaneId, Local, Pacing, State};
use crate::mailbox::{News, Rings};

impl Endpoint {
    /// Takes in the news and tells the handler of lanes that broke.
    #[cold]
    pub(super) fn progress(&mut self, handler: &mut impl Handler) {
        self.send_unsent();
        self.take_news();
        while let Some((lane, cause)) = self.broken.pop() {
            match self.forget_lane(lane, cause) {
                Some(Forgotten::Known) => handler.broken(lane, cause),
                Some(Forgotten::Unknown) => self.free_lanes.push(lane),
                None => {}
            }
        }
    }

    pub(super) fn take_news(&mut self) {
        let news = std::mem::take(&mut self.mailbox.open().news);
        for one in news {
            match one {
                News::Opened {
                    attempt,
                    conversation,
                    peer,
                    rings,
                } => self.opened(attempt, conversation, peer, &rings),
                News::Remote { attempt } => {
                    if let Some(lane) = self.answered(attempt) {
                        self.open_remote(lane);
                    }
                }
                News::Failed { attempt, cause } => {
                    if let Some(lane) = self.answered(attempt) {
                        self.break_lane(lane, cause);
                    }
                }
                News::Broken {
                    conversation,
                    cause,
                } => {
                    if let Some(lane) = self.by_conversation.remove(&conversation) {
                        self.end_lane(lane, cause);
                    }
                }
                News::RemoteBroken { peer, cause } => {
                    if let Some(lane) = self.by_peer.get(&peer) {
                        self.break_lane(*lane, cause);
                    }
                }
                News::ServiceGone => {
                    self.is_cut = true;
                    self.by_conversation.clear();
                    let lanes = self.by_peer.values();
                    self.broken
                        .extend(lanes.map(|lane| (*lane, Cause::ServiceGone)));
                }
            }
        }
    }

    /// The lane of an attempt that the service has answered, where it still waits for that. The answer to an attempt whose
    /// lane has ended can come at any time: a peer on this host lets the service wait for it.
    fn answered(&mut self, attempt: u32) -> Option<LaneId> {
        let lane = self.attempts.end(attempt)?;
        let found = self.lanes.get_mut(lane.index())?;
        found.attempt = None;
        matches!(found.state, State::Connecting).then_some(lane)
    }

    /// A ring pair is there. Without an attempt of ours the peer began it.
    fn opened(&mut self, attempt: Option<u32>, conversation: u64, peer: Peer, rings: &Rings) {
        let lane = match attempt {
            Some(attempt) => match self.answered(attempt) {
                Some(lane) => lane,
                None => {
                    self.mailbox.lock().rings.remove(&conversation);
                    return self.close(conversation);
                }
            },
            None => match self.by_peer.get(&peer) {
                Some(lane) if self.lanes[lane.index()].attempt.is_some() => *lane,
                // A lane that connects without an attempt has failed, which the handler is yet to hear.
                Some(_) | None => self.add_lane(peer, State::Connecting),
            },
        };
        self.open_lane(lane, conversation, rings);
    }

    fn open_lane(&mut self, lane: LaneId, conversation: u64, rings: &Rings) {
        if let Some(attempt) = self.lanes[lane.index()].attempt.take() {
            self.attempts.end(attempt);
        }
        let (producer, consumer) = channel(&rings.own, &rings.peer);
        self.lanes[lane.index()].state = State::Local(Local {
            producer,
            own: rings.own.clone(),
            conversation: Some(conversation),
            pacing: Pacing::default(),
            watch: Watch::default(),
        });
        self.by_conversation.insert(conversation, lane);
        self.inbound.push(Inbound {
            lane,
            consumer,
            ending: None,
            is_heard: false,
        });
    }

    pub(super) fn open_remote(&mut self, lane: LaneId) {
        if let Some(found) = self.lanes.get_mut(lane.index())
            && matches!(found.state, State::Connecting)
        {
            found.state = State::Remote;
            self.remote_lanes += 1;
        }
    }

    /// What a peer wrote before it went is still to be taken; everything else ends a lane at once.
    fn end_lane(&mut self, lane: LaneId, cause: Cause) {
        let inbound = self.inbound.iter_mut().find(|inbound| inbound.lane == lane);
        match (inbound, cause) {
            (Some(inbound), Cause::PeerGone) => {
                inbound.ending = Some(Ending {
                    cause,
                    since: Instant::now(),
                });
                self.retire(lane, cause);
            }
            (Some(_), _) | (None, _) => self.break_lane(lane, cause),
        }
    }

    /// Nothing more can be sent by the lane. Gives false where that was so already.
    fn retire(&mut self, lane: LaneId, cause: Cause) -> bool {
        let Some(found) = self.lanes.get_mut(lane.index()) else {
            return false;
        };
        let (peer, attempt) = (found.peer, found.attempt.take());
        if let Some(attempt) = attempt {
            self.attempts.end(attempt);
        }
        let old = std::mem::replace(&mut found.state, State::Broken(cause));
        match old {
            State::Broken(first) => {
                found.state = State::Broken(first);
                return false;
            }
            State::Local(local) => {
                found.last_consumed = local.producer.consumed();
                found.was_local = true;
                if let Some(conversation) = local.conversation {
                    self.mailbox.lock().rings.remove(&conversation);
                    // The pair could else not open again: to the service it still is.
                    if self.by_conversation.remove(&conversation).is_some() {
                        self.close(conversation);
                    }
                }
            }
            State::Remote => self.remote_lanes -= 1,
            State::Connecting => {}
        }
        if self.by_peer.get(&peer) == Some(&lane) {
            self.by_peer.remove(&peer);
        }
        self.last_source = None;
        true
    }

    /// Tells the service of the end of a conversation that it takes to go on.
    fn close(&mut self, conversation: u64) {
        let endpoint = self.number;
        let close = Request::Close {
            endpoint,
            conversation,
        };
        self.send(close, None);
    }

    /// Ends a lane for good. Gives nothing where it has ended already.
    fn forget_lane(&mut self, lane: LaneId, cause: Cause) -> Option<Forgotten> {
        let ended = self.inbound.extract_if(.., |inbound| inbound.lane == lane);
        let ended = ended.last();
        let is_heard = ended.as_ref().is_some_and(|inbound| inbound.is_heard);
        if !self.retire(lane, cause) && ended.is_none() {
            return None;
        }
        let found = self.lanes.get_mut(lane.index())?;
        found.is_known |= is_heard;
        Some(if found.is_known {
            Forgotten::Known
        } else {
            Forgotten::Unknown
        })
    }
}

/// A lane that has ended.
enum Forgotten {
    /// The program is to hear of it.
    Known,
    /// The program has never heard of it: its number can be another's.
    Unknown,
}
