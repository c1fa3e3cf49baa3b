#!/usr/bin/env python3
"""Writes what OpenENI takes over from botocore's models of AWS: scripts/aws-model.py [--check]

Run it under the end-to-end tests' Python (`.venv/bin/python`) after botocore was upgraded, and review what changed.
`--check` writes nothing and fails where a committed file is not what this botocore gives.
"""

import html
import pathlib
import re
import sys

import botocore.session

ROOT = pathlib.Path(__file__).resolve().parents[1]
API = ROOT / "control/ec2-api/aws"
MODEL = ROOT / "control/model"
OPERATIONS = MODEL / "src/api/mod.rs"
SERVED = ("ec2", "sts", "iam")

# Which actions of EC2 list, or look up, resources.
LISTING = re.compile(r"(Describe|Get|List|Search)[A-Z]")
# Listings that are not empty in any account, or say something about what a region here has.
NOT_EMPTY = re.compile(
    r".*(Offerings?|Scores|Topology|IdFormat|PriceHistory|DeviceTypes|ImageMetadata|MetricCategories)$"
    r"|Get(AwsNetworkPerformance|CapacityManager|InstanceTypesFrom|VpcResourcesBlocking).*"
    r"|Get(FlowLogsIntegrationTemplate|HostReservationPurchasePreview|VpnConnectionDeviceSampleConfiguration)"
    r"|DescribeInstanceSql.*|DescribeImageReferences|DescribeApplicationStatus"
)
# Parameters that name what a region here may have: there the listing is empty, else that resource is not found.
REFERENCES = {
    "AllocationId": "allocation",
    "ImageId": "image",
    "InstanceId": "instance",
    "SubnetId": "subnet",
    "VpcId": "vpc",
}
# What EC2 answers to an id that does not exist, by the parameter (EC2 API reference, "Error codes", and the codes that
# Terraform's AWS provider looks for); else it is named after the parameter.
CODES = {
    "BundleId": "InvalidBundleID.NotFound",
    "CapacityReservationId": "InvalidCapacityReservationId.NotFound",
    "CarrierGatewayId": "InvalidCarrierGatewayID.NotFound",
    "ConnectionNotificationId": "InvalidConnectionNotification",
    "ConversionTaskId": "InvalidConversionTaskId",
    "CustomerGatewayId": "InvalidCustomerGatewayID.NotFound",
    "DescribeClientVpnTargetNetworks/AssociationId": "InvalidClientVpnAssociationId.NotFound",
    "DescribeIpv6Pools/PoolId": "InvalidPoolID.NotFound",
    "DescribePlacementGroups/GroupId": "InvalidPlacementGroupId.NotFound",
    "DescribePlacementGroups/GroupName": "InvalidPlacementGroup.Unknown",
    "DescribeVolumesModifications/VolumeId": "InvalidVolumeModification.NotFound",
    "DescribePublicIpv4Pools/PoolId": "InvalidPublicIpv4PoolID.NotFound",
    "ExportTaskId": "InvalidExportTaskID.NotFound",
    "FpgaImageId": "InvalidFpgaImageID.NotFound",
    "HostId": "InvalidHostID.NotFound",
    "HostReservationIdSet": "InvalidHostReservationId.NotFound",
    "LaunchTemplateName": "InvalidLaunchTemplateName.NotFoundException",
    "LocalGatewayId": "InvalidLocalGatewayID.NotFound",
    "LocalGatewayRouteTableId": "InvalidLocalGatewayRouteTableID.NotFound",
    "PoolId": "InvalidPoolID.NotFound",
    "ReservedInstancesId": "InvalidReservedInstancesId",
    "ServiceId": "InvalidVpcEndpointServiceId.NotFound",
    "SnapshotId": "InvalidSnapshot.NotFound",
    "SpotInstanceRequestId": "InvalidSpotInstanceRequestID.NotFound",
    "TransitGatewayAttachmentId": "InvalidTransitGatewayAttachmentID.NotFound",
    "TransitGatewayConnectPeerId": "InvalidTransitGatewayConnectPeerID.NotFound",
    "TransitGatewayId": "InvalidTransitGatewayID.NotFound",
    "TransitGatewayRouteTableId": "InvalidRouteTableID.NotFound",
    "VolumeId": "InvalidVolume.NotFound",
    "VpcPeeringConnectionId": "InvalidVpcPeeringConnectionID.NotFound",
    "VpnConnectionId": "InvalidVpnConnectionID.NotFound",
    "VpnGatewayId": "InvalidVpnGatewayID.NotFound",
}


def actions(session, service):
    """Every action of a service, one a line."""
    return "".join(f"{name}\n" for name in sorted(session.get_service_model(service).operation_names))


def services(session):
    """One line for each AWS service other than those served; the one that a signing name stands for comes first."""
    rows = []
    for client in session.get_available_services():
        if client in SERVED:
            continue
        metadata = session.get_service_model(client).metadata
        signing = metadata.get("signingName", metadata["endpointPrefix"])
        # Plain names before the names of side services that sign alike.
        order = (signing, client != signing, metadata["endpointPrefix"] != signing, len(client), client)
        row = (
            signing,
            metadata["protocol"],
            metadata["apiVersion"],
            metadata.get("targetPrefix", ""),
            metadata["serviceFullName"],
        )
        rows.append((order, row))
    heading = ("signing_name", "protocol", "version", "target_prefix", "name")
    return "".join("\t".join(row) + "\n" for row in [heading, *(row for _, row in sorted(rows))])


def served_operations(model):
    """The operations of a service that have code of their own."""
    table = OPERATIONS.read_text().split("macro_rules! for_each_operation", 1)[1]
    names = re.findall(r"^ {12}(\w+),$", table, re.MULTILINE)
    return [name for name in names if name in model.operation_names]


