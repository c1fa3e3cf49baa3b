use eni_types::{InstanceState, Timestamp};

use super::{Net, id_of};
use crate::resource::Instance;
use crate::testing::check_invariants;
use crate::{Await, Transition, plan_transitions};

#[test]
fn a_hot_attachment_is_attached_and_detached_when_the_agent_says_so() {
    let mut net = Net::new();
    let instance = net.instance("m5.large", "running");
    let made = net.create(&[("Description", "floating")]);
    let eni = id_of(&made);
    let attachment = net.attach(&eni, &instance, "2");
    let described = net.describe(&eni);
    for (pointer, want) in [
        ("/status", "attaching"),
        ("/attachment/status", "attaching"),
        ("/attachment/attachmentId", attachment.as_str()),
        ("/attachment/instanceId", &instance),
        ("/attachment/instanceOwnerId", "123456789012"),
        ("/attachment/attachTime", "2026-11-20T19:10:54.000Z"),
        ("/macAddress", made["macAddress"].as_str().unwrap()),
    ] {
        assert_eq!(
            described.pointer(pointer).and_then(|text| text.as_str()),
            Some(want),
            "{pointer}"
        );
    }
    assert_eq!(described["attachment"]["deleteOnTermination"], false);
    assert_eq!(described["attachment"]["deviceIndex"], 2);

    let attachment_id = attachment.parse().unwrap();
    let settled = Await::Attachment(attachment_id);
    assert!(!settled.holds(&net.region.world));
    report(&mut net, Transition::AttachmentAttached { attachment_id });
    assert!(settled.holds(&net.region.world));
    assert_eq!(net.describe(&eni)["status"], "in-use");
    assert_eq!(
        net.region
            .refused("DeleteNetworkInterface", &[("NetworkInterfaceId", &eni)]),
        alloc::format!("InvalidParameterValue: Network interface '{eni}' is currently in use.")
    );

    let detach = [("AttachmentId", attachment.as_str()), ("Force", "true")];
    net.region.must("DetachNetworkInterface", &detach);
    assert_eq!(net.describe(&eni)["status"], "detaching");
    assert!(!settled.holds(&net.region.world));
    report(&mut net, Transition::AttachmentDetached { attachment_id });
    assert!(settled.holds(&net.region.world));
    assert_eq!(net.describe(&eni), made, "what moves is unchanged");
    net.region
        .must("DeleteNetworkInterface", &[("NetworkInterfaceId", &eni)]);
    check_invariants(&net.region.world);
}

fn report(net: &mut Net, transition: Transition) {
    let changes = plan_transitions(&net.region.world, &[transition], Timestamp(0));
    net.region.world.apply(&changes);
    check_invariants(&net.region.world);
}

#[test]
fn a_warm_attachment_comes_and_goes_at_once() {
    let mut net = Net::new();
    let instance = net.instance("m5.large", "stopped");
    let eni = id_of(&net.create(&[]));
    let attachment = net.attach(&eni, &instance, "1");
    assert_eq!(net.describe(&eni)["attachment"]["status"], "attached");
    net.region
        .must("DetachNetworkInterface", &[("AttachmentId", &attachment)]);
    assert_eq!(net.describe(&eni)["status"], "available");
}

#[test]
fn what_attach_network_interface_refuses() {
    let mut net = Net::new();
    let small = net.instance("t3.micro", "running");
    let large = net.instance("c6in.32xlarge", "running");
    let eni = id_of(&net.create(&[]));
    let taken = id_of(&net.create(&[]));
    let three = id_of(&net.create(&[("SecondaryPrivateIpAddressCount", "2")]));
    net.attach(&taken, &large, "1");
    net.subnet = net.region.make(
        "CreateSubnet",
        &[
            ("VpcId", &net.vpc),
            ("CidrBlock", "10.0.9.0/24"),
            ("AvailabilityZone", "us-east-1b"),
        ],
        "/subnet/subnetId",
    );
    let elsewhere = id_of(&net.create(&[]));
    let occupied = alloc::format!(
        "InvalidParameterValue: Instance '{small}' already has an interface attached at device index '0'."
    );
    let in_use = alloc::format!("InvalidNetworkInterface.InUse: Interface: [{taken}] in use.");
    let addresses = alloc::format!(
        "InvalidInterface.IpAddressLimitExceeded: Address count 3 on interface-{} exceeds the limit for t3.micro",
        three.trim_start_matches("eni-")
    );
    for (eni, instance, place, error) in [
        (
            &eni,
            small.as_str(),
            ("DeviceIndex", "0"),
            occupied.as_str(),
        ),
        (&taken, &small, ("DeviceIndex", "1"), &in_use),
        (&three, &small, ("DeviceIndex", "1"), &addresses),
        (
            &elsewhere,
            &small,
            ("DeviceIndex", "1"),
            "InvalidParameterCombination: You may not attach a network interface to an instance if they are not in the same availability zone",
        ),
        (
            &eni,
            "i-87654321",
            ("DeviceIndex", "1"),
            "InvalidInstanceID.NotFound: The instance ID 'i-87654321' does not exist",
        ),
        (
            &eni,
            &small,
            ("DeviceIndex", "300"),
            "InvalidParameterValue: Value (300) for parameter deviceIndex is invalid. A small number is expected.",
        ),
    ] {
        let parameters = [
            ("NetworkInterfaceId", eni.as_str()),
            ("InstanceId", instance),
            place,
        ];
        assert_eq!(
            net.region.refused("AttachNetworkInterface", &parameters),
            error
        );
    }
}

