use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::json;

use super::{Net, id_of};
use crate::testing::check_invariants;

#[test]
fn one_attribute_is_changed_and_read_at_a_time() {
    let mut net = Net::new();
    let eni = id_of(&net.create(&[("Description", "old")]));
    let group = net
        .region
        .world
        .security_groups
        .iter()
        .find(|group| group.vpc_id.to_string() == net.vpc);
    let group = group.unwrap().group_id.to_string();
    let id = ("NetworkInterfaceId", eni.as_str());
    for (change, attribute, pointer, want) in [
        (
            ("Description.Value", "new"),
            "description",
            "/description",
            json!({"value": "new"}),
        ),
        (
            ("SourceDestCheck.Value", "false"),
            "sourceDestCheck",
            "/sourceDestCheck",
            json!({"value": false}),
        ),
        (
            ("SecurityGroupId.1", &*group),
            "groupSet",
            "/groupSet",
            json!({"item": [{"groupId": group, "groupName": "default"}]}),
        ),
        (
            ("AssociatePublicIpAddress", "true"),
            "associatePublicIpAddress",
            "/associatePublicIpAddress",
            json!(true),
        ),
        (
            ("AssociatePublicIpAddress", "false"),
            "associatePublicIpAddress",
            "/associatePublicIpAddress",
            json!(false),
        ),
    ] {
        net.region
            .must("ModifyNetworkInterfaceAttribute", &[id, change]);
        check_invariants(&net.region.world);
        let answer = net.region.must(
            "DescribeNetworkInterfaceAttribute",
            &[id, ("Attribute", attribute)],
        );
        assert_eq!(answer.pointer(pointer), Some(&want), "{attribute}");
        assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    }
    net.region.must(
        "ResetNetworkInterfaceAttribute",
        &[id, ("SourceDestCheck", "")],
    );
    assert_eq!(net.describe(&eni)["sourceDestCheck"], true);
    let timeout = (
        "ConnectionTrackingSpecification.TcpEstablishedTimeout",
        "350",
    );
    net.region
        .must("ModifyNetworkInterfaceAttribute", &[id, timeout]);
    assert_eq!(
        net.describe(&eni)["connectionTrackingConfiguration"],
        json!({"tcpEstablishedTimeout": 350})
    );
}

#[test]
fn the_attachment_alone_says_whether_the_interface_goes_with_the_instance() {
    let mut net = Net::new();
    let instance = net.instance("t3.micro", "running");
    let eni = id_of(&net.create(&[]));
    let id = ("NetworkInterfaceId", eni.as_str());
    let attachment = net.attach(&eni, &instance, "1");
    let attachment = ("Attachment.AttachmentId", attachment.as_str());
    let goes = ("Attachment.DeleteOnTermination", "true");
    net.region
        .must("ModifyNetworkInterfaceAttribute", &[id, attachment, goes]);
    let answer = net.region.must(
        "DescribeNetworkInterfaceAttribute",
        &[id, ("Attribute", "attachment")],
    );
    assert_eq!(answer["attachment"]["deleteOnTermination"], true);
    for (parameters, error) in [
        (
            Vec::from([id, attachment]),
            "MissingParameter: The request must contain the parameter attachment.deleteOnTermination",
        ),
        (
            Vec::from([id, goes]),
            "MissingParameter: The request must contain the parameter attachment.attachmentId",
        ),
        (
            Vec::from([id, goes, ("Attachment.AttachmentId", "eni-attach-12345678")]),
            "InvalidAttachmentID.NotFound: The networkInterface attachment ID 'eni-attach-12345678' does not exist",
        ),
        (
            Vec::from([id, attachment, goes, ("Attachment.EnaQueueCount", "2")]),
            "UnsupportedOperation: Setting the number of ENA queues is not supported in this region.",
        ),
    ] {
        assert_eq!(
            net.region
                .refused("ModifyNetworkInterfaceAttribute", &parameters),
            error
        );
    }
}

#[test]
fn a_primary_interface_is_lent_a_public_address_when_asked_for() {
    let mut net = Net::new();
    let instance = net.instance("t3.micro", "running");
    let primary = net
        .region
        .world
        .primary_network_interface(instance.parse().unwrap())
        .unwrap();
    let eni = primary.network_interface_id.to_string();
    let id = ("NetworkInterfaceId", eni.as_str());
    net.region.must(
        "ModifyNetworkInterfaceAttribute",
        &[id, ("AssociatePublicIpAddress", "true")],
    );
    check_invariants(&net.region.world);
    let association = net.describe(&eni)["association"].clone();
    assert_eq!(association["ipOwnerId"], "amazon");
    assert_eq!(association.get("allocationId"), None);
    net.region.must(
        "ModifyNetworkInterfaceAttribute",
        &[id, ("AssociatePublicIpAddress", "true")],
    );
    assert_eq!(net.describe(&eni)["association"], association);
    net.region.must(
        "ModifyNetworkInterfaceAttribute",
        &[id, ("AssociatePublicIpAddress", "false")],
    );
    assert!(net.region.world.addresses.is_empty());
}

#[test]
fn what_the_attribute_calls_refuse() {
    let mut net = Net::new();
    let eni = id_of(&net.create(&[]));
    let id = ("NetworkInterfaceId", eni.as_str());
    for (action, parameters, error) in [
        (
            "ModifyNetworkInterfaceAttribute",
            Vec::from([id]),
            "InvalidParameterCombination: No attributes specified.",
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            Vec::from([
                id,
                ("Description.Value", "a"),
                ("SourceDestCheck.Value", "true"),
            ]),
            "InvalidParameterCombination: Fields for multiple attribute types specified: description, sourceDestCheck",
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            Vec::from([id, ("SecurityGroupId.1", "sg-12345678")]),
            "InvalidGroup.NotFound: The security group 'sg-12345678' does not exist",
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            Vec::from([id, ("EnaSrdSpecification.EnaSrdEnabled", "true")]),
            "UnsupportedOperation: ENA Express is not supported in this region.",
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            Vec::from([id, ("EnablePrimaryIpv6", "true")]),
            "InvalidParameterValue: A primary IPv6 address can be enabled only on a network interface with an IPv6 address.",
        ),
        (
            "DescribeNetworkInterfaceAttribute",
            Vec::from([id]),
            "InvalidParameterCombination: No attributes specified.",
        ),
        (
            "DescribeNetworkInterfaceAttribute",
            Vec::from([id, ("Attribute", "color")]),
            "InvalidParameterValue: Value (color) for parameter attribute is invalid. Unknown attribute.",
        ),
        (
            "ResetNetworkInterfaceAttribute",
            Vec::from([id]),
            "InvalidParameterCombination: No attributes specified.",
        ),
    ] {
        assert_eq!(net.region.refused(action, &parameters), error, "{action}");
    }
}
