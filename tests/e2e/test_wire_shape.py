"""Every operation knows the parameters that the SDKs' models have for it, served or not."""

import re
import urllib.parse

import botocore.session
import pytest

from test_coverage import EMPTY_FAMILIES, OPERATIONS
from test_signatures import send, signed
from wire_shape import parameters_of


# Those of IAM that need no more than a name, which has no dry runs.
ANSWERED = ("CreateInstanceProfile", "DeleteInstanceProfile", "ListInstanceProfiles", "ListPolicies", "ListRoles")


def operations():
    table = OPERATIONS.read_text().split("macro_rules! for_each_operation", 1)[1]
    return re.findall(r"^ {12}(\w+),$", table, re.MULTILINE) + EMPTY_FAMILIES


@pytest.mark.parametrize("name", operations())
def test_every_parameter_of_the_model_is_known(shared_region, name):
    models = [botocore.session.get_session().get_service_model(service) for service in ("ec2", "iam")]
    (service,) = [model for model in models if name in model.operation_names]
    model = service.operation_model(name)
    # Nothing is to be made, or found, by a call that may lack what it needs.
    common = {"Action": name, "Version": service.api_version}
    if "DryRun" in model.input_shape.members:
        common["DryRun"] = "true"
    unknown = []
    for parameter, value in parameters_of(model.input_shape, service=service.service_name):
        form = urllib.parse.urlencode(common | {parameter: value})
        request = signed(shared_region, form, service=service.service_name)
        status, code = send(request.url, request.body.encode(), request.headers)
        # Listings without dry runs find nothing.
        is_refused = 400 <= status < 500 or (status == 200 and (name in EMPTY_FAMILIES or name in ANSWERED))
        assert is_refused, f"{parameter}={value}: {status} {code}"
        if code == "UnknownParameter":
            unknown.append(parameter)
    assert unknown == []
