//! What `openeni status` shows of the data plane and of the agent.

use eni_abi::{DropReason, SERVICES_VPORT, Traffic};
use eni_bpf_loader::Programs;
use eni_plan::{Observed, Plug, UPLINK_VPORT};

use crate::{AgentError, LaneStatus};

/// The data plane, and the lanes that make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Every interface in the data plane.
    pub vports: Vec<VportStatus>,
    /// How the agent's lanes fare.
    pub lanes: Vec<LaneStatus>,
}

/// An interface in the data plane, and what passed and was dropped there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VportStatus {
    /// Its number.
    pub vport: u32,
    /// The interface; none for the uplink and the services' end.
    pub plug: Option<Plug>,
    /// Whether packets pass at all.
    pub passes: bool,
    /// Packets delivered from and to it.
    pub traffic: Traffic,
    /// Packets dropped, by reason; reasons without drops are left out.
    pub drops: Vec<(DropReason, u64)>,
}

/// A vport, whose counters are yet to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownVport {
    vport: u32,
    plug: Option<Plug>,
    passes: bool,
}

impl VportStatus {
    /// Whether it is the end of the fabric's services.
    #[must_use]
    pub fn is_of_services(&self) -> bool {
        self.vport == SERVICES_VPORT
    }
}

impl KnownVport {
    /// The uplink, the services' end, and every device.
    pub(crate) fn all(observed: &Observed) -> Vec<Self> {
        let devices = observed.devices.iter();
        let plugs = devices.map(|(vport, device)| (*vport, device.plug));
        [(UPLINK_VPORT, None), (SERVICES_VPORT, None)]
            .into_iter()
            .chain(plugs)
            .map(|(vport, plug)| Self {
                vport,
                plug,
                passes: observed.passes(vport),
            })
            .collect()
    }

    /// With its counters: some 40 system calls.
    pub(crate) fn read(self, programs: &Programs) -> Result<VportStatus, AgentError> {
        let Self {
            vport,
            plug,
            passes,
        } = self;
        Ok(VportStatus {
            vport,
            plug,
            passes,
            traffic: programs.traffic(vport)?,
            drops: programs.drops(vport)?,
        })
    }
}
