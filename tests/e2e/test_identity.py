"""Identity documents: whoever has the region's certificate verifies them as AWS's documentation does."""

import base64
import json
import os
import pathlib
import subprocess

import pytest

FOLDER = "http://169.254.169.254/latest/dynamic/instance-identity"


def openssl(*arguments, check=True):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=30, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(name="instance")
def an_instance(network):
    instance_id, _ = network.host(network.subnet_a, network.group("nobody"))
    return instance_id


def read(region, instance_id, name):
    return region.run(instance_id, f"curl -sf {FOLDER}/{name}")


def certificate(region):
    return region.environment["OPENENI_IDENTITY"]


def test_openssl_verifies_what_an_instance_shows(region, instance, tmp_path):
    document, key, signature = (tmp_path / name for name in ("document", "key", "signature"))
    document.write_text(read(region, instance, "document"))
    assert json.loads(document.read_text())["instanceId"] == instance
    key.write_bytes(openssl("x509", "-pubkey", "-noout", "-in", certificate(region)).stdout)
    signature.write_bytes(base64.b64decode(read(region, instance, "signature")))
    openssl("dgst", "-sha256", "-verify", key, "-signature", signature, document)
    for name in ("rsa2048", "pkcs7"):
        path = tmp_path / name
        path.write_text(f"-----BEGIN PKCS7-----\n{read(region, instance, name)}\n-----END PKCS7-----\n")
        verify = ["smime", "-verify", "-inform", "PEM", "-certfile", certificate(region), "-noverify", "-in"]
        assert openssl(*verify, path).stdout.replace(b"\r\n", b"\n").rstrip() == document.read_bytes()
        other = tmp_path / "other"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", other, "-out", other, "-subj", "/CN=x")
        verify[verify.index(certificate(region))] = other
        assert openssl(*verify, path, check=False).returncode != 0
    # What somebody has changed is not vouched for.
    document.write_text(document.read_text().replace(instance, "i-0123456789abcdef0"))
    forged = openssl("dgst", "-sha256", "-verify", key, "-signature", signature, document, check=False)
    assert forged.returncode != 0


def test_the_key_is_the_regions_for_good_and_its_owners_alone(region, instance):
    before = pathlib.Path(certificate(region)).read_bytes()
    kept = pathlib.Path(certificate(region)).with_name("identity.key")
    assert (kept.stat().st_uid, kept.stat().st_mode & 0o777) == (os.getuid(), 0o600)
    signature = read(region, instance, "signature")
    region.stop()
    region.start()
    assert pathlib.Path(certificate(region)).read_bytes() == before
    # The same key signs the same document the same way.
    assert read(region, instance, "signature") == signature
