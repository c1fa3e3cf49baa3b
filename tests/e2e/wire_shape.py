"""Answers and requests against botocore's model of EC2: each element must be where the model has it.

`watch` hooks a client, so that every call a test makes is checked on the way; SDKs pass over what they do not know, and
a misspelt element would look like an absent one.
"""

import re
import xml.etree.ElementTree

NAMESPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"
SCALARS = {
    "boolean": re.compile(r"true|false"),
    "integer": re.compile(r"-?\d+"),
    "long": re.compile(r"-?\d+"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
}
# What EC2 answers although its own model does not have it.
KNOWN_DEVIATIONS = {
    # An attached internet gateway is `available`; the model has the states of other attachments.
    "DescribeInternetGateways/internetGatewaySet/item/attachmentSet/item/state: 'available'",
    "CreateInternetGateway/internetGateway/attachmentSet/item/state: 'available'",
    # The model spells it `natGateway`; EC2 answers what its filter's documentation has.
    "DescribeNetworkInterfaces/networkInterfaceSet/item/interfaceType: 'nat_gateway'",
    # EC2 is ahead of its model.
    "DescribeInstanceTypes/instanceTypeSet/item/processorInfo/supportedFeatures/item: 'metal-compatibility'",
}


def watch(client):
    """Checks the document of every answer that `client` gets from EC2."""

    def check(response_dict, operation_model, **_):
        if response_dict["status_code"] < 300:
            faults = faults_of(response_dict["body"], operation_model)
            assert faults == [], f"{operation_model.name}: {faults}"

    client.meta.events.register("before-parse.ec2", check)


def faults_of(body, operation_model):
    """What in the document is not as `operation_model` has it, but for what EC2 does so too."""
    root = xml.etree.ElementTree.fromstring(body)
    name = operation_model.name
    faults = []
    if root.tag != f"{NAMESPACE}{name}Response":
        faults.append(f"{root.tag} is the root")
    if not root.findtext(f"{NAMESPACE}requestId"):
        faults.append("there is no request id")
    # `return` says that it is done; SDKs do not look at it, and the model has it for few of the operations that give it.
    members = [element for element in root if local(element) not in ("requestId", "return")]
    shape = operation_model.output_shape
    if shape is None:
        faults += [f"{name}/{local(element)}: not in the model" for element in members]
    else:
        check_structure(members, shape, name, faults)
    return [fault for fault in faults if fault not in KNOWN_DEVIATIONS]


def local(element):
    return element.tag.removeprefix(NAMESPACE)


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
        item = shape.member.serialization.get("name", "item")
        for member in element:
            if local(member) != item:
                faults.append(f"{path}/{local(member)}: not {item}")
            check(member, shape.member, f"{path}/{item}", faults)
    else:
        check_scalar(element, shape, path, faults)


def check_scalar(element, shape, path, faults):
    text = element.text or ""
    form = SCALARS.get(shape.type_name)
    wrong = (form and not form.fullmatch(text)) or (getattr(shape, "enum", None) and text not in shape.enum)
    if wrong or len(element):
        faults.append(f"{path}: {text!r}")


def parameters_of(shape, prefix="", depth=0):
    """A parameter of every kind that `shape` takes, as `(name, value)`."""
    if depth > 8:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from parameters_of(member, prefix + "." * bool(prefix) + query_name(name, member), depth + 1)
    elif shape.type_name == "list":
        yield from parameters_of(shape.member, f"{prefix}.1", depth + 1)
    elif shape.type_name != "map":
        samples = {"boolean": "true", "integer": "1", "long": "1", "timestamp": "2026-01-01T00:00:00Z"}
        enum = getattr(shape, "enum", None)
        yield prefix, samples.get(shape.type_name, enum[0] if enum else "x")


def query_name(name, shape):
    """How the EC2 flavour of the Query protocol spells a member."""
    spelt = shape.serialization.get("name", name)
    return shape.serialization.get("queryName", spelt[0].upper() + spelt[1:])
