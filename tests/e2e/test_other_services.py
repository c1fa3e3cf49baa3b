"""Other services of AWS at the same endpoint: their clients say in a sentence that they are not here, at once."""

import importlib.util
import subprocess
import time
import urllib.error
import urllib.request

import botocore.exceptions
import botocore.session
import pytest

from region import AWS, ROOT, refused

SENTENCE = (
    "OpenENI does not serve {}. It serves the networking of Amazon EC2, roles and instance profiles of AWS IAM, and AWS STS."
)
# The AWS CLI starts in seconds on a busy machine. Its retries, with their pauses, would take longer than this.
AT_ONCE_SECONDS = 20


def calls():
    """A call of one service for each protocol and way to tell services apart that botocore has."""
    session = botocore.session.get_session()
    found = {}
    for service in session.get_available_services():
        model = session.get_service_model(service)
        metadata = model.metadata
        # A bearer's token names no service.
        if service in ("ec2", "sts", "iam") or metadata.get("signatureVersion") == "bearer":
            continue
        kinds = (metadata["protocol"], metadata.get("jsonVersion"), metadata.get("signatureVersion"))
        for name in model.operation_names:
            operation = model.operation_model(name)
            shape = operation.input_shape
            if not (shape and shape.required_members) and not operation.has_event_stream_output:
                found.setdefault((*kinds, operation.http["method"]), (service, name))
                break
    return sorted(found.values())


@pytest.mark.parametrize(("service", "name"), calls())
def test_a_call_of_each_protocol_is_refused_as_its_sdk_expects(shared_region, service, name):
    client = shared_region.client(service, config=botocore.config.Config(connect_timeout=10, read_timeout=60))
    began = time.monotonic()
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(client, botocore.xform_name(name))()
    error = caught.value.response["Error"]
    assert error["Code"] == "NotImplemented", error
    assert error["Message"].startswith("OpenENI does not serve "), error
    metadata = caught.value.response["ResponseMetadata"]
    assert metadata.get("RetryAttempts") == 0, metadata
    assert time.monotonic() - began < AT_ONCE_SECONDS


@pytest.mark.parametrize(
    ("command", "service"),
    [
        ("elbv2 describe-load-balancers", "Elastic Load Balancing"),
        ("elb describe-load-balancers", "Elastic Load Balancing"),
        ("autoscaling describe-auto-scaling-groups", "Auto Scaling"),
        ("cloudwatch list-metrics", "Amazon CloudWatch"),
        ("logs describe-log-groups", "Amazon CloudWatch Logs"),
        ("ssm describe-instance-information", "Amazon Simple Systems Manager (SSM)"),
        ("dynamodb list-tables", "Amazon DynamoDB"),
        ("kms list-keys", "AWS Key Management Service"),
        ("secretsmanager list-secrets", "AWS Secrets Manager"),
        ("sqs list-queues", "Amazon Simple Queue Service"),
        ("s3 ls", "Amazon Simple Storage Service"),
        ("s3api get-object --bucket b --key k out", "Amazon Simple Storage Service"),
        ("s3api list-objects --bucket b --no-sign-request", None),
        ("lambda list-functions", "AWS Lambda"),
        ("eks list-clusters", "Amazon Elastic Kubernetes Service"),
        ("ecs list-clusters", "Amazon EC2 Container Service"),
        ("route53 list-hosted-zones", "Amazon Route 53"),
        ("cloudformation list-stacks", "AWS CloudFormation"),
        ("rds describe-db-instances", "Amazon Relational Database Service"),
    ],
)
def test_the_aws_cli_prints_the_sentence_at_once(shared_region, tmp_path, command, service):
    done, took = aws(shared_region, tmp_path, *command.split())
    assert done.returncode not in (0, None)
    sentence = SENTENCE.format(service) if service else "There is nothing at this path"
    assert sentence in done.stderr, done.stderr
    assert took < AT_ONCE_SECONDS, took


def test_what_is_sent_along_is_read_past(shared_region, tmp_path):
    """A client that writes for long must find the answer when it looks, rather than a closed connection."""
    large = tmp_path / "large"
    large.write_bytes(bytes(20 << 20))
    done, _ = aws(shared_region, tmp_path, "s3", "cp", str(large), "s3://bucket/key")
    assert "OpenENI does not serve Amazon Simple Storage Service" in done.stderr, done.stderr
    code = bytes(20 << 20)
    client = shared_region.client("lambda")
    with refused("NotImplemented"):
        client.create_function(FunctionName="f", Role="arn:aws:iam::123456789012:role/r", Code={"ZipFile": code})
    with refused("NotImplemented"):
        shared_region.client("dynamodb").put_item(TableName="t", Item={"key": {"S": "x" * (20 << 20)}})
    with refused("501", "Not Implemented"):
        shared_region.client("s3").head_bucket(Bucket="bucket")


def test_other_actions_of_sts_are_told_from_typing_errors(shared_region):
    sts = shared_region.client("sts")
    with refused("UnsupportedOperation", "AWS STS has the action GetSessionToken, but OpenENI does not serve it yet."):
        sts.get_session_token()


def test_other_actions_of_iam_are_told_from_typing_errors(shared_region):
    with refused("UnsupportedOperation", "IAM has the action ListUsers, but OpenENI does not serve it yet."):
        shared_region.client("iam").list_users()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", 400, "This is the endpoint of an OpenENI region"),
        ("/latest/meta-data/", 404, "There is nothing at this path"),
    ],
)
def test_a_browser_is_told_where_it_is(shared_region, path, status, text):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(shared_region.endpoint + path, timeout=AT_ONCE_SECONDS)
    assert caught.value.code == status
    assert text in caught.value.read().decode()


def test_the_tables_are_what_botocore_has():
    specification = importlib.util.spec_from_file_location("aws_model", ROOT / "scripts/aws-model.py")
    aws_model = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(aws_model)
    assert aws_model.differing() == [], "run scripts/aws-model.py and review what it changes"


def aws(region, directory, *arguments):
    """Runs the AWS CLI, which retries as it does for a user, and gives what became of it and how long it took."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "AWS_PAGER": "", **region.environment}
    began = time.monotonic()
    done = subprocess.run(
        [AWS, "--endpoint-url", region.endpoint, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=directory
    )
    return done, time.monotonic() - began
