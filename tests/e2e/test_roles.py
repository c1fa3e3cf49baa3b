"""Roles, instance profiles and policies, as boto3, the AWS CLI and Terraform's provider make and read them, and the
credentials that instances are given."""

import datetime
import json
import subprocess

import boto3
import pytest

from namespaces import until
from region import AWS, ROOT, refused
from test_metadata import IMDS, Metadata

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}
OF_AWS = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"


@pytest.fixture(scope="module", name="iam")
def client_of_iam(shared_region):
    return shared_region.client("iam")


def create_role(iam, name, **options):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **options)["Role"]


def test_a_role_is_made_read_changed_and_deleted(iam):
    made = create_role(iam, "life", Path="/app/", Description="one", Tags=[{"Key": "Team", "Value": "a"}])
    assert made["Arn"] == "arn:aws:iam::123456789012:role/app/life"
    assert made["AssumeRolePolicyDocument"] == TRUST
    read = iam.get_role(RoleName="life")["Role"]
    assert read == made
    assert read["CreateDate"].microsecond == 0
    iam.update_role(RoleName="life", Description="two", MaxSessionDuration=7200)
    assert iam.update_role_description(RoleName="life", Description="three")["Role"]["MaxSessionDuration"] == 7200
    other = json.loads(json.dumps(TRUST).replace("ec2", "lambda"))
    iam.update_assume_role_policy(RoleName="life", PolicyDocument=json.dumps(other))
    assert iam.get_role(RoleName="life")["Role"]["AssumeRolePolicyDocument"] == other
    iam.tag_role(RoleName="life", Tags=[{"Key": "Stage", "Value": ""}])
    iam.untag_role(RoleName="life", TagKeys=["Team"])
    assert iam.list_role_tags(RoleName="life")["Tags"] == [{"Key": "Stage", "Value": ""}]
    iam.put_role_policy(RoleName="life", PolicyName="inline", PolicyDocument=json.dumps(ALLOW))
    assert iam.get_role_policy(RoleName="life", PolicyName="inline")["PolicyDocument"] == ALLOW
    assert iam.list_role_policies(RoleName="life")["PolicyNames"] == ["inline"]
    iam.attach_role_policy(RoleName="life", PolicyArn=OF_AWS)
    (attached,) = iam.list_attached_role_policies(RoleName="life")["AttachedPolicies"]
    assert attached == {"PolicyName": "AmazonEC2ReadOnlyAccess", "PolicyArn": OF_AWS}
    with refused("DeleteConflict"):
        iam.delete_role(RoleName="life")
    iam.detach_role_policy(RoleName="life", PolicyArn=OF_AWS)
    iam.delete_role_policy(RoleName="life", PolicyName="inline")
    iam.delete_role(RoleName="life")
    with pytest.raises(iam.exceptions.NoSuchEntityException) as caught:
        iam.get_role(RoleName="life")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_listings_are_paged(iam):
    for number in range(5):
        create_role(iam, f"page-{number}", Path="/pages/")
    pages = iam.get_paginator("list_roles").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2})
    names = [[role["RoleName"] for role in page["Roles"]] for page in pages]
    assert names == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]


def test_documents_and_names_are_checked(iam):
    with refused("MalformedPolicyDocument", "This policy contains invalid Json"):
        iam.create_role(RoleName="bad", AssumeRolePolicyDocument="{")
    with refused("MalformedPolicyDocument", "Has prohibited field Resource"):
        statement = TRUST["Statement"][0] | {"Resource": "*"}
        iam.create_role(RoleName="bad", AssumeRolePolicyDocument=json.dumps({"Statement": statement}))
    with refused("ValidationError", "must contain only alphanumeric characters"):
        create_role(iam, "not a name")
    with refused("ValidationError", "Member must not be null"):
        iam.create_role(RoleName="bad")
    with refused("UnsupportedOperation", "A permissions boundary is not supported"):
        create_role(iam, "bad", PermissionsBoundary=OF_AWS)


