"""Answers and requests against botocore's models: each element must be where the model has it.

`watch` hooks a client, so that every call a test makes is checked on the way; SDKs pass over what they do not know, and
a misspelt element would look like an absent one.
"""

import re
import xml.etree.ElementTree

# The namespaces of the documents, and the fraction of a second in their times.
SERVICES = {
    "ec2": ("{http://ec2.amazonaws.com/doc/2016-11-15/}", r"\.\d{3}"),
    "iam": ("{https://iam.amazonaws.com/doc/2010-05-08/}", ""),
}
SCALARS = {
    "boolean": re.compile(r"true|false"),
    "integer": re.compile(r"-?\d+"),
    "long": re.compile(r"-?\d+"),
}
# What EC2 answers although its own model does not have it.
KNOWN_DEVIATIONS = {
    # An attached internet gateway is `available`; the model has the states of other attachments.
    "DescribeInternetGateways/internetGatewaySet/item/attachmentSet/item/state: 'available'",
    "CreateInternetGateway/internetGateway/attachmentSet/item/state: 'available'",
    # The model spells it `natGateway`; EC2 answers what its filter's documentation has.
    "DescribeNetworkInterfaces/networkInterfaceSet/item/interfaceType: 'nat_gateway'",
    # The model begins states of endpoints with capitals; EC2 answers them in small letters, which waiters of Terraform's look for.
    "CreateVpcEndpoint/vpcEndpoint/state: 'pending'",
    "DescribeVpcEndpoints/vpcEndpointSet/item/state: 'available'",
    # EC2 is ahead of its model.
    "DescribeInstanceTypes/instanceTypeSet/item/processorInfo/supportedFeatures/item: 'metal-compatibility'",
}


def watch(client):
    """Checks the document of every answer that `client` gets from EC2 or IAM."""

    def check(response_dict, operation_model, **_):
        if response_dict["status_code"] < 300:
            faults = faults_of(response_dict["body"], operation_model)
            assert faults == [], f"{operation_model.name}: {faults}"

    client.meta.events.register(f"before-parse.{client.meta.service_model.service_name}", check)


def faults_of(body, operation_model):
    """What in the document is not as `operation_model` has it, but for what EC2 does so too."""
    root = xml.etree.ElementTree.fromstring(body)
    name = operation_model.name
    service = operation_model.service_model.service_name
    namespace, _ = SERVICES[service]
    faults = []
    if root.tag != f"{namespace}{name}Response":
        faults.append(f"{root.tag} is the root")
    request_id = "requestId" if service == "ec2" else f"ResponseMetadata/{namespace}RequestId"
    if not root.findtext(namespace + request_id):
        faults.append("there is no request id")
    # `return` says that it is done; SDKs do not look at it, and the model has it for few of the operations that give it.
    members = [element for element in root if local(element) not in ("requestId", "return", "ResponseMetadata")]
    if service != "ec2" and [local(element) for element in members] == [f"{name}Result"]:
        members = list(members[0])
    shape = operation_model.output_shape
    if shape is None:
        faults += [f"{name}/{local(element)}: not in the model" for element in members]
    else:
        check_structure(members, shape, name, faults)
    return [fault for fault in faults if fault not in KNOWN_DEVIATIONS]


def local(element):
    return element.tag.rpartition("}")[2]


def is_of_ec2(element):
    return element.tag.startswith(SERVICES["ec2"][0])


def check_structure(elements, shape, path, faults):
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    seen = set()
    for element in elements:
        tag = local(element)
        if tag not in members:
            faults.append(f"{path}/{tag}: not in the model")
        elif tag in seen:
            faults.append(f"{path}/{tag}: given twice")
        else:
            check(element, members[tag], f"{path}/{tag}", faults)
        seen.add(tag)


def check(element, shape, path, faults):
    if shape.type_name == "structure":
        check_structure(element, shape, path, faults)
    elif shape.type_name == "list":
        item = shape.member.serialization.get("name", "item" if is_of_ec2(element) else "member")
        for member in element:
            if local(member) != item:
                faults.append(f"{path}/{local(member)}: not {item}")
            check(member, shape.member, f"{path}/{item}", faults)
    else:
        check_scalar(element, shape, path, faults)


def check_scalar(element, shape, path, faults):
    text = element.text or ""
    form = SCALARS.get(shape.type_name)
    if shape.type_name == "timestamp":
        _, fraction = SERVICES["ec2" if is_of_ec2(element) else "iam"]
        form = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d{fraction}Z")
    wrong = (form and not form.fullmatch(text)) or (getattr(shape, "enum", None) and text not in shape.enum)
    if wrong or len(element):
        faults.append(f"{path}: {text!r}")


def parameters_of(shape, prefix="", depth=0, service="ec2"):
    """A parameter of every kind that `shape` takes, as `(name, value)`."""
    if depth > 8:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            spelt = query_name(name, member) if service == "ec2" else name
            yield from parameters_of(member, prefix + "." * bool(prefix) + spelt, depth + 1, service)
    elif shape.type_name == "list":
        first = f"{prefix}.1" if service == "ec2" else f"{prefix}.member.1"
        yield from parameters_of(shape.member, first, depth + 1, service)
    elif shape.type_name != "map":
        samples = {"boolean": "true", "integer": "1", "long": "1", "timestamp": "2026-01-01T00:00:00Z"}
        enum = getattr(shape, "enum", None)
        yield prefix, samples.get(shape.type_name, enum[0] if enum else "x")


def query_name(name, shape):
    """How the EC2 flavour of the Query protocol spells a member."""
    spelt = shape.serialization.get("name", name)
    return shape.serialization.get("queryName", spelt[0].upper() + spelt[1:])
