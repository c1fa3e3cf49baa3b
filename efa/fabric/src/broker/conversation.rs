//! Conversations: ring pairs between two endpoints of this host.

use std::collections::HashSet;

use eni_efa_abi::Peer;
use eni_efa_abi::control::{Cause, Event};
use eni_efa_abi::limits::MAX_LANES;

use super::output::{EndpointId, Output, ProgramId, Region, RegionIdentity};
use super::waiting::Offers;
use super::{Broker, Judges};
use crate::policy::Policy;

#[derive(Debug)]
pub(super) struct Conversation<R> {
    offerer: EndpointId,
    attempt: u32,
    offered: RegionIdentity,
    /// The offered region, until the answerer is told of it.
    pub(super) waiting: Option<R>,
    answerer: EndpointId,
    /// Nothing until the answer.
    answered: Option<RegionIdentity>,
}

impl<R> Conversation<R> {
    pub(super) fn sides(&self) -> [EndpointId; 2] {
        [self.offerer, self.answerer]
    }

    /// The offered region, where the answerer has it.
    fn region_of_offerer(&self) -> Option<RegionIdentity> {
        self.waiting.is_none().then_some(self.offered)
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
        self.settle_crossing(id, peer);
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
            if self.tell_of_offer(number).is_none() {
                self.settle(id, number);
            }
            self.answer(id, number, Some(region));
            return Ok(());
        }
        let (Some(endpoint), Some(peer)) = (self.endpoints.get(&id), self.endpoints.get(&other))
        else {
            return Err(Cause::Unreachable);
        };
        let (from, to) = (endpoint.program, peer.program);
        let address = endpoint.address;
        let offers = |program| self.programs.get(&program).map(|state| &state.offers);
        let is_next = offers(to).is_some_and(|offers| offers.has_room_for(address.gid));
        let may_wait = offers(from).is_some_and(Offers::may_wait);
        if peer.lanes() >= MAX_LANES || !(is_next || may_wait) {
            return Err(Cause::Refused);
        }
        self.last_conversation += 1;
        let number = self.last_conversation;
        let conversation = Conversation {
            offerer: id,
            attempt,
            offered: region.identity,
            waiting: Some(region.file),
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
        self.wait(number, (from, address), to);
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
        let is_told = open.waiting.is_none();
        if open.answerer != id || open.answered.is_some() || !is_told {
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

    /// One side ends a conversation.
    pub(super) fn close(&mut self, id: EndpointId, number: u64) {
        let sides = self.conversations.get(&number).map(|open| open.sides());
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
        let is_told = self.stop_waiting(number).is_none();
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
            if silent == Some(id) || (id == ended.answerer && !is_told) {
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
            (program(open.answerer), open.region_of_offerer()),
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
                    held.extend(open.region_of_offerer());
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
        let forbidden = |open: &Conversation<R>| {
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
