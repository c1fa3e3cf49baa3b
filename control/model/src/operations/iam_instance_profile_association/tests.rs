use alloc::format;
use alloc::string::String;

use serde_json::{Value, json};

use crate::operations::instance::tests::launched;
use crate::testing::{TestWorld, check_invariants};
use crate::{Transition, plan_transitions};

const ARN: &str = "arn:aws:iam::123456789012:instance-profile/web";

/// A region with the profiles `web` and `db`.
fn with_profiles() -> TestWorld {
    let mut region = TestWorld::bootstrapped();
    for name in ["web", "db"] {
        region.must("CreateInstanceProfile", &[("InstanceProfileName", name)]);
    }
    region
}

fn id_of(instance: &Value) -> String {
    instance["instanceId"].as_str().unwrap().into()
}

/// The profile that the description of the only instance shows.
fn shown(region: &mut TestWorld) -> Value {
    let answer = region.must("DescribeInstances", &[]);
    let instance = answer.pointer("/reservationSet/item/0/instancesSet/item/0");
    instance.unwrap()["iamInstanceProfile"].clone()
}

fn associations(region: &mut TestWorld, filter: &[(&str, &str)]) -> Value {
    let answer = region.must("DescribeIamInstanceProfileAssociations", filter);
    answer["iamInstanceProfileAssociationSet"]["item"].clone()
}

#[test]
fn a_launch_gives_its_instances_a_profile() {
    let mut region = with_profiles();
    for given in [
        [("IamInstanceProfile.Name", "web")].as_slice(),
        &[("IamInstanceProfile.Arn", ARN)],
        &[
            ("IamInstanceProfile.Arn", ARN),
            ("IamInstanceProfile.Name", "web"),
        ],
    ] {
        let instance = launched(&mut region, given);
        assert_eq!(instance["iamInstanceProfile"]["arn"], ARN);
        let profile = region.must("GetInstanceProfile", &[("InstanceProfileName", "web")]);
        assert_eq!(
            instance["iamInstanceProfile"]["id"],
            profile["InstanceProfile"]["InstanceProfileId"]
        );
    }
    for (name, value) in [
        ("iam-instance-profile.arn", ARN),
        ("iam-instance-profile.id", "AIPA*"),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeInstances", &filter);
        let found = TestWorld::texts(&answer, "/reservationSet", "/reservationId");
        assert_eq!(found.len(), 3, "{name}");
        let other = [("Filter.1.Name", name), ("Filter.1.Value.1", "other")];
        let answer = region.must("DescribeInstances", &other);
        assert!(TestWorld::texts(&answer, "/reservationSet", "/reservationId").is_empty());
    }
}

#[test]
fn profiles_that_are_not_there_are_refused() {
    let mut region = with_profiles();
    let instance = id_of(&launched(&mut region, &[]));
    let of_name = "InvalidParameterValue: Value (none) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance \
                   Profile name";
    let of_arn = |arn: &str| {
        format!(
            "InvalidParameterValue: Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance \
             Profile ARN"
        )
    };
    let other_path = "arn:aws:iam::123456789012:instance-profile/a/web";
    for (profile, want) in [
        (("IamInstanceProfile.Name", "none"), of_name.into()),
        (("IamInstanceProfile.Arn", other_path), of_arn(other_path)),
        (("IamInstanceProfile.Arn", "web"), of_arn("web")),
    ] {
        let found = region.refused(
            "AssociateIamInstanceProfile",
            &[("InstanceId", &instance), profile],
        );
        assert_eq!(found, want);
    }
    let both = [
        ("InstanceId", instance.as_str()),
        ("IamInstanceProfile.Arn", ARN),
        ("IamInstanceProfile.Name", "db"),
    ];
    let found = region.refused("AssociateIamInstanceProfile", &both);
    assert_eq!(found, of_arn(ARN));
}

