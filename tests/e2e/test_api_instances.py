"""Instances and attachments through boto3, with real (namespace) instances behind them."""

import base64

import pytest

from namespaces import until
from network import Network
from region import refused

NO_INSTANCE = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def net(shared_region):
    return Network(shared_region)


@pytest.fixture(scope="module")
def group(net):
    return net.group("instances")


@pytest.fixture(scope="module")
def running(net, group):
    """One running instance for tests that leave it as it is."""
    instance_id, interface = net.host(net.subnet_a, group)
    return instance_id, interface["NetworkInterfaceId"]


def test_instances_are_launched_described_and_terminated(ec2, net, group):
    launched = ec2.run_instances(
        ImageId=net.image_id,
        InstanceType="t3.micro",
        MinCount=2,
        MaxCount=2,
        SubnetId=net.subnet_a,
        SecurityGroupIds=[group],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "pair"}]}],
    )
    assert [one["State"]["Name"] for one in launched["Instances"]] == ["pending", "pending"]
    ids = [one["InstanceId"] for one in launched["Instances"]]
    for instance_id in ids:
        net.wait_for_state(instance_id, "running")
    found = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["pair"]}])["Reservations"]
    assert len(found) == 1 and found[0]["ReservationId"] == launched["ReservationId"]
    one = found[0]["Instances"][0]
    (interface,) = one["NetworkInterfaces"]
    assert one["PrivateIpAddress"] == interface["PrivateIpAddress"]
    assert interface["Attachment"]["DeviceIndex"] == 0
    # Interfaces that a launch makes go with the instance.
    assert interface["Attachment"]["DeleteOnTermination"] is True
    assert one["SecurityGroups"] == [{"GroupId": group, "GroupName": "instances"}]
    images = ec2.describe_instance_image_metadata(InstanceIds=ids)["InstanceImageMetadata"]
    assert {image["ImageMetadata"]["ImageOwnerAlias"] for image in images} == {"amazon"}
    statuses = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
    assert {status["InstanceState"]["Name"] for status in statuses} == {"running"}
    terminated = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert {one["PreviousState"]["Name"] for one in terminated} == {"running"}
    for instance_id in ids:
        net.wait_for_state(instance_id, "terminated")
    until(
        lambda: not ec2.describe_network_interfaces(
            Filters=[{"Name": "network-interface-id", "Values": [interface["NetworkInterfaceId"]]}]
        )["NetworkInterfaces"],
        "the launch's interface is not deleted",
    )


