"""Sets of DHCP options: kept by the API, and what instances are told of them."""

from region import refused


def created(ec2, **options):
    configurations = [{"Key": key.replace("_", "-"), "Values": values} for key, values in options.items()]
    return ec2.create_dhcp_options(DhcpConfigurations=configurations)["DhcpOptions"]["DhcpOptionsId"]


def test_a_set_of_dhcp_options_is_made_and_described(ec2):
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "ntp-servers", "Values": ["10.0.0.5", "fd00::5"]}],
        TagSpecifications=[{"ResourceType": "dhcp-options", "Tags": [{"Key": "Name", "Value": "time"}]}],
    )["DhcpOptions"]
    named = [{"Name": "tag:Name", "Values": ["time"]}]
    assert ec2.describe_dhcp_options(Filters=named)["DhcpOptions"] == [made]
    with refused("InvalidParameterValue", "Unknown DHCP option"):
        created(ec2, colour=["red"])
