//! Interfaces with an Elastic Fabric Adapter: what they are, where they go, and what EC2 refuses.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::InstanceState;
use serde_json::{Value, json};

use super::{Net, addresses_of, id_of};
use crate::operations::image::Image;
use crate::resource::Instance;
use crate::testing::{TestWorld, check_invariants};

/// A type of two cards that each take an adapter, which the image runs on.
fn two_cards() -> &'static str {
    if Image::all()[0].architecture == "arm64" {
        "c8gn.48xlarge"
    } else {
        "c6in.32xlarge"
    }
}

impl Net {
    fn adapter(&mut self, interface_type: &str) -> String {
        id_of(&self.create(&[("InterfaceType", interface_type)]))
    }

    fn refused_at(&mut self, eni: &str, instance: &str, card: &str, index: &str) -> String {
        let place = place(eni, instance, card, index);
        self.region.refused("AttachNetworkInterface", &place)
    }

    fn attach_at(&mut self, eni: &str, instance: &str, card: &str, index: &str) -> String {
        let place = place(eni, instance, card, index);
        let id = self
            .region
            .make("AttachNetworkInterface", &place, "/attachmentId");
        check_invariants(&self.region.world);
        id
    }

    fn set_state(&mut self, instance: &str, state: InstanceState) {
        let row = self
            .region
            .world
            .instances
            .get(instance.parse().unwrap())
            .unwrap();
        let row = Instance {
            state,
            ..Instance::clone(row)
        };
        self.region.world.put(row.into());
    }

    /// Launches one instance whose interfaces have these cards, indexes and types.
    fn launch(
        &mut self,
        instance_type: &str,
        interfaces: &[(&str, &str, &str)],
        more: &[(&str, &str)],
    ) -> Result<Value, String> {
        let image = Image::all()[0].image_id.to_string();
        let mut parameters: Vec<(String, String)> = [
            ("ImageId", image.as_str()),
            ("InstanceType", instance_type),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ]
        .into_iter()
        .chain(more.iter().copied())
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
        for (number, (card, index, interface_type)) in interfaces.iter().enumerate() {
            for (name, value) in [
                ("NetworkCardIndex", *card),
                ("DeviceIndex", index),
                ("InterfaceType", interface_type),
                ("SubnetId", &self.subnet),
            ] {
                let name = format!("NetworkInterface.{}.{name}", number + 1);
                parameters.push((name, value.into()));
            }
        }
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = self.region.call("RunInstances", &parameters);
        check_invariants(&self.region.world);
        answer
            .map(|answer| answer["instancesSet"]["item"][0].clone())
            .map_err(|error| error.to_string())
    }
}

fn place<'a>(
    eni: &'a str,
    instance: &'a str,
    card: &'a str,
    index: &'a str,
) -> [(&'a str, &'a str); 4] {
    [
        ("NetworkInterfaceId", eni),
        ("InstanceId", instance),
        ("NetworkCardIndex", card),
        ("DeviceIndex", index),
    ]
}

#[test]
fn an_efa_has_addresses_and_an_adapter_alone_has_none() {
    let mut net = Net::new();
    let available = |net: &mut Net| {
        let answer = net
            .region
            .must("DescribeSubnets", &[("SubnetId.1", &net.subnet.clone())]);
        answer["subnetSet"]["item"][0]["availableIpAddressCount"].clone()
    };
    let efa = net.create(&[
        ("InterfaceType", "efa"),
        ("SecondaryPrivateIpAddressCount", "1"),
    ]);
    assert_eq!(efa["interfaceType"], "efa");
    assert_eq!(addresses_of(&efa).len(), 2);
    let free = available(&mut net);

    let alone = net.create(&[("InterfaceType", "efa-only")]);
    assert_eq!(alone["interfaceType"], "efa-only");
    assert_eq!(alone.get("privateIpAddress"), None);
    assert_eq!(alone["privateIpAddressesSet"], json!({"item": []}));
    assert_eq!(alone["groupSet"]["item"][0]["groupName"], "default");
    assert!(alone["macAddress"].is_string());
    assert_eq!(net.describe(&id_of(&alone)), alone);
    assert_eq!(available(&mut net), free, "it takes no address");

    for (interface_type, want) in [("efa", id_of(&efa)), ("efa-only", id_of(&alone))] {
        let filter = [
            ("Filter.1.Name", "interface-type"),
            ("Filter.1.Value.1", interface_type),
        ];
        let answer = net.region.must("DescribeNetworkInterfaces", &filter);
        assert_eq!(
            TestWorld::texts(&answer, "/networkInterfaceSet", "/networkInterfaceId"),
            [want]
        );
    }
}

