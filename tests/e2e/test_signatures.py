"""Who may call: signatures are verified by recomputation, with EC2's refusals."""

import contextlib
import datetime
import subprocess
import urllib.error
import urllib.request
import xml.etree.ElementTree

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from region import LISTEN, OPENENI, refused

FORM = "Action=DescribeRegions&Version=2016-11-15"
NAMESPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"


def credentials(region, **other):
    environment = region.environment
    pair = {"access_key": environment["AWS_ACCESS_KEY_ID"], "secret_key": environment["AWS_SECRET_ACCESS_KEY"]}
    return botocore.credentials.Credentials(**(pair | other))


def send(url, data=None, headers=()):
    """Sends a request as it is and gives the status and the error's code, if there is one."""
    request = urllib.request.Request(url, data=data, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, xml.etree.ElementTree.fromstring(answer.read()).tag
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            document = xml.etree.ElementTree.fromstring(error.read())
            codes = [element.text for element in document.iter() if element.tag.rpartition("}")[2] == "Code"]
            return error.code, codes[0] if codes else None


def signed(region, form=FORM, service="ec2", **other):
    request = botocore.awsrequest.AWSRequest(
        "POST",
        f"{region.endpoint}/",
        data=form,
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
    )
    botocore.auth.SigV4Auth(credentials(region, **other), service, "us-east-1").add_auth(request)
    return request.prepare()


def test_a_signed_request_is_answered(shared_region):
    request = signed(shared_region)
    answer = send(request.url, request.body.encode(), request.headers)
    assert answer == (200, f"{NAMESPACE}DescribeRegionsResponse")


def test_a_presigned_request_is_answered_until_it_expires(shared_region):
    def presigned(form):
        request = botocore.awsrequest.AWSRequest("GET", f"{shared_region.endpoint}/?{form}")
        auth = botocore.auth.SigV4QueryAuth(credentials(shared_region), "ec2", "us-east-1", expires=60)
        auth.add_auth(request)
        return request.prepare().url

    url = presigned(FORM)
    assert send(url)[0] == 200
    assert send(url.replace("DescribeRegions", "DescribeVpcs"))[1] in ("SignatureDoesNotMatch", "AuthFailure")


def test_a_wrong_secret_is_refused(shared_region):
    request = signed(shared_region, secret_key="not the secret")
    status, code = send(request.url, request.body.encode(), request.headers)
    assert (status, code) == (401, "AuthFailure")


def test_an_unknown_key_is_refused(shared_region):
    request = signed(shared_region, access_key="AKIAIOSFODNN7EXAMPLE")
    status, code = send(request.url, request.body.encode(), request.headers)
    assert (status, code) == (401, "AuthFailure")


def test_a_changed_body_is_refused(shared_region):
    request = signed(shared_region)
    changed = request.body.replace("Regions", "Subnets").encode()
    assert send(request.url, changed, request.headers)[0] == 401


def test_an_unsigned_request_is_refused(shared_region):
    status, code = send(f"{shared_region.endpoint}/", FORM.encode())
    assert 400 <= status < 404 and code in ("AuthFailure", "MissingAuthenticationToken", "MissingParameter")


def test_an_old_signature_is_refused(shared_region, monkeypatch):
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: yesterday)
    request = signed(shared_region)
    status, code = send(request.url, request.body.encode(), request.headers)
    assert code == "RequestExpired" and status == 400


def test_sts_has_errors_of_its_own(shared_region):
    sts = shared_region.client("sts", aws_secret_access_key="not the secret")
    with refused("SignatureDoesNotMatch"):
        sts.get_caller_identity()
    unknown = shared_region.client("sts", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    with refused("InvalidClientTokenId"):
        unknown.get_caller_identity()


def test_nonsense_is_answered_with_an_error_document(shared_region):
    for body in [b"", b"&&&==", b"Action=", b"\xff\xfe", b"Action=DescribeVpcs&Version=1999-01-01"]:
        status, code = send(f"{shared_region.endpoint}/", body)
        assert 400 <= status < 500 and code, body


def test_any_credentials_are_for_loopback_only(tmp_path):
    done = subprocess.run(
        [OPENENI, "dev", "--any-credentials", "--listen", LISTEN.replace("127.0.0.1", "0.0.0.0"),
         "--data-dir", str(tmp_path / "data")],
        capture_output=True, text=True, timeout=30, check=False,
    )
    assert done.returncode != 0
    assert "loopback" in done.stderr
