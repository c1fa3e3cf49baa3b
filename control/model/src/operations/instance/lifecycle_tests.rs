//! From launch to termination, with what the agent reports.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{InstanceId, InstanceState, quota};

use super::tests::{launched, subnet_in};
use crate::resource::{Address, AddressAssociation};
use crate::tags::Tags;
use crate::testing::{TestWorld, check_invariants};
use crate::{Transition, expire, plan_transitions};

fn report(region: &mut TestWorld, transitions: &[Transition]) {
    let changes = plan_transitions(&region.world, transitions, region.now);
    region.world.apply(&changes);
    check_invariants(&region.world);
}

fn running(region: &mut TestWorld, id: InstanceId) {
    let boot_count = region.world.instances.get(id).unwrap().boot_count;
    let attachments: Vec<_> = region
        .world
        .network_interfaces_of(id)
        .filter_map(|eni| Some(eni.attachment.as_ref()?.attachment_id))
        .map(|attachment_id| Transition::AttachmentAttached { attachment_id })
        .collect();
    report(region, &attachments);
    report(
        region,
        &[Transition::InstanceRunning {
            instance_id: id,
            boot_count,
        }],
    );
}

fn state(region: &TestWorld, id: InstanceId) -> InstanceState {
    region.world.instances.get(id).unwrap().state
}

fn one(region: &mut TestWorld) -> (InstanceId, String) {
    let instance = launched(region, &[]);
    let text = instance["instanceId"].as_str().unwrap().to_string();
    (text.parse().unwrap(), text)
}

/// `previous -> current` of the only instance of an answer.
fn change(region: &mut TestWorld, action: &str, id: &str) -> String {
    let answer = region.must(action, &[("InstanceId.1", id)]);
    check_invariants(&region.world);
    let shown = &answer["instancesSet"]["item"][0];
    let name = |state: &str| shown[state]["name"].as_str().unwrap().to_string();
    alloc::format!("{} -> {}", name("previousState"), name("currentState"))
}

#[test]
fn an_instance_lives_through_its_states() {
    let mut region = TestWorld::bootstrapped();
    let (id, text) = one(&mut region);
    running(&mut region, id);
    assert_eq!(state(&region, id), InstanceState::Running);
    let first = region.world.addresses.iter().next().unwrap().public_ip;
    assert_eq!(
        change(&mut region, "StartInstances", &text),
        "running -> running"
    );
    assert_eq!(
        change(&mut region, "StopInstances", &text),
        "running -> stopping"
    );
    assert_eq!(
        change(&mut region, "StopInstances", &text),
        "stopping -> stopping"
    );
    let stopped = Transition::InstanceStopped {
        instance_id: id,
        boot_count: 1,
    };
    report(&mut region, &[stopped]);
    assert_eq!(state(&region, id), InstanceState::Stopped);
    assert!(region.world.addresses.is_empty(), "{first} was only lent");
    assert_eq!(
        change(&mut region, "StartInstances", &text),
        "stopped -> pending"
    );
    assert_eq!(region.world.addresses.len(), 1);
    assert_eq!(region.world.instances.get(id).unwrap().boot_count, 2);
    running(&mut region, id);
    region.must("RebootInstances", &[("InstanceId.1", &text)]);
    assert_eq!(region.world.instances.get(id).unwrap().boot_count, 3);
    assert_eq!(state(&region, id), InstanceState::Running);
    assert_eq!(
        change(&mut region, "TerminateInstances", &text),
        "running -> shutting-down"
    );
    report(
        &mut region,
        &[Transition::InstanceTerminated { instance_id: id }],
    );
    assert_eq!(
        change(&mut region, "TerminateInstances", &text),
        "terminated -> terminated"
    );
    assert!(region.world.network_interfaces.is_empty());
    assert!(region.world.addresses.is_empty());
}

#[test]
fn late_reports_change_nothing() {
    let mut region = TestWorld::bootstrapped();
    let (id, text) = one(&mut region);
    running(&mut region, id);
    let attachment_id = region
        .world
        .network_interfaces_of(id)
        .find_map(|eni| Some(eni.attachment.as_ref()?.attachment_id))
        .unwrap();
    region.must("RebootInstances", &[("InstanceId.1", &text)]);
    let late = [
        Transition::InstanceRunning {
            instance_id: id,
            boot_count: 1,
        },
        Transition::InstanceStopped {
            instance_id: id,
            boot_count: 2,
        },
        Transition::InstanceTerminated { instance_id: id },
        Transition::AttachmentAttached { attachment_id },
        Transition::AttachmentDetached { attachment_id },
    ];
    assert!(plan_transitions(&region.world, &late, region.now).is_empty());
    region.must("StopInstances", &[("InstanceId.1", &text)]);
    let older = Transition::InstanceStopped {
        instance_id: id,
        boot_count: 1,
    };
    assert!(plan_transitions(&region.world, &[older], region.now).is_empty());
}

/// Gives the primary private address of an interface an Elastic IP address.
fn put_elastic_address(region: &mut TestWorld, number: usize, eni: &str) {
    let eni = region
        .world
        .network_interfaces
        .get(eni.parse().unwrap())
        .unwrap();
    let address = Address {
        allocation_id: alloc::format!("eipalloc-0000000{number}").parse().unwrap(),
        public_ip: alloc::format!("203.0.113.{}", 200 + number)
            .parse()
            .unwrap(),
        association: Some(AddressAssociation {
            association_id: alloc::format!("eipassoc-0000000{number}").parse().unwrap(),
            network_interface_id: eni.network_interface_id,
            private_ip_address: eni.primary_private_ip_address().unwrap(),
        }),
        lent: false,
        tags: Tags::default(),
    };
    region.world.put(address.into());
}