#[test]
fn what_an_adapter_alone_refuses_for_want_of_ip() {
    let mut net = Net::new();
    for address in [
        ("PrivateIpAddress", "10.0.1.9"),
        ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.9"),
        ("SecondaryPrivateIpAddressCount", "1"),
    ] {
        assert_eq!(
            net.refused(&[("InterfaceType", "efa-only"), address]),
            "InvalidParameterCombination: IP addresses cannot be specified for interfaces of type 'efa-only'.",
            "{address:?}"
        );
    }
    let alone = net.adapter("efa-only");
    let eni = ("NetworkInterfaceId", alone.as_str());
    let table = net
        .region
        .world
        .main_route_table(net.vpc.parse().unwrap())
        .unwrap()
        .route_table_id
        .to_string();
    let allocated = net.region.make("AllocateAddress", &[], "/allocationId");
    let no_ip = format!(
        "UnsupportedOperation: The network interface '{alone}' is of type 'efa-only', which does not support IP addresses."
    );
    let no_address = format!(
        "InvalidParameterValue: The network interface '{alone}' has no private IP address."
    );
    let no_such_address = format!(
        "InvalidParameterValue: Some of the specified addresses are not assigned to interface {alone}"
    );
    for (action, parameters, error) in [
        (
            "AssignPrivateIpAddresses",
            Vec::from([eni, ("SecondaryPrivateIpAddressCount", "1")]),
            &no_ip,
        ),
        (
            "UnassignPrivateIpAddresses",
            Vec::from([eni, ("PrivateIpAddress.1", "10.0.1.9")]),
            &no_such_address,
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            Vec::from([eni, ("AssociatePublicIpAddress", "true")]),
            &no_ip,
        ),
        (
            "AssociateAddress",
            Vec::from([eni, ("AllocationId", &allocated)]),
            &no_address,
        ),
        (
            "CreateRoute",
            Vec::from([
                eni,
                ("RouteTableId", &table),
                ("DestinationCidrBlock", "192.0.2.0/24"),
            ]),
            &no_ip,
        ),
    ] {
        assert_eq!(net.region.refused(action, &parameters), *error, "{action}");
    }
}

#[test]
fn an_adapter_is_attached_and_detached_while_the_instance_is_stopped_and_never_while_it_runs() {
    let mut net = Net::new();
    let instance = net.instance("c6in.32xlarge", "running");
    for interface_type in ["efa", "efa-only"] {
        let eni = net.adapter(interface_type);
        let hot = |state: &str| {
            format!(
                "IncorrectState: The instance '{instance}' is '{state}'. It must be 'stopped' to attach or detach an interface of type '{interface_type}'."
            )
        };
        net.set_state(&instance, InstanceState::Running);
        assert_eq!(net.refused_at(&eni, &instance, "0", "1"), hot("running"));

        net.set_state(&instance, InstanceState::Stopped);
        let attachment = net.attach_at(&eni, &instance, "0", "1");
        assert_eq!(net.describe(&eni)["attachment"]["status"], "attached");
        for (state, name) in [
            (InstanceState::Running, "running"),
            (InstanceState::Stopping, "stopping"),
        ] {
            net.set_state(&instance, state);
            let detach = [("AttachmentId", attachment.as_str()), ("Force", "true")];
            assert_eq!(
                net.region.refused("DetachNetworkInterface", &detach),
                hot(name)
            );
        }
        net.set_state(&instance, InstanceState::Stopped);
        net.region
            .must("DetachNetworkInterface", &[("AttachmentId", &attachment)]);
        assert_eq!(net.describe(&eni)["status"], "available");
        check_invariants(&net.region.world);
    }
    let plain = id_of(&net.create(&[]));
    net.set_state(&instance, InstanceState::Running);
    net.attach_at(&plain, &instance, "0", "1");
}

