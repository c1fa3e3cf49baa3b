//! Programs that leave unread what others wrote for them are told so.

use eni_efa_abi::control::Event;

use super::Broker;
use super::output::EndpointId;

impl<R> Broker<R> {
    /// One side of a conversation says that the other does not read.
    pub(super) fn nudge_peer(&mut self, id: EndpointId, number: u64) {
        let other = match self.conversations.get(&number) {
            Some(open) if open.sides().contains(&id) => {
                open.sides().into_iter().find(|side| *side != id)
            }
            Some(_) | None => None,
        };
        if let Some(other) = other {
            self.nudge(other);
        }
    }

    /// Something for an endpoint is unread. It hears so once until it has looked, so that no peer fills its queue of
    /// events with this.
    pub fn nudge(&mut self, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(&id)
            && !std::mem::replace(&mut endpoint.is_nudged, true)
        {
            let program = endpoint.program;
            self.tell(program, Event::Nudge { endpoint: id.0 });
        }
    }

    /// An endpoint has looked.
    pub(super) fn nudged(&mut self, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.is_nudged = false;
        }
    }
}
