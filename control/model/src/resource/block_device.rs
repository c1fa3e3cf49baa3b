//! What the disks of instances are said to be.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use eni_types::InstanceId;
use serde::{Deserialize, Serialize};

use crate::tags::Tags;

/// The device of the root volume.
pub(crate) const ROOT_DEVICE_NAME: &str = "/dev/xvda";
/// The size of the root volume in GiB: that of Amazon Linux's images.
pub(crate) const ROOT_SIZE_GIB: u32 = 8;
/// What a gp3 volume has if nothing is asked for (EBS User Guide, "General Purpose SSD volumes").
pub(crate) const GP3_IOPS: u32 = 3000;
/// The same in MiB a second.
pub(crate) const GP3_THROUGHPUT: u32 = 125;
/// Digits after the prefix of an id: one for the number of the device, the others of the instance.
const ID_DIGITS: usize = 17;

/// A volume of an instance: described, without effect, as instances share the host's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDevice {
    /// `/dev/xvda`.
    pub device_name: String,
    /// Whether it is said to go with the instance.
    pub delete_on_termination: bool,
    /// In GiB.
    pub size_gib: u32,
    /// `gp3`.
    pub volume_type: String,
    /// Operations a second, where its type has a number of them.
    pub iops: Option<u32>,
    /// MiB a second, where its type has a number of them.
    pub throughput: Option<u32>,
    /// Whether it is said to be encrypted.
    pub encrypted: bool,
    /// Its tags, from the launch.
    pub tags: Tags,
}

impl BlockDevice {
    /// The root volume that the image asks for.
    #[must_use]
    pub fn root() -> Self {
        Self {
            device_name: ROOT_DEVICE_NAME.into(),
            delete_on_termination: true,
            size_gib: ROOT_SIZE_GIB,
            volume_type: "gp3".into(),
            iops: Some(GP3_IOPS),
            throughput: Some(GP3_THROUGHPUT),
            encrypted: false,
            tags: Tags::default(),
        }
    }

    /// What an instance has whose launch says nothing of its volumes.
    pub(crate) fn root_only() -> Vec<Self> {
        vec![Self::root()]
    }
}

/// The id of the volume at `number` in the instance's list: the instance's own digits, of which the first is zero in
/// every id that is made here, with the number in its place. So no two volumes have the same id, and none is stored.
pub(crate) fn volume_id(instance: InstanceId, number: usize) -> String {
    let text = instance.to_string();
    let digits = text.rsplit('-').next().unwrap_or_default();
    match number {
        0 => format!("vol-{digits}"),
        number => format!("vol-{number:x}{}", digits.get(1..).unwrap_or_default()),
    }
}

/// The instance and the place in its list that a volume's id stands for, whether or not there is such a volume.
pub(crate) fn parse_volume_id(id: &str) -> Option<(InstanceId, usize)> {
    let digits = id.strip_prefix("vol-")?;
    if digits.len() != ID_DIGITS {
        return Some((format!("i-{digits}").parse().ok()?, 0));
    }
    let number = usize::from_str_radix(digits.get(..1)?, 16).ok()?;
    Some((format!("i-0{}", digits.get(1..)?).parse().ok()?, number))
}
