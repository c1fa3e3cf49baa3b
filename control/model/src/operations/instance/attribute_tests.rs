//! Attributes, status and credits.

use alloc::format;
use alloc::string::{String, ToString};

use serde_json::{Value, json};

use super::tests::launched;
use crate::testing::TestWorld;
use crate::{Transition, plan_transitions};

struct Launched {
    region: TestWorld,
    id: String,
}

impl Launched {
    fn new(parameters: &[(&str, &str)]) -> Self {
        let mut region = TestWorld::bootstrapped();
        let instance = launched(&mut region, parameters);
        let id = instance["instanceId"].as_str().unwrap().to_string();
        Self { region, id }
    }

    fn report(&mut self, transition: Transition) {
        let changes = plan_transitions(&self.region.world, &[transition], self.region.now);
        self.region.world.apply(&changes);
    }

    fn run(&mut self) {
        let instance_id = self.id.parse().unwrap();
        self.report(Transition::InstanceRunning {
            instance_id,
            boot_count: 1,
        });
    }

    fn stop(&mut self) {
        self.run();
        self.region
            .must("StopInstances", &[("InstanceId.1", &self.id)]);
        let instance_id = self.id.parse().unwrap();
        self.report(Transition::InstanceStopped {
            instance_id,
            boot_count: 1,
        });
    }

    fn modify(&mut self, parameters: &[(&str, &str)]) -> Result<(), String> {
        let mut all = alloc::vec![("InstanceId", self.id.as_str())];
        all.extend(parameters);
        let answer = self.region.call("ModifyInstanceAttribute", &all);
        answer.map(drop).map_err(|error| error.to_string())
    }

    fn attribute(&mut self, name: &str) -> Value {
        let parameters = [("InstanceId", self.id.as_str()), ("Attribute", name)];
        let answer = self.region.must("DescribeInstanceAttribute", &parameters);
        answer[name].clone()
    }
}

#[test]
fn a_changed_attribute_is_described() {
    let mut instance = Launched::new(&[]);
    instance.stop();
    for (parameters, name, want) in [
        (
            &[("SourceDestCheck.Value", "false")][..],
            "sourceDestCheck",
            Value::Bool(false),
        ),
        (
            &[("Attribute", "sourceDestCheck"), ("Value", "true")],
            "sourceDestCheck",
            true.into(),
        ),
        (
            &[("DisableApiTermination.Value", "true")],
            "disableApiTermination",
            true.into(),
        ),
        (
            &[("DisableApiStop.Value", "true")],
            "disableApiStop",
            true.into(),
        ),
        (
            &[("UserData.Value", "ZWNobwo=")],
            "userData",
            "ZWNobwo=".into(),
        ),
        (
            &[("InstanceInitiatedShutdownBehavior.Value", "terminate")],
            "instanceInitiatedShutdownBehavior",
            "terminate".into(),
        ),
        (
            &[("EbsOptimized.Value", "true")],
            "ebsOptimized",
            true.into(),
        ),
        (&[("EnaSupport.Value", "true")], "enaSupport", true.into()),
        (
            &[("SriovNetSupport.Value", "simple")],
            "sriovNetSupport",
            "simple".into(),
        ),
    ] {
        assert_eq!(instance.modify(parameters), Ok(()), "{parameters:?}");
        assert_eq!(instance.attribute(name)["value"], want, "{name}");
    }
}

#[test]
fn every_attribute_can_be_asked_for() {
    let mut instance = Launched::new(&[]);
    for name in [
        "instanceType",
        "kernel",
        "ramdisk",
        "userData",
        "rootDeviceName",
        "blockDeviceMapping",
        "productCodes",
        "groupSet",
        "enclaveOptions",
    ] {
        assert_ne!(instance.attribute(name), Value::Null, "{name}");
    }
    let parameters = [
        ("InstanceId", instance.id.as_str()),
        ("Attribute", "colour"),
    ];
    assert_eq!(
        instance
            .region
            .refused("DescribeInstanceAttribute", &parameters),
        "InvalidParameterValue: Value (colour) for parameter attribute is invalid. Unknown attribute."
    );
}

