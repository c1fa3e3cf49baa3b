//! Offers on their way to a program: few at a time, so that what others offer never costs it its connection.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eni_efa_abi::control::Event;
use eni_efa_abi::{Gid, Peer};

use super::Broker;
use super::output::{EndpointId, Output, ProgramId};

/// Offers that a program was told of and has not answered, those to all its endpoints together. Each has queued one
/// descriptor for it: half of what may be queued, and the other half is left to what the program itself asked for.
pub(crate) const MAX_UNSETTLED: usize = 128;
/// Those of one offering device among them: others find room beside it.
pub(super) const MAX_UNSETTLED_OF_DEVICE: usize = MAX_UNSETTLED / 4;
/// Offers of one program that wait until others have answered more; the service holds a descriptor for each. Half of
/// all programs, with the descriptors that are queued for them, leave 1/4 of a limit of 524,288 open files (systemd's).
pub(super) const MAX_WAITING: usize = 512;

/// The offers to a program, and how many of its own wait for others.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// Those that it was told of and has not answered, over or not: to which endpoint, and whose.
    unsettled: HashMap<u64, (EndpointId, Peer)>,
    /// Those that it is not told of yet, by offering device; older ones have lower numbers.
    waiting: BTreeMap<Gid, BTreeSet<u64>>,
    /// The program's own that others are not told of yet.
    own_waiting: usize,
}

impl Offers {
    /// Whether the program may be told of one more offer of this device. None of the device waits then.
    pub(super) fn has_room_for(&self, device: Gid) -> bool {
        self.unsettled.len() < MAX_UNSETTLED && self.unsettled_of(device) < MAX_UNSETTLED_OF_DEVICE
    }

    /// Whether one more of the program's own may wait.
    pub(super) fn may_wait(&self) -> bool {
        self.own_waiting < MAX_WAITING
    }

    fn unsettled_of(&self, device: Gid) -> usize {
        let offerers = self.unsettled.values();
        offerers.filter(|(_, peer)| peer.gid == device).count()
    }

    /// The next to tell the program of: of the device that it has the fewest to answer of, the oldest.
    fn next(&self) -> Option<u64> {
        let of_devices = self.waiting.iter();
        let with_room = of_devices.filter(|(device, _)| self.has_room_for(**device));
        let oldest = with_room.filter_map(|(device, numbers)| {
            let number = *numbers.first()?;
            Some((self.unsettled_of(*device), number))
        });
        Some(oldest.min()?.1)
    }

    fn stop_waiting(&mut self, device: Gid, number: u64) {
        if let Some(numbers) = self.waiting.get_mut(&device) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.waiting.remove(&device);
            }
        }
    }

    /// Forgets what the program was told of and will not answer.
    pub(super) fn forget(&mut self, is_forgotten: impl Fn(EndpointId, Peer) -> bool) {
        self.unsettled
            .retain(|_, (endpoint, peer)| !is_forgotten(*endpoint, *peer));
    }

    /// The program has answered one of its endpoint's.
    pub(super) fn settle(&mut self, id: EndpointId, number: u64) {
        if self.unsettled.get(&number).is_some_and(|of| of.0 == id) {
            self.unsettled.remove(&number);
        }
    }
}

impl<R> Broker<R> {
    /// Has an offer wait for its turn, which may be at once.
    pub(super) fn wait(&mut self, number: u64, from: (ProgramId, Peer), to: ProgramId) {
        let (offerer, address) = from;
        if let Some(state) = self.programs.get_mut(&offerer) {
            state.offers.own_waiting += 1;
        }
        if let Some(state) = self.programs.get_mut(&to) {
            let of_device = state.offers.waiting.entry(address.gid).or_default();
            of_device.insert(number);
        }
        self.pass_on(to);
    }

