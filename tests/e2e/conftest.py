"""Fixtures: regions, in a namespace that plays the host."""

import signal

import pytest

import region as regions
from network import Network

# What is ignored here would be ignored by the programs that are tested, whatever a test sends them: a suite in the
# background of a shell ignores SIGINT, one under nohup SIGHUP.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


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
