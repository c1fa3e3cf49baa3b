"""Answers that are written in pieces: SDKs and CLI read them as they read any other."""

import pytest

INTERFACES = 300
# EC2 allows as many tags of as many characters.
TAGS = [{"Key": f"key-{number}", "Value": "x" * 200} for number in range(45)]
PAGE = 100


@pytest.fixture(scope="module", name="made")
def many_interfaces(ec2):
    """The ids of interfaces of some 12 KB each, in the order in which they were made."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
    specification = [{"ResourceType": "network-interface", "Tags": TAGS}]
    return [
        ec2.create_network_interface(SubnetId=subnet, TagSpecifications=specification)["NetworkInterface"][
            "NetworkInterfaceId"
        ]
        for _ in range(INTERFACES)
    ]


def by_key(tags):
    return sorted(tags, key=lambda tag: tag["Key"])


def check(interfaces, made):
    assert [eni["NetworkInterfaceId"] for eni in interfaces] == made
    for eni in interfaces:
        assert by_key(eni["TagSet"]) == by_key(TAGS)


def test_boto3_reads_an_answer_in_pieces(ec2, made):
    answer = ec2.describe_network_interfaces()
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers.get("transfer-encoding") == "chunked" and "content-length" not in headers, headers
    check(answer["NetworkInterfaces"], made)
    pages = list(ec2.get_paginator("describe_network_interfaces").paginate(PaginationConfig={"PageSize": PAGE}))
    assert [len(page["NetworkInterfaces"]) for page in pages] == [PAGE] * (INTERFACES // PAGE)
    assert [eni for page in pages for eni in page["NetworkInterfaces"]] == answer["NetworkInterfaces"]


def test_boto3_reads_the_tags_of_all(ec2, made):
    answer = ec2.describe_tags()
    assert answer["ResponseMetadata"]["HTTPHeaders"].get("transfer-encoding") == "chunked"
    want = [(eni, tag["Key"]) for eni in made for tag in sorted(TAGS, key=lambda tag: tag["Key"])]
    assert [(tag["ResourceId"], tag["Key"]) for tag in answer["Tags"]] == want
    pages = list(ec2.get_paginator("describe_tags").paginate(PaginationConfig={"PageSize": 1000}))
    assert len(pages) > 1
    assert [tag for page in pages for tag in page["Tags"]] == answer["Tags"]


@pytest.mark.parametrize("paging", [[], ["--no-paginate"], ["--page-size", PAGE]], ids=["cli", "once", "pages"])
def test_the_aws_cli_reads_them_all(shared_region, made, paging):
    answer = shared_region.aws("ec2", "describe-network-interfaces", *paging)
    check(answer["NetworkInterfaces"], made)
