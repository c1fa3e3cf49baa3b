//! Instances.

use alloc::string::String;
use alloc::vec::Vec;

use eni_types::{ImageId, InstanceId, InstanceState, ReservationId, SubnetId, Timestamp, VpcId};
use serde::{Deserialize, Serialize};

use super::{BlockDevice, PrivateDnsNames, UserData};
use crate::Row;
use crate::index::indexes;
use crate::instance_types::InstanceType;
use crate::tags::Tags;

/// An instance. Its network interfaces are found by its id.
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
    /// Its type, stored by its name. Changeable while stopped.
    pub instance_type: &'static InstanceType,
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
    /// Whether it has been `running`: its boot script has been started then, and is not started again.
    #[serde(default)]
    pub has_run: bool,
    /// Since when all processes of this boot have ended, though nobody had stopped them.
    #[serde(default)]
    pub impaired_since: Option<Timestamp>,
    /// The boot script, stored as base64.
    pub user_data: Option<UserData>,
    /// The key pair's name.
    pub key_name: Option<String>,
    /// Its public key, which the instance keeps when the key pair is deleted.
    #[serde(default)]
    pub public_key: Option<String>,
    /// Attribute `disableApiTermination`.
    pub disable_api_termination: bool,
    /// Attribute `instanceInitiatedShutdownBehavior`: `stop` or `terminate`.
    pub instance_initiated_shutdown_behavior: String,
    /// Attribute `ebsOptimized`; described, without effect.
    pub ebs_optimized: bool,
    /// Attribute `disableApiStop`.
    #[serde(default)]
    pub disable_api_stop: bool,
    /// How instance metadata is served.
    #[serde(default)]
    pub metadata_options: MetadataOptions,
    /// How its private names are made.
    #[serde(default)]
    pub private_dns_names: PrivateDnsNames,
    /// `standard` or `unlimited`, as asked for at launch; described, without effect.
    #[serde(default)]
    pub cpu_credits: Option<String>,
    /// Its volumes, the root first; described, without effect.
    #[serde(default = "BlockDevice::root_only")]
    pub block_devices: Vec<BlockDevice>,
    /// The launch's client token.
    #[serde(default)]
    pub client_token: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Settings of the instance metadata service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// `optional` or `required`.
    pub http_tokens: String,
    /// 1 to 64.
    pub http_put_response_hop_limit: u8,
    /// `enabled` or `disabled`.
    pub http_endpoint: String,
    /// `enabled` or `disabled`.
    pub http_protocol_ipv6: String,
    /// `enabled` or `disabled`.
    pub instance_metadata_tags: String,
}

impl Default for MetadataOptions {
    /// What EC2 sets for a launch that says nothing.
    fn default() -> Self {
        Self {
            http_tokens: "optional".into(),
            http_put_response_hop_limit: 1,
            http_endpoint: "enabled".into(),
            http_protocol_ipv6: "disabled".into(),
            instance_metadata_tags: "disabled".into(),
        }
    }
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

impl Instance {
    /// Whether the instance is, or is becoming, one whose interfaces carry packets.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, InstanceState::Pending | InstanceState::Running)
    }

    /// Whether the instance has gone and is only described.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == InstanceState::Terminated
    }
}

impl Row for Instance {
    type Id = InstanceId;
    fn id(&self) -> InstanceId {
        self.instance_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    Instance, InstanceIndexes:
    vpc: VpcId = |instance| [instance.vpc_id];
    subnet: SubnetId = |instance| [instance.subnet_id];
    reservation: ReservationId = |instance| [instance.reservation_id];
}
