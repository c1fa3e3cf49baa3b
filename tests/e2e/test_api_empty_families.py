"""Listings of families that have no members here: empty lists of the right shape, and errors for what is named."""

import botocore.exceptions
import botocore.session
import pytest

from region import refused
from test_coverage import EMPTY_FAMILIES

MODEL = botocore.session.get_session().get_service_model("ec2")
NOWHERE = "x-0123456789abcdef0"


def sample(shape):
    """What a required parameter is given: where it is an id, one of nothing."""
    if shape.type_name == "structure":
        return {"Name": "state", "Values": ["active"]} if shape.name == "Filter" else {}
    if shape.type_name == "list":
        return [sample(shape.member)]
    return {"integer": 1, "long": 1, "timestamp": "2026-01-01T00:00:00Z"}.get(shape.type_name, NOWHERE)


@pytest.mark.parametrize("name", EMPTY_FAMILIES)
def test_a_listing_is_empty_or_names_what_is_not_there(ec2, name):
    shape = MODEL.operation_model(name).input_shape
    call = getattr(ec2, botocore.xform_name(name))
    arguments = {member: sample(shape.members[member]) for member in shape.required_members}
    if not arguments:
        answer = call()
        lists = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        assert lists and all(value == [] for value in lists.values()), answer
        return
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert "does not exist" in error["Message"] or "Invalid id" in error["Message"], error


def test_pages_of_nothing_end(ec2):
    for name in ("describe_carrier_gateways", "describe_vpc_endpoints", "describe_transit_gateways", "describe_ipams"):
        pages = list(ec2.get_paginator(name).paginate(PaginationConfig={"PageSize": 5}))
        assert len(pages) == 1


def test_what_is_named_is_not_found(ec2):
    with refused("InvalidCarrierGatewayID.NotFound"):
        ec2.describe_carrier_gateways(CarrierGatewayIds=["cagw-0123456789abcdef0"])
    with refused("InvalidVpcPeeringConnectionID.NotFound"):
        ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=["pcx-0123456789abcdef0"])
    with refused("DryRunOperation"):
        ec2.describe_carrier_gateways(DryRun=True)
    with refused("InvalidParameterValue", "The filter 'colour' is invalid"):
        ec2.describe_carrier_gateways(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_what_would_change_a_family_is_not_served(ec2):
    with refused("UnsupportedOperation", "OpenENI does not serve it yet"):
        ec2.create_carrier_gateway(VpcId="vpc-0123456789abcdef0")
    with refused("UnsupportedOperation", "OpenENI does not serve it yet"):
        ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={})