#[test]
fn a_place_is_a_card_and_an_index() {
    let mut net = Net::new();
    let large = net.instance("c6in.32xlarge", "running");
    let [taken, eni] = [(), ()].map(|()| id_of(&net.create(&[])));
    net.attach(&taken, &large, "1");
    let card = [
        ("NetworkInterfaceId", eni.as_str()),
        ("InstanceId", &large),
        ("DeviceIndex", "1"),
        ("NetworkCardIndex", "2"),
    ];
    assert_eq!(
        net.region.refused("AttachNetworkInterface", &card),
        "InvalidParameterValue: The network card index 2 is not valid for the instance type c6in.32xlarge."
    );
    let card = [card[0], card[1], card[2], ("NetworkCardIndex", "1")];
    assert_eq!(
        net.region.must("AttachNetworkInterface", &card)["networkCardIndex"],
        1
    );
    check_invariants(&net.region.world);
}

#[test]
fn an_instance_takes_no_more_interfaces_than_its_type_has_places_for() {
    let mut net = Net::new();
    let small = net.instance("t3.micro", "running");
    let [first, second] = [(), ()].map(|()| id_of(&net.create(&[])));
    net.attach(&first, &small, "1");
    let parameters = [
        ("NetworkInterfaceId", second.as_str()),
        ("InstanceId", &small),
        ("DeviceIndex", "2"),
    ];
    assert_eq!(
        net.region.refused("AttachNetworkInterface", &parameters),
        "AttachmentLimitExceeded: Interface count 3 exceeds the limit for t3.micro"
    );
}

#[test]
fn only_an_instance_that_runs_or_is_stopped_takes_an_interface() {
    let mut net = Net::new();
    let instance = net.instance("t3.micro", "running");
    let eni = id_of(&net.create(&[]));
    for state in [
        InstanceState::Pending,
        InstanceState::Stopping,
        InstanceState::ShuttingDown,
        InstanceState::Terminated,
    ] {
        let row = net
            .region
            .world
            .instances
            .get(instance.parse().unwrap())
            .unwrap();
        let row = Instance {
            state,
            ..Instance::clone(row)
        };
        net.region.world.put(row.into());
        let parameters = [
            ("NetworkInterfaceId", eni.as_str()),
            ("InstanceId", &instance),
            ("DeviceIndex", "1"),
        ];
        let error = net.region.refused("AttachNetworkInterface", &parameters);
        assert_eq!(
            error,
            alloc::format!(
                "IncorrectState: The instance '{instance}' is '{state}'. It must be 'running' or 'stopped'."
            )
        );
    }
}

#[test]
fn what_detach_network_interface_refuses() {
    let mut net = Net::new();
    net.instance("t3.micro", "running");
    for (attachment, error) in [
        (
            "eni-attach-00000000",
            "OperationNotPermitted: The network interface at device index 0 and networkCard index 0 cannot be detached.",
        ),
        (
            "eni-attach-12345678",
            "InvalidAttachmentID.NotFound: The networkInterface attachment ID 'eni-attach-12345678' does not exist",
        ),
        (
            "eni-12345678",
            "InvalidNetworkInterfaceAttachmentId.Malformed: Invalid id: \"eni-12345678\" (expecting \"eni-attach-...\")",
        ),
    ] {
        assert_eq!(
            net.region
                .refused("DetachNetworkInterface", &[("AttachmentId", attachment)]),
            error
        );
    }
    assert_eq!(
        net.region.refused(
            "DeleteNetworkInterface",
            &[("NetworkInterfaceId", "eni-12345678")]
        ),
        "InvalidNetworkInterfaceID.NotFound: The networkInterface ID 'eni-12345678' does not exist"
    );
}
