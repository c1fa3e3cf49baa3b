use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::operations::instance::tests::launched;
use crate::testing::TestWorld;
use crate::{Transition, plan_transitions};

fn terminate(region: &mut TestWorld, instance: &str) {
    region.must("TerminateInstances", &[("InstanceId.1", instance)]);
    let instance_id = instance.parse().unwrap();
    let gone = [Transition::InstanceTerminated { instance_id }];
    let changes = plan_transitions(&region.world, &gone, region.now);
    region.world.apply(&changes);
}

fn volume_ids(answer: &Value) -> Vec<String> {
    TestWorld::texts(answer, "/volumeSet", "/volumeId")
}

#[test]
fn the_root_volume_that_an_instance_names_can_be_described_until_it_is_terminated() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(&mut region, &[]);
    let id = instance["instanceId"].as_str().unwrap();
    let described = region.must("DescribeInstances", &[("InstanceId.1", id)]);
    let described = &described["reservationSet"]["item"][0]["instancesSet"]["item"][0];
    let mapping = &described["blockDeviceMapping"]["item"][0];
    assert_eq!(mapping["deviceName"], described["rootDeviceName"]);
    let volume = mapping["ebs"]["volumeId"].as_str().unwrap();
    let answer = region.must("DescribeVolumes", &[("VolumeId.1", volume)]);
    let found = &answer["volumeSet"]["item"][0];
    assert_eq!(
        (&found["size"], &found["volumeType"]),
        (&8.into(), &"gp3".into())
    );
    assert_eq!(
        (&found["iops"], &found["throughput"]),
        (&3000.into(), &125.into())
    );
    assert_eq!(
        (&found["status"], &found["encrypted"]),
        (&"in-use".into(), &false.into())
    );
    assert_eq!(
        found["availabilityZone"],
        described["placement"]["availabilityZone"]
    );
    let attachment = &found["attachmentSet"]["item"][0];
    assert_eq!(attachment["instanceId"], id);
    assert_eq!(attachment["device"], "/dev/xvda");
    assert_eq!(attachment["deleteOnTermination"], true);
    let attribute = [("InstanceId", id), ("Attribute", "blockDeviceMapping")];
    let answer = region.must("DescribeInstanceAttribute", &attribute);
    assert_eq!(
        answer["blockDeviceMapping"],
        described["blockDeviceMapping"]
    );
    for (name, value, found) in [
        ("attachment.instance-id", id, true),
        ("attachment.device", "/dev/xvda", true),
        ("status", "in-use", true),
        ("status", "available", false),
        ("size", "8", true),
        ("volume-type", "gp2", false),
        ("snapshot-id", "*", false),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeVolumes", &filter);
        assert_eq!(!volume_ids(&answer).is_empty(), found, "{name}={value}");
    }
    let filter = [
        ("Filter.1.Name", "block-device-mapping.volume-id"),
        ("Filter.1.Value.1", volume),
    ];
    let answer = region.must("DescribeInstances", &filter);
    assert_eq!(
        answer["reservationSet"]["item"][0]["instancesSet"]["item"][0]["instanceId"],
        id
    );
    terminate(&mut region, id);
    assert_eq!(
        region.refused("DescribeVolumes", &[("VolumeId.1", volume)]),
        alloc::format!("InvalidVolume.NotFound: The volume '{volume}' does not exist.")
    );
    assert!(volume_ids(&region.must("DescribeVolumes", &[])).is_empty());
}