    /// Ends an offer's waiting. Returns the offered region, where it waited.
    pub(super) fn stop_waiting(&mut self, number: u64) -> Option<R> {
        let open = self.conversations.get_mut(&number)?;
        let region = open.waiting.take()?;
        let [offerer, answerer] = open.sides().map(|id| self.endpoints.get(&id));
        if let (Some(offerer), Some(answerer)) = (offerer, answerer) {
            if let Some(state) = self.programs.get_mut(&offerer.program) {
                state.offers.own_waiting -= 1;
            }
            if let Some(state) = self.programs.get_mut(&answerer.program) {
                state.offers.stop_waiting(offerer.address.gid, number);
            }
        }
        Some(region)
    }

    /// Tells a program of the offers that it has room for.
    pub(super) fn pass_on(&mut self, program: ProgramId) {
        loop {
            let state = self.programs.get(&program);
            let Some(number) = state.and_then(|state| state.offers.next()) else {
                return;
            };
            // What waits is there, and so are both its sides.
            let Some((id, from)) = self.tell_of_offer(number) else {
                return;
            };
            if let Some(state) = self.programs.get_mut(&program) {
                state.offers.unsettled.insert(number, (id, from));
            }
        }
    }

    /// Gives an endpoint the region of an offer that waited. Returns which endpoint, and who offered.
    pub(super) fn tell_of_offer(&mut self, number: u64) -> Option<(EndpointId, Peer)> {
        let region = self.stop_waiting(number)?;
        let [offerer, answerer] = self.conversations.get(&number)?.sides();
        let peer = self.endpoints.get(&offerer)?.address;
        let event = Event::Region {
            endpoint: answerer.0,
            conversation: number,
            peer,
            attempt: None,
        };
        self.outputs.push(Output::Send {
            program: self.endpoints.get(&answerer)?.program,
            event,
            region: Some(region),
        });
        Some((answerer, peer))
    }

    /// An endpoint has answered an offer, whatever has become of it meanwhile.
    pub(super) fn settle(&mut self, id: EndpointId, number: u64) {
        let Some(program) = self.program_of(id) else {
            return;
        };
        if let Some(state) = self.programs.get_mut(&program) {
            state.offers.settle(id, number);
        }
        self.pass_on(program);
    }

    /// What is kept of offers agrees with the conversations, within the bounds, and nothing waits that has room.
    #[cfg(test)]
    pub(super) fn check_offers(&self) {
        for (id, state) in &self.programs {
            let offers = &state.offers;
            assert!(offers.unsettled.len() <= MAX_UNSETTLED);
            for (endpoint, peer) in offers.unsettled.values() {
                assert!(state.endpoints.contains(endpoint));
                assert!(offers.unsettled_of(peer.gid) <= MAX_UNSETTLED_OF_DEVICE);
            }
            assert_eq!(offers.next(), None);
            let (mut own, mut waiting) = (0, BTreeMap::<_, BTreeSet<_>>::new());
            for (number, open) in &self.conversations {
                let [offerer, answerer] = open.sides().map(|side| &self.endpoints[&side]);
                if open.waiting.is_some() {
                    own += usize::from(offerer.program == *id);
                    if answerer.program == *id {
                        let of_device = waiting.entry(offerer.address.gid).or_default();
                        of_device.insert(*number);
                    }
                }
            }
            assert!(own <= MAX_WAITING);
            assert_eq!((offers.own_waiting, &offers.waiting), (own, &waiting));
        }
    }

    /// The offers that a program is to answer.
    #[cfg(test)]
    pub(super) fn unsettled_of(&self, program: ProgramId) -> Vec<(u64, EndpointId)> {
        let state = self.programs.get(&program).into_iter();
        let unsettled = state.flat_map(|state| &state.offers.unsettled);
        unsettled.map(|(number, of)| (*number, of.0)).collect()
    }

    /// An endpoint takes another's offers, where there are any, for answers to its own, and says nothing more to them.
    pub(super) fn settle_crossing(&mut self, id: EndpointId, peer: Peer) {
        let Some(program) = self.program_of(id) else {
            return;
        };
        if let Some(state) = self.programs.get_mut(&program) {
            state
                .offers
                .forget(|endpoint, offerer| (endpoint, offerer) == (id, peer));
        }
        self.pass_on(program);
    }
}
