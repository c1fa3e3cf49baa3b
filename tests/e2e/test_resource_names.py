"""Names that are made of instances' ids: instances call themselves so, and find each other by them."""

from namespaces import until
from test_dhcp import udhcpc

OF_ID = {"HostnameType": "resource-name", "EnableResourceNameDnsARecord": True}


def launched(network, group, **options):
    (instance,) = network.ec2.run_instances(
        ImageId=network.image_id,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=network.subnet_a,
        SecurityGroupIds=[group],
        **options,
    )["Instances"]
    return instance["InstanceId"]


def described(network, instance_id):
    (found,) = network.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    return found["Instances"][0]


def addresses(region, instance_id, name):
    """By the resolver, whatever the instance's own /etc/hosts says."""
    return region.run(instance_id, f"dig +short +search {name}").split()


def test_an_instance_is_called_by_its_id_and_found_by_it(region, network):
    group = network.group("names")
    named = launched(network, group, PrivateDnsNameOptions=OF_ID)
    other = launched(network, group)
    found = described(network, named)
    name = f"{named}.ec2.internal"
    assert found["PrivateDnsName"] == name
    assert found["PrivateDnsNameOptions"] == {**OF_ID, "EnableResourceNameDnsAAAARecord": False}
    assert region.run(named, "hostname").strip() == named
    assert region.run(named, "hostname -f").strip() == name
    read = "curl -s http://169.254.169.254/latest/meta-data/local-hostname"
    assert region.run(named, read) == name
    address = found["PrivateIpAddress"]
    # By the whole name, by the search list, and back.
    assert addresses(region, other, name) == [address]
    assert addresses(region, other, named) == [address]
    assert region.run(other, f"getent hosts {address}").split() == [address, name]
    assert udhcpc(region, named)["hostname"] == named
    # The other one has no such name, until it is told so.
    assert addresses(region, other, f"{other}.ec2.internal") == []
    network.ec2.modify_private_dns_name_options(InstanceId=other, EnableResourceNameDnsARecord=True)
    own = described(network, other)["PrivateIpAddress"]
    assert addresses(region, named, f"{other}.ec2.internal") == [own]
    assert region.run(other, "hostname").strip() == "ip-" + own.replace(".", "-")


def test_an_instance_is_renamed_when_it_starts_again(region, network):
    network.ec2.modify_subnet_attribute(
        SubnetId=network.subnet_a, EnableResourceNameDnsARecordOnLaunch={"Value": True}
    )
    (subnet,) = network.ec2.describe_subnets(SubnetIds=[network.subnet_a])["Subnets"]
    assert subnet["PrivateDnsNameOptionsOnLaunch"]["EnableResourceNameDnsARecord"] is True
    instance_id = launched(network, network.group("names"))
    address = described(network, instance_id)["PrivateIpAddress"]
    assert region.run(instance_id, "hostname").strip() == "ip-" + address.replace(".", "-")
    network.ec2.stop_instances(InstanceIds=[instance_id])
    network.wait_for_state(instance_id, "stopped")
    network.ec2.modify_private_dns_name_options(
        InstanceId=instance_id, PrivateDnsHostnameType="resource-name"
    )
    network.ec2.start_instances(InstanceIds=[instance_id])
    network.wait_for_state(instance_id, "running")
    until(lambda: region.succeeds(instance_id, "true"), "the instance does not run")
    assert region.run(instance_id, "hostname").strip() == instance_id
    assert addresses(region, instance_id, f"{instance_id}.ec2.internal") == [address]