#[test]
fn what_a_launch_says_of_its_volumes_is_described() {
    let mut region = TestWorld::bootstrapped();
    let others = launched(&mut region, &[]);
    let instance = launched(
        &mut region,
        &[
            ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "100"),
            ("BlockDeviceMapping.2.DeviceName", "/dev/xvda"),
            ("BlockDeviceMapping.2.Ebs.VolumeSize", "20"),
            ("BlockDeviceMapping.2.Ebs.VolumeType", "gp2"),
            ("BlockDeviceMapping.2.Ebs.DeleteOnTermination", "false"),
            ("TagSpecification.1.ResourceType", "volume"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "data"),
        ],
    );
    let id = instance["instanceId"].as_str().unwrap();
    let filter = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "data")];
    let answer = region.must("DescribeVolumes", &filter);
    let volumes = answer["volumeSet"]["item"].as_array().unwrap();
    let told: Vec<_> = volumes
        .iter()
        .map(|volume| {
            let attachment = &volume["attachmentSet"]["item"][0];
            alloc::format!(
                "{} {} {} {} {}",
                attachment["device"],
                volume["size"],
                volume["volumeType"],
                volume["iops"],
                attachment["deleteOnTermination"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "\"/dev/xvda\" 20 \"gp2\" 100 false",
            "\"/dev/sdf\" 100 \"gp2\" 300 true"
        ]
    );
    // All ids differ, and each finds its volume.
    let all = volume_ids(&region.must("DescribeVolumes", &[]));
    assert_eq!(all.len(), 3);
    for volume in &all {
        let answer = region.must("DescribeVolumes", &[("VolumeId.1", volume)]);
        assert_eq!(volume_ids(&answer), [volume.as_str()]);
    }
    let change = [
        ("InstanceId", id),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
    ];
    region.must("ModifyInstanceAttribute", &change);
    let filter = [
        ("Filter.1.Name", "attachment.delete-on-termination"),
        ("Filter.1.Value.1", "false"),
    ];
    assert!(volume_ids(&region.must("DescribeVolumes", &filter)).is_empty());
    assert_eq!(
        region.refused(
            "ModifyInstanceAttribute",
            &[
                ("InstanceId", others["instanceId"].as_str().unwrap()),
                ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
                ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
            ]
        ),
        "InvalidInstanceAttributeValue: No device is currently mapped at /dev/sdf"
    );
}

#[test]
fn volumes_that_ebs_does_not_have_are_refused() {
    let mut region = TestWorld::bootstrapped();
    let image = crate::operations::image::Image::all()[0].image_id;
    let image = alloc::format!("{image}");
    for (device, name, value, want) in [
        (
            "/dev/xvda",
            "Ebs.VolumeSize",
            "4",
            "InvalidBlockDeviceMapping: Volume of size 4GB is smaller than expected, expect size >= 8GB",
        ),
        (
            "/dev/xvda",
            "Ebs.VolumeType",
            "floppy",
            "InvalidParameterValue: Value (floppy) for parameter VolumeType is invalid.",
        ),
        (
            "/dev/xvda",
            "Ebs.SnapshotId",
            "snap-0123456789abcdef0",
            "InvalidSnapshot.NotFound: The snapshot 'snap-0123456789abcdef0' does not exist.",
        ),
        (
            "/dev/sdf",
            "Ebs.Encrypted",
            "true",
            "MissingParameter: The request must contain the parameter size or snapshotId",
        ),
        (
            "/dev/xvda",
            "NoDevice",
            "",
            "InvalidBlockDeviceMapping: The root device must have a volume",
        ),
    ] {
        let name = alloc::format!("BlockDeviceMapping.1.{name}");
        let parameters = [
            ("ImageId", image.as_str()),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("InstanceType", "t3.medium"),
            ("BlockDeviceMapping.1.DeviceName", device),
            (name.as_str(), value),
        ];
        assert_eq!(region.refused("RunInstances", &parameters), want);
    }
}

#[test]
fn a_volume_is_well_and_has_the_attributes_of_a_new_one() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(&mut region, &[]);
    launched(&mut region, &[]);
    let volume = instance["blockDeviceMapping"]["item"][0]["ebs"]["volumeId"]
        .as_str()
        .unwrap();
    let answer = region.must("DescribeVolumeStatus", &[("VolumeId.1", volume)]);
    assert_eq!(
        answer["volumeStatusSet"]["item"][0]["volumeStatus"],
        serde_json::json!({"status": "ok", "details": {"item": [
            {"name": "io-enabled", "status": "passed"},
            {"name": "io-performance", "status": "not-applicable"},
        ]}})
    );
    let id = instance["instanceId"].as_str().unwrap();
    for (name, value, found) in [
        ("volume-status.status", "ok", 2),
        ("volume-status.status", "impaired", 0),
        ("volume-status.details-status", "passed", 2),
        ("attachment-status.instance-id", id, 1),
        ("event.event-id", "*", 0),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeVolumeStatus", &filter);
        let ids = TestWorld::texts(&answer, "/volumeStatusSet", "/volumeId");
        assert_eq!(ids.len(), found, "{name}={value}");
    }
    for (attribute, want) in [
        ("autoEnableIO", serde_json::json!({"value": false})),
        ("productCodes", serde_json::json!({"item": []})),
    ] {
        let parameters = [("VolumeId", volume), ("Attribute", attribute)];
        let answer = region.must("DescribeVolumeAttribute", &parameters);
        assert_eq!(answer[attribute], want);
        assert_eq!(answer["volumeId"], volume);
        assert_eq!(answer.as_object().unwrap().len(), 2);
    }
    let parameters = [("VolumeId", volume), ("Attribute", "colour")];
    let refused = region.refused("DescribeVolumeAttribute", &parameters);
    assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
    let nothing = "vol-0123456789abcdef0";
    for (action, parameter) in [
        ("DescribeVolumeStatus", "VolumeId.1"),
        ("DescribeVolumeAttribute", "VolumeId"),
    ] {
        let parameters = [(parameter, nothing), ("Attribute", "autoEnableIO")];
        let of_status = usize::from(parameter == "VolumeId.1");
        let refused = region.refused(action, &parameters[..2 - of_status]);
        assert!(refused.starts_with("InvalidVolume.NotFound"), "{refused}");
    }
}
