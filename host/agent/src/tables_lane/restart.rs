//! The lane after a panic.

use eni_plan::Observed;

use super::due::FIRST_RETRY;
use super::{Request, TablesLane};
use crate::AgentError;
use crate::converge::Knowledge;
use crate::error::chain;
use crate::machine::observe;
use crate::supervision::LaneState;

/// After so many attempts to start anew, none of which led to a turn that succeeded, the lane ends.
const MAX_ATTEMPTS: u32 = 8;

impl TablesLane {
    /// After a panic: begins again from what is observed, tables and devices. False once the lane has ended.
    pub(super) fn start_anew(&mut self, panics_in_a_row: u32) -> bool {
        self.lane.is_now(LaneState::Restarting);
        for attempt in panics_in_a_row..MAX_ATTEMPTS {
            std::thread::sleep(FIRST_RETRY * attempt);
            match self.observe_anew() {
                Ok(()) => {
                    self.lane.is_now(LaneState::Running);
                    return true;
                }
                Err(error) => self.lane.has_failed(chain(&error)),
            }
        }
        self.lane.is_now(LaneState::Ended);
        tracing::error!(
            "the agent's tables lane cannot be started again: the network stays as it is until this process is restarted"
        );
        self.wait_for_the_end();
        false
    }

    fn observe_anew(&mut self) -> Result<(), AgentError> {
        // Steps that are under way are observed when they end.
        self.devices.clear();
        let observed: Observed = observe(&self.tables, self.devices.machine())?;
        let maps: Vec<u32> = self.knowledge.maps.instances().collect();
        let vports = std::mem::take(&mut self.knowledge.vports);
        self.knowledge = Knowledge {
            // Of a device that is being made only its number is known.
            vports,
            doubts_devices: true,
            ..Knowledge::found(observed, maps)
        };
        self.lowering = None;
        Ok(())
    }

    /// Answers what is asked of a lane that has ended, until it is asked to stop.
    fn wait_for_the_end(&mut self) {
        while let Some(request) = self.inbox.blocking_recv() {
            match request {
                Request::Vports(reply) => drop(reply.send(Vec::new())),
                Request::Stop => return,
            }
        }
    }
}
