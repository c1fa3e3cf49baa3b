"""What a region offers: its name, zones, instance types and images."""

from region import refused
from test_signatures import send, signed


def test_the_caller_is_the_account(shared_region):
    identity = shared_region.client("sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    assert identity["Arn"].startswith("arn:aws:iam::123456789012:")
    assert identity["UserId"]


def test_regions_and_zones_are_described(ec2):
    (region,) = ec2.describe_regions(RegionNames=["us-east-1"])["Regions"]
    assert region["RegionName"] == "us-east-1"
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert zones[0]["ZoneName"] == "us-east-1a"
    assert zones[0]["ZoneId"] == "use1-az1"
    assert {zone["State"] for zone in zones} == {"available"}
    (one,) = ec2.describe_availability_zones(ZoneNames=["us-east-1b"])["AvailabilityZones"]
    assert one["RegionName"] == "us-east-1"
    with refused("InvalidParameterValue"):
        ec2.describe_availability_zones(ZoneNames=["mars-north-1a"])


def test_instance_types_say_what_network_they_have(ec2):
    (medium,) = ec2.describe_instance_types(InstanceTypes=["t3.medium"])["InstanceTypes"]
    network = medium["NetworkInfo"]
    assert network["MaximumNetworkInterfaces"] == 3
    assert network["Ipv4AddressesPerInterface"] == 6
    assert network["MaximumNetworkCards"] == 1
    with refused("InvalidInstanceType"):
        ec2.describe_instance_types(InstanceTypes=["t3.gigantic"])
    filters = [{"Name": "instance-type", "Values": ["p5.48xlarge"]}]
    (large,) = ec2.describe_instance_types(Filters=filters)["InstanceTypes"]
    assert len(large["NetworkInfo"]["NetworkCards"]) == 32
    page = ec2.describe_instance_types(MaxResults=100)
    assert len(page["InstanceTypes"]) == 100 and page["NextToken"]
    names = {
        found["InstanceType"]
        for page in ec2.get_paginator("describe_instance_types").paginate()
        for found in page["InstanceTypes"]
    }
    assert len(names) > 1000
    offered = ec2.describe_instance_type_offerings(
        Filters=[{"Name": "instance-type", "Values": ["t3.medium"]}]
    )["InstanceTypeOfferings"]
    assert [(offer["InstanceType"], offer["Location"]) for offer in offered] == [("t3.medium", "us-east-1")]


def test_instance_types_are_described_whole(ec2):
    (found,) = ec2.describe_instance_types(InstanceTypes=["g5.xlarge"])["InstanceTypes"]
    assert found["GpuInfo"]["Gpus"][0]["MemoryInfo"] == {"SizeInMiB": 22888}
    assert found["EbsInfo"]["EbsOptimizedInfo"]["BaselineThroughputInMBps"] == 87.5
    assert found["InstanceStorageInfo"]["Disks"] == [{"SizeInGB": 250, "Count": 1, "Type": "ssd"}]
    assert found["PlacementGroupInfo"]["SupportedStrategies"] == ["cluster", "partition", "spread"]
    types = [found for page in ec2.get_paginator("describe_instance_types").paginate() for found in page["InstanceTypes"]]
    assert all(found["EbsInfo"] and found["PlacementGroupInfo"] for found in types)


def test_the_namespace_image_is_amazons(ec2):
    (image,) = ec2.describe_images(Owners=["amazon"])["Images"]
    assert image["State"] == "available"
    assert image["ImageOwnerAlias"] == "amazon"
    assert ec2.describe_images(ImageIds=[image["ImageId"]])["Images"] == [image]
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    with refused("InvalidAMIID.NotFound"):
        ec2.describe_images(ImageIds=["ami-0123456789abcdef0"])
    with refused("InvalidAMIID.Malformed"):
        ec2.describe_images(ImageIds=["amy"])


def test_what_instances_do_not_have_is_an_empty_list(ec2):
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_key_pairs()["KeyPairs"] == []
    with refused("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=["vol-0123456789abcdef0"])
    with refused("InvalidKeyPair.NotFound"):
        ec2.describe_key_pairs(KeyNames=["mine"])


def test_account_attributes_name_the_default_vpc(ec2):
    (default,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    attributes = ec2.describe_account_attributes()["AccountAttributes"]
    values = {
        attribute["AttributeName"]: [value["AttributeValue"] for value in attribute["AttributeValues"]]
        for attribute in attributes
    }
    assert values["default-vpc"] == [default["VpcId"]]
    assert values["supported-platforms"] == ["VPC"]


def test_classic_link_is_retired(ec2):
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    for call, arguments in [
        (ec2.describe_vpc_classic_link, {}),
        (ec2.describe_vpc_classic_link_dns_support, {}),
        (ec2.enable_vpc_classic_link, {"VpcId": vpc["VpcId"]}),
        (ec2.disable_vpc_classic_link, {"VpcId": vpc["VpcId"]}),
        (ec2.enable_vpc_classic_link_dns_support, {"VpcId": vpc["VpcId"]}),
        (ec2.disable_vpc_classic_link_dns_support, {"VpcId": vpc["VpcId"]}),
    ]:
        with refused("UnsupportedOperation"):
            call(**arguments)


def test_an_operation_of_ec2_that_is_not_here_is_told_from_a_typing_error(shared_region, ec2):
    with refused("UnsupportedOperation", "EC2 has the action CreateCarrierGateway, but OpenENI does not serve it yet."):
        ec2.create_carrier_gateway(VpcId="vpc-0123456789abcdef0")
    with refused("UnsupportedOperation", "EC2 has the action CreateVpnGateway"):
        ec2.create_vpn_gateway(Type="ipsec.1", DryRun=True)
    form = "Action=CreateNatGatway&Version=2016-11-15"
    request = signed(shared_region, form)
    status, code = send(request.url, form.encode(), request.headers)
    assert (status, code) == (400, "InvalidAction")


def test_what_every_account_finds_in_a_region_is_described(ec2):
    vpc = ec2.describe_vpcs()["Vpcs"][0]
    (options,) = ec2.describe_dhcp_options(DhcpOptionsIds=[vpc["DhcpOptionsId"]])["DhcpOptions"]
    values = {one["Key"]: [value["Value"] for value in one["Values"]] for one in options["DhcpConfigurations"]}
    assert values == {"domain-name": ["ec2.internal"], "domain-name-servers": ["AmazonProvidedDNS"]}
    with refused("InvalidDhcpOptionID.NotFound"):
        ec2.describe_dhcp_options(DhcpOptionsIds=["dopt-0123456789abcdef0"])

    name = "com.amazonaws.us-east-1.s3"
    named = [{"Name": "prefix-list-name", "Values": [name]}]
    (prefixes,) = ec2.describe_prefix_lists(Filters=named)["PrefixLists"]
    (managed,) = ec2.describe_managed_prefix_lists(Filters=named)["PrefixLists"]
    assert (managed["PrefixListId"], managed["OwnerId"]) == (prefixes["PrefixListId"], "AWS")
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=prefixes["PrefixListId"])["Entries"]
    assert [entry["Cidr"] for entry in entries] == prefixes["Cidrs"] != []
    used = ec2.get_managed_prefix_list_associations(PrefixListId=prefixes["PrefixListId"])
    assert used["PrefixListAssociations"] == []

    (service,) = ec2.describe_vpc_endpoint_services(ServiceNames=[name])["ServiceDetails"]
    assert service["ServiceType"] == [{"ServiceType": "Gateway"}]
    with refused("InvalidServiceName"):
        ec2.describe_vpc_endpoint_services(ServiceNames=["mine"])


def test_settings_are_those_of_a_new_account(ec2):
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is False
    assert ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
    assert ec2.get_allowed_images_settings()["State"] == "disabled"
    assert ec2.get_instance_metadata_defaults()["AccountLevel"] == {}
    options = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert options["InternetGatewayBlockMode"] == "off"
    with refused("UnsupportedOperation", "OpenENI does not serve it yet"):
        ec2.enable_ebs_encryption_by_default()