def test_a_managed_policy_has_versions(iam):
    arn = iam.create_policy(PolicyName="managed", PolicyDocument=json.dumps(ALLOW), Description="one")["Policy"]["Arn"]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(ALLOW), SetAsDefault=True)
    assert second["PolicyVersion"]["VersionId"] == "v2"
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(version["VersionId"], version["IsDefaultVersion"]) for version in versions] == [("v2", True), ("v1", False)]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == ALLOW
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    assert arn in [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity"):
        iam.get_policy(PolicyArn=arn)


def test_terraform_makes_and_destroys_a_profile_with_a_role(iam):
    """The calls of `aws_iam_role`, `aws_iam_role_policy_attachment` and `aws_iam_instance_profile`, in their order."""
    create_role(iam, "terraform", Path="/", MaxSessionDuration=3600)
    iam.get_role(RoleName="terraform")
    assert iam.list_role_policies(RoleName="terraform")["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName="terraform")["AttachedPolicies"] == []
    iam.attach_role_policy(RoleName="terraform", PolicyArn=OF_AWS)
    made = iam.create_instance_profile(InstanceProfileName="terraform", Path="/")["InstanceProfile"]
    assert made["Roles"] == []
    iam.get_instance_profile(InstanceProfileName="terraform")
    iam.add_role_to_instance_profile(InstanceProfileName="terraform", RoleName="terraform")
    with refused("LimitExceeded"):
        iam.add_role_to_instance_profile(InstanceProfileName="terraform", RoleName="terraform")
    iam.tag_instance_profile(InstanceProfileName="terraform", Tags=[{"Key": "a", "Value": "b"}])
    assert iam.list_instance_profile_tags(InstanceProfileName="terraform")["Tags"] == [{"Key": "a", "Value": "b"}]
    iam.untag_instance_profile(InstanceProfileName="terraform", TagKeys=["a"])
    read = iam.get_instance_profile(InstanceProfileName="terraform")["InstanceProfile"]
    assert [role["RoleName"] for role in read["Roles"]] == ["terraform"]
    listed = iam.list_instance_profiles()["InstanceProfiles"]
    assert "terraform" in [profile["InstanceProfileName"] for profile in listed]
    (of_role,) = iam.list_instance_profiles_for_role(RoleName="terraform")["InstanceProfiles"]
    assert of_role["InstanceProfileName"] == "terraform"
    iam.detach_role_policy(RoleName="terraform", PolicyArn=OF_AWS)
    iam.remove_role_from_instance_profile(InstanceProfileName="terraform", RoleName="terraform")
    iam.delete_instance_profile(InstanceProfileName="terraform")
    iam.delete_role(RoleName="terraform")


def test_the_aws_cli_makes_a_role(shared_region):
    made = shared_region.aws("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", json.dumps(TRUST))
    assert made["Role"]["AssumeRolePolicyDocument"] == TRUST
    assert shared_region.aws("iam", "get-role", "--role-name", "cli") == made
    shared_region.aws("iam", "delete-role", "--role-name", "cli")


def test_an_instance_has_the_profile_that_it_is_given(region, network):
    iam, ec2 = region.client("iam"), network.ec2
    for name in ("web", "db"):
        iam.create_instance_profile(InstanceProfileName=name)
    group = network.group("web")
    subnet = network.subnet_a
    instance, _ = network.host(subnet, group)

    def profile():
        (reservation,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        return reservation["Instances"][0].get("IamInstanceProfile")

    assert profile() is None
    with refused("InvalidParameterValue", "Invalid IAM Instance Profile name"):
        ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": "none"})
    made = ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": "web"})
    made = made["IamInstanceProfileAssociation"]
    assert made["State"] == "associating"
    assert profile() == made["IamInstanceProfile"]
    with refused("IncorrectState", "There is an existing association"):
        ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": "db"})
    found = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance]}, {"Name": "state", "Values": ["associated"]}]
    )
    (associated,) = found["IamInstanceProfileAssociations"]
    assert associated["AssociationId"] == made["AssociationId"]
    replaced = ec2.replace_iam_instance_profile_association(
        AssociationId=made["AssociationId"], IamInstanceProfile={"Name": "db"}
    )["IamInstanceProfileAssociation"]
    region.restart_after_kill()
    ec2 = region.client()
    assert profile() == replaced["IamInstanceProfile"]
    ended = ec2.disassociate_iam_instance_profile(AssociationId=replaced["AssociationId"])
    assert ended["IamInstanceProfileAssociation"]["State"] == "disassociating"
    assert profile() is None


# What a program in an instance is given: a region, and neither credentials nor a file that has some, nor an endpoint.
ONLY_A_REGION = "HOME=/nonexistent AWS_DEFAULT_REGION=us-east-1 AWS_PAGER="
WHO = """
import boto3, json
credentials = boto3.session.Session().get_credentials()
frozen = credentials.get_frozen_credentials()
print(json.dumps([credentials.method, frozen.access_key, frozen.secret_key, frozen.token]))
"""


@pytest.fixture(name="web")
def instance_with_a_role(region, network):
    """An instance with the profile `front`, whose role is `web`."""
    iam = region.client("iam")
    create_role(iam, "web")
    iam.create_instance_profile(InstanceProfileName="front")
    iam.add_role_to_instance_profile(InstanceProfileName="front", RoleName="web")
    instance, _ = network.host(network.subnet_a, network.group("web"))
    network.ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": "front"})
    return instance


