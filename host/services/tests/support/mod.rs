//! A world of two instances, which never changes.
#![allow(dead_code, reason = "no test needs all of it")]

use std::sync::Arc;

use eni_model::Source;
use eni_model::testing::{TestWorld, Unchanging};
use eni_services::Askers;
use eni_types::Timestamp;

/// 2026-11-20, 19:10:54 UTC: not the machine's time.
pub(crate) const NOW: Timestamp = Timestamp(1_795_201_854_000);

/// Where the instances are.
pub(crate) const VPORTS: [u32; 2] = [3, 4];
/// Where one is that has no role.
pub(crate) const WITHOUT_ROLE: u32 = 5;
/// Lets instances assume a role.
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

/// Two instances of one VPC at [`VPORTS`], with their ids; and another, at [`WITHOUT_ROLE`].
pub(crate) fn two_instances(askers: &Askers) -> (Arc<dyn Source>, [String; 2]) {
    let mut region = TestWorld::bootstrapped();
    let image = region.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
    let launch = [
        ("ImageId", image.as_str()),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    let role = ("RoleName", "role");
    region.must("CreateRole", &[role, ("AssumeRolePolicyDocument", TRUST)]);
    let profile = ("InstanceProfileName", "profile");
    region.must("CreateInstanceProfile", &[profile]);
    region.must("AddRoleToInstanceProfile", &[profile, role]);
    let mut instance_at = |vport| {
        let mut launch = launch.to_vec();
        if vport != WITHOUT_ROLE {
            launch.push(("IamInstanceProfile.Name", "profile"));
        }
        let answer = region.must("RunInstances", &launch);
        let text = |pointer: &str| {
            answer
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let eni = "/instancesSet/item/0/networkInterfaceSet/item/0";
        let attachment = text(&format!("{eni}/attachment/attachmentId"));
        askers.add(vport, attachment.parse().unwrap());
        text("/instancesSet/item/0/instanceId")
    };
    let instances = VPORTS.map(&mut instance_at);
    instance_at(WITHOUT_ROLE);
    region.now = NOW;
    (Arc::new(Unchanging::from(region)), instances)
}
