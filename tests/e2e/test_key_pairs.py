"""Key pairs that the region makes: their private halves are what OpenSSH, OpenSSL and PuTTY take them for."""

import hashlib
import subprocess

import pytest

from region import refused


def output(*command, **options):
    done = subprocess.run(command, capture_output=True, timeout=30, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def words(public_key):
    """A public key without its comment."""
    return public_key.split()[:2]


def described(ec2, name):
    (found,) = ec2.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"]
    return found


def private_file(tmp_path, made):
    path = tmp_path / made["KeyName"]
    path.touch(mode=0o600)
    path.write_text(made["KeyMaterial"])
    return path


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_openssh_reads_a_new_key(ec2, tmp_path, kind):
    made = ec2.create_key_pair(KeyName=f"pem-{kind}", KeyType=kind)
    found = described(ec2, made["KeyName"])
    assert (found["KeyPairId"], found["KeyType"]) == (made["KeyPairId"], kind)
    assert found["KeyFingerprint"] == made["KeyFingerprint"]
    path = private_file(tmp_path, made)
    assert words(output("ssh-keygen", "-y", "-f", path).decode()) == words(found["PublicKey"])
    if kind == "rsa":
        der = output("openssl", "pkcs8", "-in", path, "-outform", "DER", "-topk8", "-nocrypt")
        assert made["KeyFingerprint"] == hashlib.sha1(der).digest().hex(":")
        assert made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
        output("openssl", "rsa", "-in", path, "-check", "-noout")
        assert b"(2048 bit" in output("openssl", "rsa", "-in", path, "-text", "-noout")
    else:
        (_, fingerprint, *_) = output("ssh-keygen", "-l", "-f", path).decode().split()
        assert fingerprint == "SHA256:" + made["KeyFingerprint"].rstrip("=")
    signed = tmp_path / "text"
    signed.write_text("a text")
    path.with_suffix(".pub").write_text(found["PublicKey"] + "\n")
    output("ssh-keygen", "-Y", "sign", "-f", path, "-n", "test", signed)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"me {found['PublicKey']}\n")
    verify = ["-Y", "verify", "-f", allowed, "-I", "me", "-n", "test", "-s", f"{signed}.sig"]
    output("ssh-keygen", *verify, input=b"a text")


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_putty_reads_a_new_key(ec2, tmp_path, kind):
    made = ec2.create_key_pair(KeyName=f"ppk-{kind}", KeyType=kind, KeyFormat="ppk")
    path = private_file(tmp_path, made)
    public = output("puttygen", path, "-L").decode()
    assert words(public) == words(described(ec2, made["KeyName"])["PublicKey"])
    # PuTTY verifies the code over the file, and what the private half is made of when it is written anew.
    pem = tmp_path / "pem"
    output("puttygen", path, "-O", "private-openssh", "-o", pem)
    assert words(output("ssh-keygen", "-y", "-f", pem).decode()) == words(public)


def test_a_new_key_is_in_the_answer_only(region, network, tmp_path):
    group = network.group("nobody")
    image = network.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = region.aws("ec2", "create-key-pair", "--key-name", "mine", "--key-type", "ed25519")
    with refused("InvalidKeyPair.Duplicate"):
        network.ec2.create_key_pair(KeyName="mine")
    with refused("DryRunOperation"):
        network.ec2.create_key_pair(KeyName="other", DryRun=True)
    assert [pair["KeyName"] for pair in network.ec2.describe_key_pairs()["KeyPairs"]] == ["mine"]
    public = described(network.ec2, "mine")["PublicKey"]
    (launched,) = network.ec2.run_instances(
        ImageId=image,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        KeyName="mine",
        SubnetId=network.subnet_a,
        SecurityGroupIds=[group],
    )["Instances"]
    read = "curl -s http://169.254.169.254/latest/meta-data/public-keys/0/openssh-key"
    assert words(region.run(launched["InstanceId"], read)) == words(public)
    secret = made["KeyMaterial"].splitlines()[3]
    region.stop()
    kept = [path for path in [region.log, *region.data.rglob("*")] if path.is_file()]
    assert kept
    for path in kept:
        assert secret.encode() not in path.read_bytes(), path
    region.start()
    assert described(network.ec2, "mine")["KeyPairId"] == made["KeyPairId"]
    assert tmp_path.exists()
