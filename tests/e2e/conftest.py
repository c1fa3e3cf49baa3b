"""Fixtures: regions, in a namespace that plays the host."""

import pytest

import region as regions
from network import Network


@pytest.fixture(name="region")
def fresh_region(tmp_path):
    """A region for one test."""
    with regions.running(tmp_path) as region:
        yield region


@pytest.fixture(scope="module")
def shared_region(tmp_path_factory):
    """A region for the API tests of a file: they must not mind what the others made."""
    with regions.running(tmp_path_factory.mktemp("region")) as region:
        yield region


@pytest.fixture(scope="module")
def ec2(shared_region):
    """A client of the shared region."""
    return shared_region.client()


@pytest.fixture
def network(region):
    """A VPC with an internet gateway and two subnets, in a region of its own."""
    return Network(region)