#[test]
fn an_instance_is_given_a_profile_another_and_none() {
    let mut region = with_profiles();
    let instance = id_of(&launched(&mut region, &[]));
    assert_eq!(shown(&mut region), Value::Null);
    let web = [
        ("InstanceId", instance.as_str()),
        ("IamInstanceProfile.Name", "web"),
    ];
    let made = region.must("AssociateIamInstanceProfile", &web);
    let made = &made["iamInstanceProfileAssociation"];
    assert_eq!(made["state"], "associating");
    let id = made["associationId"].as_str().unwrap();
    assert!(id.starts_with("iip-assoc-0"), "{id}");
    assert_eq!(shown(&mut region)["arn"], ARN);
    let mut associated = made.clone();
    associated["state"] = "associated".into();
    assert_eq!(associations(&mut region, &[]), json!([associated]));
    for (filter, found) in [
        (("instance-id", instance.as_str()), 1),
        (("instance-id", "i-0123456789abcdef0"), 0),
        (("state", "associated"), 1),
        (("state", "disassociated"), 0),
    ] {
        let filter = [("Filter.1.Name", filter.0), ("Filter.1.Value.1", filter.1)];
        let listed = associations(&mut region, &filter);
        assert_eq!(listed.as_array().unwrap().len(), found, "{filter:?}");
    }
    assert_eq!(
        region.refused("AssociateIamInstanceProfile", &web),
        format!("IncorrectState: There is an existing association for instance {instance}")
    );
    let db = [("AssociationId", id), ("IamInstanceProfile.Name", "db")];
    let replaced = region.must("ReplaceIamInstanceProfileAssociation", &db);
    let replaced = &replaced["iamInstanceProfileAssociation"];
    let second = replaced["associationId"].as_str().unwrap();
    assert_ne!(second, id);
    assert_eq!(replaced["iamInstanceProfile"], shown(&mut region));
    let gone = format!("InvalidAssociationID.NotFound: The association ID '{id}' does not exist");
    assert_eq!(
        region.refused("ReplaceIamInstanceProfileAssociation", &db),
        gone
    );
    let ended = region.must(
        "DisassociateIamInstanceProfile",
        &[("AssociationId", second)],
    );
    assert_eq!(
        ended["iamInstanceProfileAssociation"]["state"],
        "disassociating"
    );
    assert_eq!(shown(&mut region), Value::Null);
    assert_eq!(
        region.refused(
            "DisassociateIamInstanceProfile",
            &[("AssociationId", &instance)]
        ),
        "InvalidParameterValue: Invalid value for associationId."
    );
}

#[test]
fn a_profile_that_is_deleted_stays_named_and_one_that_follows_it_is_another() {
    let mut region = with_profiles();
    launched(&mut region, &[("IamInstanceProfile.Name", "web")]);
    let before = shown(&mut region);
    region.must("DeleteInstanceProfile", &[("InstanceProfileName", "web")]);
    region.must("CreateInstanceProfile", &[("InstanceProfileName", "web")]);
    assert_eq!(shown(&mut region), before);
    let now = region.must("GetInstanceProfile", &[("InstanceProfileName", "web")]);
    assert_ne!(now["InstanceProfile"]["InstanceProfileId"], before["id"]);
}

#[test]
fn an_instance_that_ends_has_no_profile() {
    let mut region = with_profiles();
    let instance = launched(&mut region, &[("IamInstanceProfile.Name", "web")]);
    let id = id_of(&instance);
    region.must("TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        region.refused(
            "AssociateIamInstanceProfile",
            &[("InstanceId", &id), ("IamInstanceProfile.Name", "db")]
        ),
        format!("IncorrectInstanceState: The instance '{id}' is in the 'shutting-down' state.")
    );
    let instance_id = id.parse().unwrap();
    let ended = [Transition::InstanceTerminated { instance_id }];
    let changes = plan_transitions(&region.world, &ended, region.now);
    region.world.apply(&changes);
    check_invariants(&region.world);
    assert_eq!(associations(&mut region, &[]), json!([]));
}
