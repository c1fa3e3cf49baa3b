use alloc::format;
use alloc::string::String;

use eni_types::InstanceState;
use serde_json::Value;

use super::tests::{image, launch, launched};
use crate::resource::Instance;
use crate::testing::TestWorld;

fn described(region: &mut TestWorld, id: &str) -> Value {
    let found = region.must("DescribeInstances", &[("InstanceId.1", id)]);
    found["reservationSet"]["item"][0]["instancesSet"]["item"][0].clone()
}

fn options(instance: &Value) -> (String, bool, bool) {
    let options = &instance["privateDnsNameOptions"];
    (
        options["hostnameType"].as_str().unwrap().into(),
        options["enableResourceNameDnsARecord"].as_bool().unwrap(),
        options["enableResourceNameDnsAAAARecord"]
            .as_bool()
            .unwrap(),
    )
}

fn id_of(instance: &Value) -> String {
    instance["instanceId"].as_str().unwrap().into()
}

#[test]
fn a_launch_takes_what_it_does_not_say_from_its_subnet() {
    let mut region = TestWorld::bootstrapped();
    let first = launched(&mut region, &[]);
    assert_eq!(options(&first), ("ip-name".into(), false, false));
    let subnet = first["subnetId"].as_str().unwrap();
    for attribute in [
        ("PrivateDnsHostnameTypeOnLaunch", "resource-name"),
        ("EnableResourceNameDnsAAAARecordOnLaunch.Value", "true"),
    ] {
        region.must("ModifySubnetAttribute", &[("SubnetId", subnet), attribute]);
    }
    let found = region.must("DescribeSubnets", &[("SubnetId.1", subnet)]);
    let shown = &found["subnetSet"]["item"][0]["privateDnsNameOptionsOnLaunch"];
    assert_eq!(shown["hostnameType"], "resource-name");
    assert_eq!(shown["enableResourceNameDnsARecord"], false);
    assert_eq!(shown["enableResourceNameDnsAAAARecord"], true);

    // Those that are there keep what they have.
    assert_eq!(
        options(&described(&mut region, &id_of(&first))),
        options(&first)
    );
    let here = ("SubnetId", subnet);
    let second = launched(&mut region, &[here]);
    assert_eq!(options(&second), ("resource-name".into(), false, true));
    let name = format!("{}.ec2.internal", id_of(&second));
    assert_eq!(second["privateDnsName"], name);
    let a_record = ("PrivateDnsNameOptions.EnableResourceNameDnsARecord", "true");
    let third = launched(&mut region, &[here, a_record]);
    assert_eq!(options(&third), ("resource-name".into(), true, true));
    let kind = ("PrivateDnsNameOptions.HostnameType", "ip-name");
    let fourth = launched(&mut region, &[here, kind]);
    assert_eq!(options(&fourth), ("ip-name".into(), false, true));
    for (filter, value, found) in [
        ("private-dns-name-options.hostname-type", "resource-name", 2),
        (
            "private-dns-name-options.enable-resource-name-dns-a-record",
            "true",
            1,
        ),
        (
            "private-dns-name-options.enable-resource-name-dns-aaaa-record",
            "false",
            1,
        ),
        ("private-dns-name", &*name, 1),
    ] {
        let asked = [("Filter.1.Name", filter), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeInstances", &asked);
        let ids = TestWorld::texts(&answer, "/reservationSet", "/reservationId");
        assert_eq!(ids.len(), found, "{filter}");
    }
}

#[test]
fn an_instance_is_renamed_while_it_is_stopped() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(&mut region, &[]);
    let id = id_of(&instance);
    let this = ("InstanceId", id.as_str());
    let modify = "ModifyPrivateDnsNameOptions";
    region.must(modify, &[this, ("EnableResourceNameDnsARecord", "true")]);
    assert_eq!(
        options(&described(&mut region, &id)),
        ("ip-name".into(), true, false)
    );
    let renamed = [this, ("PrivateDnsHostnameType", "resource-name")];
    assert_eq!(
        region.refused(modify, &renamed),
        format!("IncorrectInstanceState: The instance '{id}' is not in the 'stopped' state.")
    );
    region.must(modify, &[this, ("PrivateDnsHostnameType", "ip-name")]);
    let row = region.world.instances.get(id.parse().unwrap()).unwrap();
    region.put(Instance {
        state: InstanceState::Stopped,
        ..Instance::clone(row)
    });
    region.must(modify, &renamed);
    let found = described(&mut region, &id);
    assert_eq!(options(&found), ("resource-name".into(), true, false));
    assert_eq!(found["privateDnsName"], format!("{id}.ec2.internal"));
}

#[test]
fn names_that_ec2_does_not_have_are_refused() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(&mut region, &[]);
    let subnet = ("SubnetId", instance["subnetId"].as_str().unwrap());
    let id = id_of(&instance);
    let image = image();
    let launch = launch(&image, &[("PrivateDnsNameOptions.HostnameType", "name")]);
    for (refusal, parameter) in [
        (region.refused("RunInstances", &launch), "hostnameType"),
        (
            region.refused(
                "ModifyPrivateDnsNameOptions",
                &[("InstanceId", &id), ("PrivateDnsHostnameType", "name")],
            ),
            "privateDnsHostnameType",
        ),
        (
            region.refused(
                "ModifySubnetAttribute",
                &[subnet, ("PrivateDnsHostnameTypeOnLaunch", "name")],
            ),
            "privateDnsHostnameTypeOnLaunch",
        ),
    ] {
        assert_eq!(
            refusal,
            format!("InvalidParameterValue: Value (name) for parameter {parameter} is invalid.")
        );
    }
}