def test_a_launch_refuses_what_does_not_exist_or_fit(ec2, net, group):
    launch = {"ImageId": net.image_id, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    with refused("InvalidAMIID.NotFound"):
        ec2.run_instances(**(launch | {"ImageId": "ami-0123456789abcdef0"}))
    with refused("InvalidParameterValue"):
        ec2.run_instances(**(launch | {"InstanceType": "t3.gigantic"}))
    with refused("InvalidSubnetID.NotFound"):
        ec2.run_instances(**launch, SubnetId="subnet-0123456789abcdef0")
    with refused("InvalidGroup.NotFound"):
        ec2.run_instances(**launch, SubnetId=net.subnet_a, SecurityGroupIds=["sg-0123456789abcdef0"])
    with refused("DryRunOperation"):
        ec2.run_instances(**launch, SubnetId=net.subnet_a, DryRun=True)
    three = [{"DeviceIndex": n, "SubnetId": net.subnet_a, "Groups": [group]} for n in range(3)]
    with refused("AttachmentLimitExceeded", "exceeds the limit for t3.micro"):
        ec2.run_instances(**launch, NetworkInterfaces=three)
    with refused("InvalidInstanceID.NotFound"):
        ec2.describe_instances(InstanceIds=[NO_INSTANCE])
    with refused("InvalidInstanceID.Malformed", 'Invalid id: "instance" (expecting "i-...")'):
        ec2.terminate_instances(InstanceIds=["instance"])
    with refused("InvalidInstanceID.NotFound", "The instance IDs 'i-00000001, i-00000002' do not exist"):
        ec2.describe_instances(InstanceIds=["i-00000001", "i-00000002"])
    with refused("InvalidParameterCombination", "No instances specified"):
        ec2.terminate_instances(InstanceIds=[])
    with refused("InvalidParameterValue", "Invalid availability zone: [us-west-1b]"):
        ec2.run_instances(**launch, Placement={"AvailabilityZone": "us-west-1b"})
    with refused("DryRunOperation"):
        empty = {"AvailabilityZone": "", "GroupName": ""}
        ec2.run_instances(**launch, SubnetId=net.subnet_a, Placement=empty, DryRun=True)


def test_a_launch_refuses_what_would_have_no_effect(ec2, net):
    def reservations():
        return len(ec2.describe_instances()["Reservations"])

    before = reservations()
    launch = {"ImageId": net.image_id, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": net.subnet_a}
    for asked in (
        {"Monitoring": {"Enabled": True}},
        {"CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1}},
        {"MaintenanceOptions": {"AutoRecovery": "disabled"}},
    ):
        with refused("UnsupportedOperation", "is not supported in this region"):
            ec2.run_instances(**launch, **asked)
    with refused("UnsupportedOperation", "EC2 has the parameter KernelId of RunInstances"):
        ec2.run_instances(**launch, KernelId="aki-12345678")
    assert reservations() == before


def test_a_client_token_makes_a_launch_idempotent(ec2, net):
    launch = {
        "ImageId": net.image_id,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": net.subnet_a,
        "ClientToken": "launch-once",
    }
    ids = {ec2.run_instances(**launch)["Instances"][0]["InstanceId"] for _ in range(2)}
    assert len(ids) == 1
    with refused("IdempotentParameterMismatch"):
        ec2.run_instances(**(launch | {"InstanceType": "t3.small"}))
    ec2.terminate_instances(InstanceIds=list(ids))


def test_instances_stop_start_and_reboot(ec2, net, group, shared_region):
    script = "#!/bin/sh\ntrue\n"
    boots = set()

    def booted():
        """Waits for a boot that was not seen before: for a first process that started at another time (proc_pid_stat(5))."""
        started = "cut -d' ' -f22 /proc/1/stat"
        until(lambda: shared_region.run(instance_id, started, check=False) not in ("", *boots), "not booted again", 30)
        boots.add(shared_region.run(instance_id, started))

    interface = net.interface(net.subnet_a, group)["NetworkInterfaceId"]
    instance_id = net.instance(interface, user_data=script)
    booted()
    with refused("IncorrectInstanceState"):
        ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.large"})
    ec2.stop_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "stopped")
    # Addresses, interfaces and attachments survive a stop.
    assert net.describe(interface)["Attachment"]["InstanceId"] == instance_id
    assert not shared_region.succeeds(instance_id, "true")
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.large"})
    instance_type = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="instanceType")
    assert instance_type["InstanceType"]["Value"] == "t3.large"
    user_data = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")["UserData"]
    assert base64.b64decode(user_data["Value"]).decode() == script
    ec2.start_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "running")
    booted()
    ec2.reboot_instances(InstanceIds=[instance_id])
    booted()
    assert net.state(instance_id) == "running"
    ec2.terminate_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "terminated")
    with refused("IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[instance_id])
    # An interface that was made before the launch stays, and is free again.
    until(lambda: net.describe(interface)["Status"] == "available", "the interface is not released")


def test_instance_attributes(ec2, running, group):
    instance_id, _ = running
    check = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="sourceDestCheck")
    assert check["SourceDestCheck"] == {"Value": True}
    ec2.modify_instance_attribute(InstanceId=instance_id, SourceDestCheck={"Value": False})
    check = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="sourceDestCheck")
    assert check["SourceDestCheck"] == {"Value": False}
    ec2.reset_instance_attribute(InstanceId=instance_id, Attribute="sourceDestCheck")
    check = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="sourceDestCheck")
    assert check["SourceDestCheck"] == {"Value": True}
    credits = ec2.describe_instance_credit_specifications(InstanceIds=[instance_id])
    assert credits["InstanceCreditSpecifications"][0]["CpuCredits"] in ("standard", "unlimited")
    groups = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="groupSet")["Groups"]
    assert [found["GroupId"] for found in groups] == [group]
    with refused("InvalidParameterValue"):
        ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="colour")


PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFI7HH1XT/2e4InAXC3F+AEgT3fT/XEyjWKE+iHd4Lt test"


def test_what_an_instance_names_can_be_described(ec2, net, group):
    imported = ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=PUBLIC_KEY)
    assert imported["KeyFingerprint"] == "PO53Jrn+Q45tAha4lO95nmJtKSEI1bFH/GD0YgJg1wI="
    (launched,) = ec2.run_instances(
        ImageId=net.image_id,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=net.subnet_a,
        SecurityGroupIds=[group],
        KeyName="mine",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True}}],
    )["Instances"]
    instance_id = launched["InstanceId"]
    net.wait_for_state(instance_id, "running")
    (image,) = ec2.describe_images(ImageIds=[net.image_id])["Images"]
    assert [mapped["DeviceName"] for mapped in image["BlockDeviceMappings"]] == [image["RootDeviceName"]]
    (found,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    (mapped,) = found["BlockDeviceMappings"]
    assert mapped["DeviceName"] == found["RootDeviceName"]
    (volume,) = ec2.describe_volumes(VolumeIds=[mapped["Ebs"]["VolumeId"]])["Volumes"]
    assert (volume["Size"], volume["Encrypted"], volume["State"]) == (20, True, "in-use")
    assert volume["Attachments"][0]["InstanceId"] == instance_id
    (status,) = ec2.describe_volume_status(VolumeIds=[volume["VolumeId"]])["VolumeStatuses"]
    assert status["VolumeStatus"]["Status"] == "ok"
    asked = {"VolumeId": volume["VolumeId"], "Attribute": "autoEnableIO"}
    assert ec2.describe_volume_attribute(**asked)["AutoEnableIO"] == {"Value": False}
    with refused("UnsupportedOperation", "Tagging volumes"):
        ec2.create_tags(Resources=[volume["VolumeId"]], Tags=[{"Key": "a", "Value": "b"}])
    (key,) = ec2.describe_key_pairs(KeyNames=[found["KeyName"]])["KeyPairs"]
    assert (key["KeyName"], key["KeyType"]) == ("mine", "ed25519")
    with refused("InvalidKeyPair.Duplicate"):
        ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=PUBLIC_KEY)
    assert ec2.delete_key_pair(KeyName="mine")["KeyPairId"] == key["KeyPairId"]
    with refused("InvalidKeyPair.NotFound"):
        ec2.describe_key_pairs(KeyNames=["mine"])
    attribute = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="blockDeviceMapping")
    assert attribute["BlockDeviceMappings"] == found["BlockDeviceMappings"]
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}
    ec2.modify_instance_attribute(InstanceId=instance_id, BlockDeviceMappings=[mapping])
    (found,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    assert found["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is False
    ec2.terminate_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "terminated")
    with refused("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=[volume["VolumeId"]])


def test_a_used_device_index_is_refused(ec2, net, group, running):
    instance_id, first = running
    eni = net.interface(net.subnet_b, group)["NetworkInterfaceId"]
    with refused("InvalidParameterValue", f"Instance '{instance_id}' already has an interface attached"):
        ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=instance_id, DeviceIndex=0)
    with refused("InvalidNetworkInterface.InUse"):
        ec2.attach_network_interface(NetworkInterfaceId=first, InstanceId=instance_id, DeviceIndex=1)
    with refused("InvalidInstanceID.NotFound"):
        ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=NO_INSTANCE, DeviceIndex=1)
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.attach_network_interface(
            NetworkInterfaceId="eni-0123456789abcdef0", InstanceId=instance_id, DeviceIndex=1
        )


