//! Instances.

use alloc::string::String;

use eni_types::{ImageId, InstanceId, InstanceState, ReservationId, SubnetId, Timestamp, VpcId};
use serde::{Deserialize, Serialize};

use crate::tags::Tags;
use crate::{IndexKey, Row};

/// An instance. Its network interfaces are found by [`IndexKey::Instance`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub instance_id: InstanceId,
    /// The launch it belongs to.
    pub reservation_id: ReservationId,
    /// Its place in that launch.
    pub ami_launch_index: u32,
    /// Its image.
    pub image_id: ImageId,
    /// Its type: a name from the table of instance types. Changeable while stopped.
    pub instance_type: String,
    /// The primary interface's subnet.
    pub subnet_id: SubnetId,
    /// The subnet's VPC.
    pub vpc_id: VpcId,
    /// The subnet's zone.
    pub availability_zone: String,
    /// Its state. The agent moves `pending`, `stopping` and `shutting-down` on.
    pub state: InstanceState,
    /// Why it is in this state, as `stateReason` and `stateTransitionReason` say.
    pub transition: Option<InstanceTransition>,
    /// When it was last launched or started.
    pub launch_time: Timestamp,
    /// Counts boots: launch is 1, each start or reboot adds 1. The agent boots it once for each number.
    pub boot_count: u64,
    /// The boot script, base64 as given.
    pub user_data: Option<String>,
    /// The key pair's name, as given; described, without effect.
    pub key_name: Option<String>,
    /// Attribute `disableApiTermination`.
    pub disable_api_termination: bool,
    /// Attribute `instanceInitiatedShutdownBehavior`: `stop` or `terminate`.
    pub instance_initiated_shutdown_behavior: String,
    /// Attribute `ebsOptimized`; described, without effect.
    pub ebs_optimized: bool,
    /// Its tags.
    pub tags: Tags,
}

/// The reason for a change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTransition {
    /// `Client.UserInitiatedShutdown`.
    pub code: String,
    /// `Client.UserInitiatedShutdown: User initiated shutdown`.
    pub message: String,
    /// When.
    pub time: Timestamp,
}

impl Row for Instance {
    type Id = InstanceId;
    fn id(&self) -> InstanceId {
        self.instance_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn index_keys(&self, add: &mut dyn FnMut(IndexKey)) {
        add(IndexKey::Vpc(self.vpc_id));
        add(IndexKey::Subnet(self.subnet_id));
    }
}