#[test]
fn a_type_changes_only_to_one_that_fits_a_stopped_instance() {
    let second = [
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.2.DeviceIndex", "1"),
        ("NetworkInterface.3.DeviceIndex", "2"),
    ];
    let mut instance = Launched::new(&second);
    let value = "InstanceType.Value";
    let family = if cfg!(target_arch = "aarch64") {
        "t4g"
    } else {
        "t3"
    };
    let (micro, large) = (
        alloc::format!("{family}.micro"),
        alloc::format!("{family}.large"),
    );
    instance.run();
    assert_eq!(
        instance.modify(&[(value, &large)]),
        Err(alloc::format!(
            "IncorrectInstanceState: The instance '{}' is not in the 'stopped' state.",
            instance.id
        ))
    );
    instance.stop();
    assert_eq!(
        instance.modify(&[(value, &micro)]),
        Err(alloc::format!(
            "AttachmentLimitExceeded: Interface count 3 exceeds the limit for {micro}"
        ))
    );
    assert_eq!(instance.modify(&[(value, &large)]), Ok(()));
    assert_eq!(instance.attribute("instanceType")["value"], large.as_str());
}

#[test]
fn attributes_of_interfaces_need_a_single_one() {
    let mut instance = Launched::new(&[
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.2.DeviceIndex", "1"),
    ]);
    let want = alloc::format!(
        "InvalidInstanceID: There are multiple interfaces attached to instance '{}'. Please specify an interface ID for the operation instead.",
        instance.id
    );
    assert_eq!(
        instance.modify(&[("SourceDestCheck.Value", "false")]),
        Err(want.clone())
    );
    for action in ["DescribeInstanceAttribute", "ResetInstanceAttribute"] {
        let parameters = [
            ("InstanceId", instance.id.as_str()),
            ("Attribute", "sourceDestCheck"),
        ];
        assert_eq!(instance.region.refused(action, &parameters), want);
    }
}

#[test]
fn the_check_is_reset_and_groups_are_replaced() {
    let mut instance = Launched::new(&[]);
    assert_eq!(
        instance.modify(&[("SourceDestCheck.Value", "false")]),
        Ok(())
    );
    let parameters = [
        ("InstanceId", instance.id.as_str()),
        ("Attribute", "sourceDestCheck"),
    ];
    instance.region.must("ResetInstanceAttribute", &parameters);
    assert_eq!(instance.attribute("sourceDestCheck")["value"], true);
    let vpc = instance.region.world.default_vpc().unwrap().vpc_id;
    let group = instance
        .region
        .world
        .default_security_group(vpc)
        .unwrap()
        .group_id
        .to_string();
    assert_eq!(instance.modify(&[("GroupId.1", &group)]), Ok(()));
    assert_eq!(
        instance.modify(&[("GroupId.1", "sg-00000000000000000")]),
        Err(
            "InvalidGroup.NotFound: The security group 'sg-00000000000000000' does not exist"
                .into()
        )
    );
}

#[test]
fn bad_changes_get_ec2s_codes() {
    let mut instance = Launched::new(&[]);
    instance.stop();
    for (parameters, want) in [
        (
            &[][..],
            "InvalidParameterCombination: No attributes specified.",
        ),
        (
            &[
                ("DisableApiStop.Value", "true"),
                ("EbsOptimized.Value", "true"),
            ],
            "InvalidParameterCombination: Fields for multiple attribute types specified: disableApiStop, ebsOptimized",
        ),
        (
            &[("Attribute", "kernel")],
            "MissingParameter: The request must contain the parameter value",
        ),
        (
            &[("Attribute", "colour"), ("Value", "red")],
            "InvalidParameterValue",
        ),
        (
            &[("Attribute", "ebsOptimized"), ("Value", "perhaps")],
            "InvalidParameterValue",
        ),
        (
            &[("UserData.Value", "no base64!")],
            "InvalidUserData.Malformed",
        ),
        (&[("EnaSupport.Value", "false")], "UnsupportedOperation"),
        (&[("Kernel.Value", "aki-1")], "UnsupportedOperation"),
        (
            &[("InstanceType.Value", "t3.huge")],
            "InvalidParameterValue",
        ),
    ] {
        let error = instance.modify(parameters).unwrap_err();
        assert!(error.starts_with(want), "{parameters:?}: {error}");
    }
}

#[test]
fn status_is_that_of_running_instances_unless_all_are_asked_for() {
    let mut instance = Launched::new(&[]);
    let shown = |instance: &mut Launched, parameters: &[(&str, &str)]| {
        let answer = instance.region.must("DescribeInstanceStatus", parameters);
        TestWorld::texts(&answer, "/instanceStatusSet", "/instanceStatus/status")
    };
    let all = [("IncludeAllInstances", "true")];
    assert!(shown(&mut instance, &[]).is_empty());
    assert_eq!(shown(&mut instance, &all), ["initializing"]);
    instance.run();
    let ok = [
        ("Filter.1.Name", "instance-status.reachability"),
        ("Filter.1.Value.1", "passed"),
    ];
    assert_eq!(shown(&mut instance, &ok), ["ok"]);
    let id = instance.id.clone();
    assert_eq!(shown(&mut instance, &[("InstanceId.1", &id)]), ["ok"]);
}