#[test]
fn each_card_takes_one_adapter_as_far_as_the_type_takes_any() {
    let mut net = Net::new();
    let [first, second, third] = ["efa", "efa-only", "efa"].map(|kind| net.adapter(kind));
    let none = net.instance("t3.medium", "stopped");
    assert_eq!(
        net.refused_at(&first, &none, "0", "1"),
        "UnsupportedOperation: t3.medium instances do not support Elastic Fabric Adapters."
    );
    let two = net.instance("c6in.32xlarge", "stopped");
    net.attach_at(&first, &two, "0", "1");
    assert_eq!(
        net.refused_at(&second, &two, "0", "2"),
        "AttachmentLimitExceeded: EFA interface count 2 on network card 0 exceeds the limit for c6in.32xlarge"
    );
    net.attach_at(&second, &two, "1", "1");
    // Card 0 of this type is the one that takes none.
    let other = net.instance("p6-b300.48xlarge", "stopped");
    assert_eq!(
        net.refused_at(&third, &other, "0", "1"),
        "UnsupportedOperation: Network card 0 of p6-b300.48xlarge does not support Elastic Fabric Adapters."
    );
    net.attach_at(&third, &other, "16", "1");
    // Both cards take one, the type does not take two.
    let fourth = net.adapter("efa");
    let fifth = net.adapter("efa-only");
    let one = net.instance("i7ie.48xlarge", "stopped");
    net.attach_at(&fourth, &one, "1", "1");
    assert_eq!(
        net.refused_at(&fifth, &one, "0", "1"),
        "AttachmentLimitExceeded: EFA interface count 2 exceeds the limit for i7ie.48xlarge"
    );
    let plain = id_of(&net.create(&[]));
    net.attach_at(&plain, &one, "0", "1");
}

#[test]
fn a_type_without_places_for_the_adapters_is_refused_for_a_stopped_instance() {
    let mut net = Net::new();
    let instance = net.launch(two_cards(), &[("0", "0", "efa")], &[]).unwrap();
    let id = instance["instanceId"].as_str().unwrap();
    net.set_state(id, InstanceState::Stopped);
    let small = if two_cards().starts_with("c8g") {
        "t4g.medium"
    } else {
        "t3.medium"
    };
    let change = [("InstanceId", id), ("InstanceType.Value", small)];
    assert_eq!(
        net.region.refused("ModifyInstanceAttribute", &change),
        format!("UnsupportedOperation: {small} instances do not support Elastic Fabric Adapters.")
    );
}

#[test]
fn an_instance_is_launched_with_adapters_on_its_cards() {
    let mut net = Net::new();
    let interfaces = [("0", "0", "efa"), ("1", "1", "efa-only")];
    let instance = net.launch(two_cards(), &interfaces, &[]).unwrap();
    let described: Vec<_> = instance["networkInterfaceSet"]["item"]
        .as_array()
        .unwrap()
        .iter()
        .map(|eni| {
            json!([
                eni["interfaceType"],
                eni["attachment"]["networkCardIndex"],
                eni["attachment"]["deviceIndex"],
                eni["privateIpAddressesSet"]["item"]
                    .as_array()
                    .unwrap()
                    .len(),
                eni.get("privateIpAddress") == instance.get("privateIpAddress"),
            ])
        })
        .collect();
    assert_eq!(
        described,
        [
            json!(["efa", 0, 0, 1, true]),
            json!(["efa-only", 1, 1, 0, false])
        ]
    );
}