def credentials_of(region, instance, role="web"):
    return json.loads(Metadata(region, instance).meta_data(f"iam/security-credentials/{role}"))


def client_with(region, credentials, service="ec2"):
    return region.client(
        service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["Token"],
    )


def test_an_instance_finds_credentials_that_the_region_takes(region, network, web):
    metadata = Metadata(region, web)
    info = json.loads(metadata.meta_data("iam/info"))
    assert info["Code"] == "Success"
    assert info["InstanceProfileArn"] == "arn:aws:iam::123456789012:instance-profile/front"
    assert metadata.meta_data("iam/security-credentials/") == "web"
    credentials = credentials_of(region, web)
    assert credentials["Code"] == "Success" and credentials["AccessKeyId"].startswith("ASIA")
    expiration = datetime.datetime.fromisoformat(credentials["Expiration"])
    left = expiration - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(hours=5) < left <= datetime.timedelta(hours=6)
    identity = client_with(region, credentials, "sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::123456789012:assumed-role/web/{web}"
    assert identity["UserId"].startswith("AROA") and identity["UserId"].endswith(f":{web}")
    ec2 = client_with(region, credentials)
    made = ec2.create_network_interface(SubnetId=network.subnet_a)["NetworkInterface"]
    assert made["RequesterId"] == identity["UserId"]
    assert client_with(region, credentials, "iam").get_role(RoleName="web")["Role"]["RoleName"] == "web"
    url = boto3.session.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["Token"],
        region_name="us-east-1",
    ).client("sts", endpoint_url=region.endpoint).generate_presigned_url("get_caller_identity", HttpMethod="GET")
    done = subprocess.run(["curl", "-s", url], capture_output=True, text=True, check=True)
    assert f"assumed-role/web/{web}" in done.stdout
    wrong = credentials | {"Token": credentials["Token"][:-4] + "AAAA"}
    with refused("AuthFailure"):
        client_with(region, wrong).describe_vpcs()
    with refused("InvalidClientTokenId"):
        client_with(region, wrong, "sts").get_caller_identity()


def test_credentials_outlive_a_crash_and_end_with_their_role(region, network, web):
    credentials = credentials_of(region, web)
    region.restart_after_kill()
    assert client_with(region, credentials).describe_vpcs()["Vpcs"]
    asked = f"curl -sf -m 2 {IMDS}/latest/meta-data/"
    until(lambda: region.succeeds(web, asked), "metadata is not answered after a crash")
    assert credentials_of(region, web) == credentials
    (association,) = region.client().describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    region.client().disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
    status, _ = Metadata(region, web).curl("/latest/meta-data/iam/security-credentials/web")
    assert status == 404
    assert client_with(region, credentials).describe_vpcs()["Vpcs"], "they hold until they expire"
    iam = region.client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName="front", RoleName="web")
    iam.delete_role(RoleName="web")
    with refused("AuthFailure"):
        client_with(region, credentials).describe_vpcs()
    create_role(iam, "web")
    with refused("AuthFailure"):
        client_with(region, credentials).describe_vpcs()


def test_boto3_and_the_aws_cli_find_them_with_nothing_but_a_region(region, web):
    found = json.loads(region.run(web, f"{ONLY_A_REGION} {ROOT}/.venv/bin/python -c '{WHO}'"))
    credentials = credentials_of(region, web)
    assert found == ["iam-role", credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["Token"]]
    identity = json.loads(region.run(web, f"{ONLY_A_REGION} {AWS} sts get-caller-identity --output json"))
    assert identity["Arn"] == f"arn:aws:sts::123456789012:assumed-role/web/{web}"
    described = json.loads(region.run(web, f"{ONLY_A_REGION} {AWS} ec2 describe-instances --output json"))
    assert described["Reservations"][0]["Instances"][0]["InstanceId"] == web


def test_an_instance_without_a_role_finds_none(region, network):
    instance, _ = network.host(network.subnet_a, network.group("web"))
    status, _ = Metadata(region, instance).curl("/latest/meta-data/iam/info")
    assert status == 404
    done = region.openeni(
        "exec", instance, "--", "sh", "-c", f"{ONLY_A_REGION} {AWS} ec2 describe-vpcs", check=False
    )
    assert done.returncode != 0
    assert "Unable to locate credentials" in done.stderr


def test_a_role_is_assumed(region):
    iam = region.client("iam")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    assumed = region.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=900)
    given = assumed["Credentials"] | {"Token": assumed["Credentials"]["SessionToken"]}
    identity = client_with(region, given, "sts").get_caller_identity()
    assert identity["Arn"] == assumed["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/deploy/me"
    create_role(iam, "web")
    with refused("AccessDenied", "is not authorized to perform: sts:AssumeRole"):
        region.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/web", RoleSessionName="me")