def parameters(session):
    """One line for each parameter of the operations served, but `DryRun`; `N` is the number of a list's member."""
    rows = [("action", "parameter")]
    for service in ("ec2", "iam"):
        model = session.get_service_model(service)
        for action in served_operations(model):
            names = leaves(model.operation_model(action).input_shape, service)
            rows += [(action, name) for name in names if name != "DryRun"]
    return "".join("\t".join(row) + "\n" for row in rows)


def filters(session):
    """One line for each filter that the documentation of a served operation lists, but for those by tags."""
    model = session.get_service_model("ec2")
    rows = [("action", "filter")]
    for action in served_operations(model):
        for shape in model.operation_model(action).input_shape.members.values():
            if shape.type_name == "list" and shape.member.name == "Filter":
                rows += [(action, name) for name in dict.fromkeys(filters_of(shape))]
    return "".join("\t".join(row) + "\n" for row in rows)


def leaves(shape, service, prefix=""):
    """The full names of what `shape` takes."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            spelt = query_name(name, member) if service == "ec2" else name
            yield from leaves(member, service, prefix + "." * bool(prefix) + spelt)
    elif shape.type_name == "list":
        list_prefix = f"{prefix}.N" if service == "ec2" else f"{prefix}.member.N"
        yield from leaves(shape.member, service, list_prefix)
    else:
        yield prefix


def empty_families(session):
    """One line for each listing of EC2 whose families have no members here: how it is called and answered."""
    model = session.get_service_model("ec2")
    served = set(served_operations(model))
    rows = []
    for action in sorted(model.operation_names):
        if action not in served and LISTING.match(action) and not NOT_EMPTY.fullmatch(action):
            row = empty_family(model.operation_model(action))
            if row:
                rows.append((action, *row))
    heading = ("action", "lists", "page_sizes", "parameters", "filters")
    return "".join("\t".join(row) + "\n" for row in [heading, *rows])


def empty_family(operation):
    """Lists, page sizes, parameters and filters; None where the listing cannot be answered without members."""
    taken = operation.input_shape.members
    required = set(operation.input_shape.required_members)
    parameters, filters, sizes = [], "", ""
    finds_nothing = False
    for name, shape in taken.items():
        wire, kind = query_name(name, shape), kind_of(operation.name, name, shape)
        if kind == "filters":
            filters = "|".join(filters_of(shape)) or "*"
        if name == "MaxResults" and "max" in shape.metadata:
            sizes = f"{shape.metadata.get('min', 1)}-{shape.metadata['max']}"
        if name in required:
            finds_nothing |= kind.startswith("id:")
            kind = f"!{kind}"
        parameters.append(f"{wire}={kind}")
    lists, others = [], []
    for name, shape in operation.output_shape.members.items():
        if shape.type_name == "list":
            lists.append(shape.serialization.get("name", name))
        elif name != "NextToken":
            others.append(name)
    asks_for_more = any("=!" in text and "=!ref:" not in text for text in parameters)
    if (others or not lists or asks_for_more) and not finds_nothing:
        return None
    return "|".join(lists), sizes, "|".join(parameters), filters


def kind_of(action, name, shape):
    """How a parameter is read: `KIND`, or `KIND:` and the code, or the kind of resource, of what it names."""
    if shape.type_name == "list" and shape.member.name == "Filter":
        return "filters"
    singular = re.sub(r"(Id)s$", r"\1", query_name(name, shape))
    if shape.type_name in ("list", "string") and re.search(r"(Id|Name|IdSet)$", singular):
        plural = "s" if shape.type_name == "list" else ""
        if singular in REFERENCES:
            return f"ref{plural}:{REFERENCES[singular]}"
        if singular != "ResourceId":
            code = CODES.get(f"{action}/{singular}") or CODES.get(singular) or f"Invalid{singular}.NotFound"
            return f"id{plural}:{code}"
    kinds = {"boolean": "flag", "integer": "number", "long": "number", "string": "text", "timestamp": "time"}
    return kinds.get(shape.type_name, "any")


def query_name(name, shape):
    """How the EC2 flavour of the Query protocol spells a parameter."""
    spelt = shape.serialization.get("name", name)
    return shape.serialization.get("queryName", spelt[0].upper() + spelt[1:])


def filters_of(shape):
    """The filters that the documentation of `Filters` lists, but for those by tags, which all listings have."""
    documentation = shape.documentation
    outer = re.search(r"<ul>(.*)</ul>", documentation, re.DOTALL)
    # Lists within the list are of values.
    names = re.sub(r"<ul>.*?</ul>", "", outer[1], flags=re.DOTALL) if outer else documentation
    listed = re.findall(r"<li> ?<p> ?<code>([^<]+)</code>", names)
    return [name for name in map(html.unescape, listed) if not re.match(r"tag(:|-key$|$)", name)]


def files():
    """The text of each file, by its path."""
    session = botocore.session.get_session()
    texts = {API / f"{service}-actions.txt": actions(session, service) for service in SERVED}
    texts[API / "services.tsv"] = services(session)
    texts[MODEL / "empty-families.tsv"] = empty_families(session)
    texts[MODEL / "parameters.tsv"] = parameters(session)
    texts[MODEL / "filters.tsv"] = filters(session)
    return texts


def differing():
    """The committed files that are not what this botocore gives."""
    return [
        str(path.relative_to(ROOT)) for path, text in files().items() if not path.exists() or path.read_text() != text
    ]


def main():
    if sys.argv[1:] == ["--check"]:
        stale = differing()
        if stale:
            sys.exit(f"not what botocore {botocore.__version__} gives: {', '.join(stale)}")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        for path, text in files().items():
            path.write_text(text)


if __name__ == "__main__":
    main()
