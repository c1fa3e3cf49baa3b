//! The volumes that a launch asks for.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::api::instance::{BlockDeviceMapping, EbsBlockDevice};
use crate::resource::{BlockDevice, GP3_IOPS, GP3_THROUGHPUT};
use crate::tags::Tags;
use crate::{Ec2Error, ErrorCode};

/// Volumes of one instance: what one digit of their ids can number. EC2 has at least 27.
const MAX_BLOCK_DEVICES: usize = 16;
/// The types of volumes (EBS User Guide, "Amazon EBS volume types").
const VOLUME_TYPES: [&str; 7] = ["gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"];
/// The type of a volume of which nothing else is said (EC2 API reference, `EbsBlockDevice`).
const DEFAULT_TYPE: &str = "gp2";

/// The volumes of an instance whose launch gives `mappings`, with the `tags` for volumes: the image's root as it is
/// changed by the mapping of its name, then the others in their order.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterValue` and `InvalidBlockDeviceMapping` for what EBS does not have,
/// `InvalidSnapshot.NotFound` for a snapshot, as there are none.
pub(crate) fn block_devices(
    mappings: &[BlockDeviceMapping],
    tags: &Tags,
) -> Result<Vec<BlockDevice>, Ec2Error> {
    let mut devices = BlockDevice::root_only();
    let mut seen = Vec::new();
    for mapping in mappings {
        let name = mapping
            .device_name
            .as_deref()
            .ok_or_else(|| Ec2Error::missing_parameter("deviceName"))?;
        if seen.contains(&name) {
            return refused(format!(
                "The device '{name}' is used in more than one block-device mapping"
            ));
        }
        seen.push(name);
        let is_root = devices[0].device_name == name;
        match &mapping.ebs {
            // The image's mapping of a device, and an ephemeral disk, can be left out; the root cannot.
            None if mapping.no_device.is_none() || !is_root => {}
            None => return refused("The root device must have a volume".into()),
            Some(ebs) if is_root => devices[0] = changed(devices[0].clone(), ebs)?,
            Some(ebs) => devices.push(further(name, ebs)?),
        }
    }
    if devices.len() > MAX_BLOCK_DEVICES {
        let message = format!("An instance may have no more than {MAX_BLOCK_DEVICES} volumes.");
        return Err(ErrorCode::AttachmentLimitExceeded.with(message));
    }
    for device in &mut devices {
        device.tags = tags.clone();
    }
    Ok(devices)
}

/// A volume beside the root.
fn further(name: &str, ebs: &EbsBlockDevice) -> Result<BlockDevice, Ec2Error> {
    if ebs.volume_size.is_none() && ebs.snapshot_id.is_none() {
        return Err(Ec2Error::missing_parameter("size or snapshotId"));
    }
    let blank = BlockDevice {
        device_name: name.into(),
        size_gib: 1,
        volume_type: DEFAULT_TYPE.into(),
        ..BlockDevice::root()
    };
    changed(blank, ebs)
}

/// `device` with what `ebs` says of it.
fn changed(mut device: BlockDevice, ebs: &EbsBlockDevice) -> Result<BlockDevice, Ec2Error> {
    if let Some(id) = ebs.snapshot_id.as_deref().filter(|id| !id.is_empty()) {
        let message = format!("The snapshot '{id}' does not exist.");
        let code = ErrorCode::of_id("InvalidSnapshot.NotFound");
        return Err(Ec2Error::new(code, message));
    }
    if let Some(given) = &ebs.volume_type {
        if !VOLUME_TYPES.contains(&given.as_str()) {
            let message = format!("Value ({given}) for parameter VolumeType is invalid.");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        device.volume_type.clone_from(given);
    }
    if let Some(size) = ebs.volume_size {
        if size < device.size_gib {
            let least = device.size_gib;
            return refused(format!(
                "Volume of size {size}GB is smaller than expected, expect size >= {least}GB"
            ));
        }
        device.size_gib = size;
    }
    device.delete_on_termination = ebs.delete_on_termination.unwrap_or(true);
    device.encrypted = ebs.encrypted.unwrap_or(false);
    (device.iops, device.throughput) = performance(&device.volume_type, device.size_gib, ebs)?;
    Ok(device)
}

/// Operations and MiB a second: as asked for, else what the type has.
fn performance(
    volume_type: &str,
    size_gib: u32,
    ebs: &EbsBlockDevice,
) -> Result<(Option<u32>, Option<u32>), Ec2Error> {
    if ebs.throughput.is_some() && volume_type != "gp3" {
        return not_for("throughput", volume_type);
    }
    match volume_type {
        "gp3" => Ok((
            Some(ebs.iops.unwrap_or(GP3_IOPS)),
            Some(ebs.throughput.unwrap_or(GP3_THROUGHPUT)),
        )),
        "io1" | "io2" => match ebs.iops {
            Some(iops) => Ok((Some(iops), None)),
            None => Err(Ec2Error::missing_parameter("iops")),
        },
        _ if ebs.iops.is_some() => not_for("iops", volume_type),
        // Three operations a GiB, within bounds (EBS User Guide, "General Purpose SSD volumes").
        "gp2" => Ok((Some(size_gib.saturating_mul(3).clamp(100, 16_000)), None)),
        _ => Ok((None, None)),
    }
}

fn not_for<T>(parameter: &str, volume_type: &str) -> Result<T, Ec2Error> {
    let message = format!("The parameter {parameter} is not supported for {volume_type} volumes.");
    Err(ErrorCode::InvalidParameterCombination.with(message))
}

fn refused<T>(message: String) -> Result<T, Ec2Error> {
    Err(ErrorCode::InvalidBlockDeviceMapping.with(message))
}
