//! Conversations: ring pairs between two endpoints of this host.

use std::collections::HashSet;

use eni_efa_abi::Peer;
use eni_efa_abi::control::{Cause, Event};
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_LANES};

use super::output::{EndpointId, Output, ProgramId, Region, RegionIdentity};
use super::{Broker, Judges};
use crate::policy::Policy;

/// Offers of one device that an endpoint may have to answer. A peer that offers and gives up, over and over, would else
/// fill the answerer's queue of events, and the answerer be cut off for not reading it. A device's endpoints can all
/// offer at once, and again.
const MAX_UNSETTLED: usize = 2 * MAX_ENDPOINTS;

#[derive(Debug)]
pub(super) struct Conversation {
    offerer: EndpointId,
    attempt: u32,
    offered: RegionIdentity,
    answerer: EndpointId,
    /// Nothing until the answer.
    answered: Option<RegionIdentity>,
}

impl Conversation {
    pub(super) fn sides(&self) -> [EndpointId; 2] {
        [self.offerer, self.answerer]
    }
}

impl<R> Broker<R> {
    pub(super) fn offer(
        &mut self,
        judges: Judges<'_>,
        id: EndpointId,
        attempt: u32,
        peer: Peer,
        region: Option<Region<R>>,
    ) -> Result<(), Cause> {
        let region = region.ok_or(Cause::Protocol)?;
        // A program takes an offer that crosses its own for the answer, and says nothing more to it.
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.unsettled.retain(|_, offerer| *offerer != peer);
        }
        let endpoint = self.endpoints.get(&id).ok_or(Cause::Unreachable)?;
        let own = endpoint.address;
        if own == peer {
            return Err(Cause::Protocol);
        }
        if judges.policy.may_converse(own.gid, peer.gid).is_err() {
            self.tallies.of(own.gid).refused += 1;
            return Err(Cause::Refused);
        }
        if endpoint.lanes() >= MAX_LANES {
            return Err(Cause::Refused);
        }
        if let Some(other) = self.by_address.get(&peer).copied() {
            return self.offer_here(id, attempt, other, region);
        }
        let is_here = |device: &super::Device| device.attributes.gid == peer.gid;
        if self.devices.iter().any(is_here) {
            return Err(Cause::PeerGone);
        }
        judges
            .directory
            .host_of(peer.gid)
            .ok_or(Cause::Unreachable)?;
        self.offer_elsewhere(id, attempt, peer)
    }

    fn offer_here(
        &mut self,
        id: EndpointId,
        attempt: u32,
        other: EndpointId,
        region: Region<R>,
    ) -> Result<(), Cause> {
        if let Some(number) = self.pairs.get(&pair(id, other)).copied() {
            let open = self.conversations.get(&number);
            // Both offered at once: the second offer is the answer to the first.
            let crossed = open.is_some_and(|open| open.answerer == id && open.answered.is_none());
            if !crossed {
                return Err(Cause::Protocol);
            }
            self.answer(id, number, Some(region));
            return Ok(());
        }
        let (Some(endpoint), Some(peer)) = (self.endpoints.get(&id), self.endpoints.get(&other))
        else {
            return Err(Cause::Unreachable);
        };
        let unsettled = peer.unsettled.values();
        let of_offerer = unsettled.filter(|offerer| offerer.gid == endpoint.address.gid);
        if peer.lanes() >= MAX_LANES || of_offerer.count() >= MAX_UNSETTLED {
            return Err(Cause::Refused);
        }
        let (program, from) = (peer.program, endpoint.address);
        self.last_conversation += 1;
        let number = self.last_conversation;
        let conversation = Conversation {
            offerer: id,
            attempt,
            offered: region.identity,
            answerer: other,
            answered: None,
        };
        self.conversations.insert(number, conversation);
        self.pairs.insert(pair(id, other), number);
        for side in [id, other] {
            if let Some(endpoint) = self.endpoints.get_mut(&side) {
                endpoint.conversations.insert(number);
                self.tallies.of(endpoint.address.gid).lanes += 1;
            }
        }
        if let Some(answerer) = self.endpoints.get_mut(&other) {
            answerer.unsettled.insert(number, from);
        }
        let event = Event::Region {
            endpoint: other.0,
            conversation: number,
            peer: from,
            attempt: None,
        };
        self.outputs.push(Output::Send {
            program,
            event,
            region: Some(region.file),
        });
        Ok(())
    }

    fn offer_elsewhere(&mut self, id: EndpointId, attempt: u32, peer: Peer) -> Result<(), Cause> {
        let carried = self
            .devices
            .iter()
            .any(|device| device.attributes.reaches_other_hosts);
        let endpoint = self.endpoints.get_mut(&id).filter(|_| carried);
        let endpoint = endpoint.ok_or(Cause::Unreachable)?;
        if endpoint.remote.insert(peer) {
            self.tallies.of(endpoint.address.gid).lanes += 1;
        }
        let program = endpoint.program;
        self.outputs.push(Output::Reach { endpoint: id, peer });
        self.tell(
            program,
            Event::Remote {
                endpoint: id.0,
                attempt,
            },
        );
        Ok(())
    }

    pub(super) fn answer(&mut self, id: EndpointId, number: u64, region: Option<Region<R>>) {
        let Some(open) = self.conversations.get_mut(&number) else {
            return;
        };
        if open.answerer != id || open.answered.is_some() {
            return;
        }
        let Some(region) = region else {
            return self.close(id, number);
        };
        open.answered = Some(region.identity);
        let (offerer, attempt) = (open.offerer, open.attempt);
        let program = self
            .endpoints
            .get(&offerer)
            .map(|endpoint| endpoint.program);
        let peer = self.endpoints.get(&id).map(|endpoint| endpoint.address);
        if let (Some(program), Some(peer)) = (program, peer) {
            let event = Event::Region {
                endpoint: offerer.0,
                conversation: number,
                peer,
                attempt: Some(attempt),
            };
            self.outputs.push(Output::Send {
                program,
                event,
                region: Some(region.file),
            });
        }
    }

    /// An endpoint has answered an offer, whatever has become of it meanwhile.
    pub(super) fn settle(&mut self, id: EndpointId, number: u64) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.unsettled.remove(&number);
        }
    }

    /// One side ends a conversation.
    pub(super) fn close(&mut self, id: EndpointId, number: u64) {
        let sides = self.conversations.get(&number).map(Conversation::sides);
        if sides.is_some_and(|sides| sides.contains(&id)) {
            self.break_conversation(number, Cause::PeerGone, Some(id));
        }
    }

    /// Ends a conversation and tells both sides, but not `silent`, which knows.
    pub(super) fn break_conversation(
        &mut self,
        number: u64,
        cause: Cause,
        silent: Option<EndpointId>,
    ) {
        let Some(ended) = self.conversations.remove(&number) else {
            return;
        };
        self.pairs.remove(&pair(ended.offerer, ended.answerer));
        for id in [ended.offerer, ended.answerer] {
            let Some(endpoint) = self.endpoints.get_mut(&id) else {
                continue;
            };
            endpoint.conversations.remove(&number);
            let tally = self.tallies.of(endpoint.address.gid);
            tally.lanes -= 1;
            tally.revoked += u64::from(cause == Cause::Revoked);
            if silent == Some(id) {
                continue;
            }
            let program = endpoint.program;
            // The offerer does not know the conversation's number before the answer.
            let event = if id == ended.offerer && ended.answered.is_none() {
                Event::Failed {
                    endpoint: id.0,
                    attempt: ended.attempt,
                    cause,
                }
            } else {
                Event::Broken {
                    endpoint: id.0,
                    conversation: number,
                    cause,
                }
            };
            self.tell(program, event);
        }
    }

    /// Ends a conversation that is no longer allowed, and has both programs looked at later.
    pub(super) fn revoke(&mut self, number: u64) {
        let Some(open) = self.conversations.get(&number) else {
            return;
        };
        let program = |id| self.endpoints.get(&id).map(|endpoint| endpoint.program);
        let holders = [
            (program(open.answerer), Some(open.offered)),
            (program(open.offerer), open.answered),
        ];
        self.break_conversation(number, Cause::Revoked, None);
        for (program, region) in holders {
            if let (Some(program), Some(region)) = (program, region) {
                self.outputs.push(Output::Inspect { program, region });
            }
        }
    }

    /// The regions of others that a program has lawfully, in conversations that go on: peers may offer one region twice.
    pub fn regions_held_by(&self, program: ProgramId) -> HashSet<RegionIdentity> {
        let endpoints = self.programs.get(&program).map(|state| &state.endpoints);
        let mut held = HashSet::new();
        for id in endpoints.into_iter().flatten() {
            let endpoint = self.endpoints.get(id);
            let numbers = endpoint.into_iter().flat_map(|open| &open.conversations);
            for open in numbers.filter_map(|number| self.conversations.get(number)) {
                if open.answerer == *id {
                    held.insert(open.offered);
                } else {
                    held.extend(open.answered);
                }
            }
        }
        held
    }

    /// The policy has changed: what it no longer allows ends.
    pub fn policy_changed(&mut self, policy: &dyn Policy) {
        let gid = |id: EndpointId| self.endpoints.get(&id).map(|endpoint| endpoint.address.gid);
        let forbidden = |open: &Conversation| {
            let (Some(a), Some(b)) = (gid(open.offerer), gid(open.answerer)) else {
                return true;
            };
            policy.may_converse(a, b).is_err()
        };
        let ended: Vec<u64> = self
            .conversations
            .iter()
            .filter(|(_, open)| forbidden(open))
            .map(|(number, _)| *number)
            .collect();
        for number in ended {
            self.revoke(number);
        }
        self.break_remote(Cause::Revoked, |own, peer| {
            policy.may_converse(own.gid, peer.gid).is_err()
        });
    }

    /// Ends the lanes to peers on other hosts that `is_ended` says.
    pub fn break_remote(&mut self, cause: Cause, is_ended: impl Fn(Peer, Peer) -> bool) {
        let mut told = Vec::new();
        for (id, endpoint) in &mut self.endpoints {
            let own = endpoint.address;
            let ended = endpoint.remote.extract_if(|peer| is_ended(own, *peer));
            let before = told.len();
            told.extend(ended.map(|peer| (*id, endpoint.program, peer)));
            let ended = (told.len() - before) as u64;
            if ended > 0 {
                let tally = self.tallies.of(own.gid);
                tally.lanes -= ended;
                tally.revoked += if cause == Cause::Revoked { ended } else { 0 };
            }
        }
        for (id, program, peer) in told {
            let endpoint = id.0;
            self.tell(
                program,
                Event::RemoteBroken {
                    endpoint,
                    peer,
                    cause,
                },
            );
        }
    }

    /// A record has come from another host by a lane that did not exist.
    pub fn reached(&mut self, id: EndpointId, peer: Peer) {
        if let Some(endpoint) = self.endpoints.get_mut(&id)
            && endpoint.remote.insert(peer)
        {
            self.tallies.of(endpoint.address.gid).lanes += 1;
        }
    }
}

fn pair(a: EndpointId, b: EndpointId) -> (EndpointId, EndpointId) {
    (a.min(b), a.max(b))
}