def test_the_primary_interface_cannot_be_detached_nor_deleted(ec2, net, running):
    _, first = running
    attachment = net.describe(first)["Attachment"]["AttachmentId"]
    with refused("OperationNotPermitted", "device index 0 and networkCard index 0 cannot be detached"):
        ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    with refused("InvalidParameterValue", "is currently in use"):
        ec2.delete_network_interface(NetworkInterfaceId=first)
    with refused("InvalidAttachmentID.NotFound"):
        ec2.detach_network_interface(AttachmentId="eni-attach-0123456789abcdef0")


def test_another_zones_interface_is_refused(ec2, net, running):
    instance_id, _ = running
    subnet = ec2.create_subnet(VpcId=net.vpc_id, CidrBlock="10.0.77.0/24", AvailabilityZone="us-east-1b")
    eni = net.interface(subnet["Subnet"]["SubnetId"])["NetworkInterfaceId"]
    with refused("InvalidParameterCombination", "not in the same availability zone"):
        ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=instance_id, DeviceIndex=1)


def test_interfaces_attach_hot_and_warm_up_to_the_types_limit(ec2, net, group, shared_region):
    instance_id, _ = net.host(net.subnet_a, group)  # t3.medium: three interfaces
    hot = net.interface(net.subnet_b, group)
    # Indexes may be sparse.
    attachment = net.attach(hot["NetworkInterfaceId"], instance_id, device_index=2)
    assert hot["MacAddress"] in shared_region.run(instance_id, "ip link show eth2")
    assert net.describe(hot["NetworkInterfaceId"])["Attachment"]["DeleteOnTermination"] is False
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=hot["NetworkInterfaceId"],
        Attachment={"AttachmentId": attachment, "DeleteOnTermination": True},
    )
    ec2.stop_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "stopped")
    warm = net.interface(net.subnet_b, group)
    ec2.attach_network_interface(
        NetworkInterfaceId=warm["NetworkInterfaceId"], InstanceId=instance_id, DeviceIndex=1
    )
    with refused("AttachmentLimitExceeded", "Interface count 4 exceeds the limit for t3.medium"):
        ec2.attach_network_interface(
            NetworkInterfaceId=net.interface(net.subnet_b, group)["NetworkInterfaceId"],
            InstanceId=instance_id,
            DeviceIndex=3,
        )
    ec2.start_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "running")
    devices = until(
        lambda: (text := shared_region.run(instance_id, "ip -o link")) and "eth1" in text and "eth2" in text and text,
        "the interfaces are not back after the start",
    )
    assert hot["MacAddress"] in devices and warm["MacAddress"] in devices
    ec2.terminate_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "terminated")
    until(lambda: net.describe(warm["NetworkInterfaceId"])["Status"] == "available", "eth1 is not released")
    left = ec2.describe_network_interfaces(
        Filters=[{"Name": "network-interface-id", "Values": [hot["NetworkInterfaceId"]]}]
    )
    assert left["NetworkInterfaces"] == []


def test_interfaces_are_found_by_their_attachment(ec2, net, running):
    instance_id, eni = running
    attachment = net.describe(eni)["Attachment"]
    for name, value in {
        "attachment.attachment-id": attachment["AttachmentId"],
        "attachment.delete-on-termination": "false",
        "attachment.device-index": "0",
        "attachment.instance-id": instance_id,
        "attachment.instance-owner-id": "123456789012",
        "attachment.status": "attached",
    }.items():
        found = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])
        assert eni in [one["NetworkInterfaceId"] for one in found["NetworkInterfaces"]], name
    found = ec2.describe_instances(Filters=[{"Name": "network-interface.network-interface-id", "Values": [eni]}])
    assert found["Reservations"][0]["Instances"][0]["InstanceId"] == instance_id