/// EC2 User Guide, "Status checks for Amazon EC2 instances": the instance's own check fails, the machine's does not.
#[test]
fn an_instance_whose_processes_have_ended_is_impaired() {
    let mut instance = Launched::new(&[]);
    instance.run();
    let has_processes = |instance: &mut Launched, is_reachable| {
        instance.report(Transition::InstanceReachable {
            instance_id: instance.id.parse().unwrap(),
            boot_count: 1,
            is_reachable,
        });
    };
    let status = |instance: &mut Launched| {
        let answer = instance.region.must("DescribeInstanceStatus", &[]);
        answer["instanceStatusSet"]["item"][0].clone()
    };
    has_processes(&mut instance, false);
    instance.region.now.0 += 60_000;
    has_processes(&mut instance, false);
    let shown = status(&mut instance);
    let since = instance.region.world.instances.iter().next().unwrap();
    let since = since.impaired_since.unwrap();
    assert_eq!(
        since.0 + 60_000,
        instance.region.now.0,
        "the first report tells"
    );
    assert_eq!(shown["instanceState"]["name"], "running");
    let want = json!({
        "status": "impaired",
        "details": {"item": [
            {"name": "reachability", "status": "failed", "impairedSince": since.to_string()},
        ]},
    });
    assert_eq!(shown["instanceStatus"], want);
    for other in ["systemStatus", "attachedEbsStatus"] {
        assert_eq!(shown[other]["status"], "ok", "{other}");
    }
    // It runs already, for EC2; a reboot mends it, and so does whatever gives it processes again.
    let id = instance.id.clone();
    let started = instance
        .region
        .must("StartInstances", &[("InstanceId.1", &id)]);
    let item = &started["instancesSet"]["item"][0];
    assert_eq!(item["currentState"]["name"], "running");
    assert_eq!(
        status(&mut instance)["instanceStatus"]["status"],
        "impaired"
    );
    has_processes(&mut instance, true);
    assert_eq!(status(&mut instance)["instanceStatus"]["status"], "ok");
    has_processes(&mut instance, false);
    instance
        .region
        .must("RebootInstances", &[("InstanceId.1", &id)]);
    assert_eq!(status(&mut instance)["instanceStatus"]["status"], "ok");
    // Of the boot before.
    has_processes(&mut instance, false);
    assert_eq!(status(&mut instance)["instanceStatus"]["status"], "ok");
}

#[test]
fn nothing_of_an_instance_that_goes_is_changed() {
    let mut instance = Launched::new(&[]);
    instance.run();
    let id = instance.id.clone();
    instance
        .region
        .must("TerminateInstances", &[("InstanceId.1", &id)]);
    for state in ["shutting-down", "terminated"] {
        for parameters in [
            [("DisableApiTermination.Value", "true")],
            [("DisableApiStop.Value", "true")],
            [("InstanceInitiatedShutdownBehavior.Value", "terminate")],
            [("SourceDestCheck.Value", "false")],
            [("EbsOptimized.Value", "true")],
        ] {
            let refused = instance.modify(&parameters).unwrap_err();
            let want =
                format!("IncorrectInstanceState: The instance '{id}' is in the '{state}' state.");
            assert_eq!(refused, want, "{parameters:?}");
        }
        instance.report(Transition::InstanceTerminated {
            instance_id: id.parse().unwrap(),
        });
    }
}

#[test]
fn burstable_instances_have_credits() {
    let mut instance = Launched::new(&[("CreditSpecification.CpuCredits", "standard")]);
    let answer = instance.region.must(
        "DescribeInstanceCreditSpecifications",
        &[("InstanceId.1", &instance.id)],
    );
    assert_eq!(
        TestWorld::texts(&answer, "/instanceCreditSpecificationSet", "/cpuCredits"),
        ["standard"]
    );
}

#[test]
fn there_are_no_volumes_and_no_key_pairs() {
    let mut region = TestWorld::bootstrapped();
    region.must(
        "DescribeVolumes",
        &[
            ("Filter.1.Name", "attachment.instance-id"),
            ("Filter.1.Value.1", "i-1"),
        ],
    );
    region.must("DescribeKeyPairs", &[]);
    assert_eq!(
        region.refused("DescribeVolumes", &[("VolumeId.1", "vol-1")]),
        "InvalidVolume.NotFound: The volume 'vol-1' does not exist."
    );
    assert_eq!(
        region.refused("DescribeKeyPairs", &[("KeyName.1", "mine")]),
        "InvalidKeyPair.NotFound: The key pair 'mine' does not exist"
    );
}