#[test]
fn termination_leaves_kept_interfaces_and_elastic_addresses() {
    let mut region = TestWorld::bootstrapped();
    let subnet = subnet_in(&region, "us-east-1a");
    let kept = region.make(
        "CreateNetworkInterface",
        &[("SubnetId", &subnet)],
        "/networkInterface/networkInterfaceId",
    );
    let instance = launched(
        &mut region,
        &[
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.SubnetId", &subnet),
            ("NetworkInterface.2.DeviceIndex", "1"),
            ("NetworkInterface.2.NetworkInterfaceId", &kept),
        ],
    );
    let text = instance["instanceId"].as_str().unwrap();
    let id = text.parse().unwrap();
    running(&mut region, id);
    let primary = instance["networkInterfaceSet"]["item"][0]["networkInterfaceId"]
        .as_str()
        .unwrap();
    for (number, eni) in [primary, &kept].into_iter().enumerate() {
        put_elastic_address(&mut region, number, eni);
    }
    region.must("TerminateInstances", &[("InstanceId.1", text)]);
    report(
        &mut region,
        &[Transition::InstanceTerminated { instance_id: id }],
    );
    let left: Vec<_> = region.world.network_interfaces.iter().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].network_interface_id.to_string(), kept);
    assert_eq!(left[0].attachment, None);
    let associated =
        |address: &&alloc::sync::Arc<crate::resource::Address>| address.association.is_some();
    assert_eq!(region.world.addresses.len(), 2);
    assert_eq!(region.world.addresses.iter().filter(associated).count(), 1);
    let answer = region.must("DescribeInstances", &[("InstanceId.1", text)]);
    let shown = answer
        .pointer("/reservationSet/item/0/instancesSet/item/0")
        .unwrap();
    assert_eq!(shown["instanceState"]["name"], "terminated");
    assert_eq!(shown["stateReason"]["code"], "Client.UserInitiatedShutdown");
    assert_eq!(shown["vpcId"], serde_json::Value::Null);
}

#[test]
fn a_terminated_instance_is_forgotten_in_time() {
    let mut region = TestWorld::bootstrapped();
    let (id, text) = one(&mut region);
    region.must("TerminateInstances", &[("InstanceId.1", &text)]);
    report(
        &mut region,
        &[Transition::InstanceTerminated { instance_id: id }],
    );
    let mut later = region.now;
    later.0 += quota::TERMINATED_INSTANCE_SECONDS * 1000;
    assert!(expire(&region.world, later).is_empty());
    later.0 += 1;
    let changes = expire(&region.world, later);
    region.world.apply(&changes);
    assert!(region.world.instances.is_empty());
}

#[test]
fn calls_in_the_wrong_state_are_refused() {
    let mut region = TestWorld::bootstrapped();
    let (id, text) = one(&mut region);
    let parameters = [("InstanceId.1", text.as_str())];
    let refusal = |action| {
        alloc::format!(
            "IncorrectInstanceState: The instance '{text}' is not in a state from which it can be {action}."
        )
    };
    assert_eq!(
        region.refused("StopInstances", &parameters),
        refusal("stopped")
    );
    region.must("TerminateInstances", &parameters);
    for (action, done) in [
        ("StartInstances", "started"),
        ("StopInstances", "stopped"),
        ("RebootInstances", "rebooted"),
    ] {
        assert_eq!(region.refused(action, &parameters), refusal(done));
    }
    report(
        &mut region,
        &[Transition::InstanceTerminated { instance_id: id }],
    );
    for action in [
        "StartInstances",
        "StopInstances",
        "RebootInstances",
        "TerminateInstances",
    ] {
        assert_eq!(
            region.refused(action, &[("InstanceId.1", "i-00000000000000001")]),
            "InvalidInstanceID.NotFound: The instance ID 'i-00000000000000001' does not exist"
        );
        assert_eq!(
            region.refused(action, &[]),
            "InvalidParameterCombination: No instances specified"
        );
    }
}

#[test]
fn protected_instances_are_neither_stopped_nor_terminated() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(
        &mut region,
        &[
            ("DisableApiTermination", "true"),
            ("DisableApiStop", "true"),
        ],
    );
    let text = instance["instanceId"].as_str().unwrap();
    running(&mut region, text.parse().unwrap());
    for (action, want) in [
        (
            "StopInstances",
            "may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
        ),
        (
            "TerminateInstances",
            "may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.",
        ),
    ] {
        assert_eq!(
            region.refused(action, &[("InstanceId.1", text)]),
            alloc::format!("OperationNotPermitted: The instance '{text}' {want}")
        );
    }
}

#[test]
fn instances_are_found_by_what_they_and_their_interfaces_are() {
    let mut region = TestWorld::bootstrapped();
    let (id, text) = one(&mut region);
    one(&mut region);
    running(&mut region, id);
    let eni = region.world.primary_network_interface(id).unwrap().clone();
    let address = eni.primary_private_ip_address().unwrap().to_string();
    for (name, value) in [
        ("instance-id", text.as_str()),
        ("instance-state-name", "running"),
        ("private-ip-address", &address),
        ("network-interface.addresses.private-ip-address", &address),
        (
            "network-interface.mac-address",
            &eni.mac_address.to_string(),
        ),
        ("network-interface.attachment.status", "attached"),
    ] {
        let answer = region.must(
            "DescribeInstances",
            &[("Filter.1.Name", name), ("Filter.1.Value.1", value)],
        );
        let found = TestWorld::texts(
            &answer,
            "/reservationSet",
            "/instancesSet/item/0/instanceId",
        );
        assert_eq!(found, [text.as_str()], "{name}");
    }
}