#[test]
fn what_a_launch_with_adapters_refuses() {
    let mut net = Net::new();
    let two = two_cards();
    let double = format!(
        "AttachmentLimitExceeded: EFA interface count 2 on network card 0 exceeds the limit for {two}"
    );
    for (interfaces, more, error) in [
        (
            &[("0", "0", "efa-only")][..],
            &[][..],
            "InvalidParameterCombination: The primary network interface cannot be an interface of type 'efa-only'.",
        ),
        (&[("0", "0", "efa"), ("0", "1", "efa-only")], &[], &double),
        (
            &[("0", "0", "interface"), ("1", "1", "efa-only")],
            &[("NetworkInterface.2.SecondaryPrivateIpAddressCount", "1")],
            "InvalidParameterCombination: IP addresses cannot be specified for interfaces of type 'efa-only'.",
        ),
        (
            &[("0", "0", "trunk")],
            &[],
            "UnsupportedOperation: The interface type 'trunk' is not supported in this region.",
        ),
        (
            &[("0", "0", "lambda")],
            &[],
            "InvalidParameterValue: Value (lambda) for parameter interfaceType is invalid.",
        ),
        (
            &[("0", "0", "interface")],
            &[(
                "NetworkInterface.1.EnaSrdSpecification.EnaSrdEnabled",
                "true",
            )],
            "UnsupportedOperation: ENA Express is not supported in this region.",
        ),
    ] {
        assert_eq!(
            net.launch(two, interfaces, more),
            Err(error.into()),
            "{interfaces:?}"
        );
    }
    net.launch(
        two,
        &[("0", "0", "interface")],
        &[(
            "NetworkInterface.1.EnaSrdSpecification.EnaSrdEnabled",
            "false",
        )],
    )
    .unwrap();
}

#[test]
fn an_existing_adapter_is_launched_under_its_own_type() {
    let mut net = Net::new();
    let eni = net.adapter("efa");
    let image = Image::all()[0].image_id.to_string();
    let launch = |interface_type| {
        [
            ("ImageId", image.as_str()),
            ("InstanceType", two_cards()),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.NetworkInterfaceId", &eni),
            ("NetworkInterface.1.InterfaceType", interface_type),
        ]
    };
    assert_eq!(
        net.region.refused("RunInstances", &launch("interface")),
        "InvalidParameterCombination: A network interface may not specify both a network interface ID and attributes of a new network interface."
    );
    net.region.must("RunInstances", &launch("efa"));
    check_invariants(&net.region.world);
}

#[test]
fn ena_express_can_be_said_to_be_off_and_not_turned_on() {
    let mut net = Net::new();
    let instance = net.instance("c6in.32xlarge", "running");
    let eni = id_of(&net.create(&[]));
    let tcp = "EnaSrdSpecification.EnaSrdEnabled";
    let udp = "EnaSrdSpecification.EnaSrdUdpSpecification.EnaSrdUdpEnabled";
    let absent = "UnsupportedOperation: ENA Express is not supported in this region.";
    let alone =
        "InvalidParameterCombination: ENA Express for UDP requires that ENA Express is enabled.";
    let attach = place(&eni, &instance, "0", "1");
    let modify = [attach[0]];
    for (action, parameters) in [
        ("ModifyNetworkInterfaceAttribute", &modify[..]),
        ("AttachNetworkInterface", &attach),
    ] {
        for (asked, error) in [
            (&[(tcp, "true")][..], absent),
            (&[(tcp, "true"), (udp, "true")], absent),
            (&[(udp, "true")], alone),
        ] {
            let parameters = [parameters, asked].concat();
            assert_eq!(net.region.refused(action, &parameters), error, "{action}");
        }
        let off = [parameters, &[(tcp, "false"), (udp, "false")]].concat();
        net.region.must(action, &off);
    }
}
