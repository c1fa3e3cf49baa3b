use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::operations::instance::tests::{image, launch, launched};
use crate::testing::TestWorld;

const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFI7HH1XT/2e4InAXC3F+AEgT3fT/XEyjWKE+iHd4Lt test";
/// Of `ssh-keygen -l`.
const ED25519_FINGERPRINT: &str = "PO53Jrn+Q45tAha4lO95nmJtKSEI1bFH/GD0YgJg1wI=";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCScmr9M+ubtmJ74S5FvRleBgNBD/5JGJe10GrYdcIR+MmEwbz15Jj5ZOxTJSEjEqcDdrF1xsnyzn3YH929Lli9FDxCDON4jjgL8SeUAOsr+/o8ZpNnttMluZRLzIEBXD8LD6fJFzfK9PpbsgpO+7X50/aEtCXPvX+NDnJwzTVRcNmwL2yAGgr0+nP+7QC5e34FohnSclQ8Vx25VTL8o5T1LWs5NOsXb24roZmr6d6z8xi2XrB/PlQMIbBF6N8gm/w/n47t\
    n4GYjTX3M7i++dp3EfcyYWM3bfWxz3TNS3Ef42sXGSsbpO1pRRTtR0nu19orsZLCLsuzmVgLqsaxxcCX test";
/// Of `ssh-keygen -e -m PKCS8 | openssl pkey -pubin -outform DER | openssl md5 -c`.
const RSA_FINGERPRINT: &str = "81:fb:29:e6:e5:c1:f0:b0:0e:c6:ef:fb:1e:aa:22:91";

fn import(region: &mut TestWorld, name: &str, key: &str) -> serde_json::Value {
    let material = STANDARD.encode(key);
    let key = [("KeyName", name), ("PublicKeyMaterial", &material)];
    region.must("ImportKeyPair", &key)
}

#[test]
fn a_key_pair_is_described_as_it_was_imported() {
    let mut region = TestWorld::bootstrapped();
    for (name, key, kind, fingerprint) in [
        ("one", ED25519, "ed25519", ED25519_FINGERPRINT),
        ("two", RSA, "rsa", RSA_FINGERPRINT),
    ] {
        let made = import(&mut region, name, key);
        assert_eq!(made["keyFingerprint"], fingerprint);
        let id = made["keyPairId"].as_str().unwrap();
        for asked in [("KeyName.1", name), ("KeyPairId.1", id)] {
            let found = region.must("DescribeKeyPairs", &[asked, ("IncludePublicKey", "true")]);
            let found = &found["keySet"]["item"][0];
            assert_eq!(found["keyPairId"], id);
            assert_eq!(found["keyName"], name);
            assert_eq!(found["keyType"], kind);
            assert_eq!(found["publicKey"], key);
            assert_eq!(found["keyFingerprint"], fingerprint);
        }
        let filter = [
            ("Filter.1.Name", "fingerprint"),
            ("Filter.1.Value.1", fingerprint),
        ];
        let found = region.must("DescribeKeyPairs", &filter);
        assert_eq!(TestWorld::texts(&found, "/keySet", "/keyName"), [name]);
        assert!(found["keySet"]["item"][0].get("publicKey").is_none());
    }
}

#[test]
fn what_is_no_public_key_is_refused() {
    let mut region = TestWorld::bootstrapped();
    let encoded = ED25519.split(' ').nth(1).unwrap();
    let short = STANDARD.encode(&STANDARD.decode(encoded).unwrap()[..50]);
    let long = STANDARD.encode([STANDARD.decode(encoded).unwrap(), [0].into()].concat());
    for key in [
        String::new(),
        "ssh-ed25519".into(),
        encoded.into(),
        format!("ssh-rsa {encoded}"),
        format!("ssh-dss {encoded}"),
        format!("ssh-ed25519 {short}"),
        format!("ssh-ed25519 {long}"),
        format!("ssh-ed25519 {encoded} a\nssh-ed25519 {encoded} b"),
    ] {
        let material = STANDARD.encode(&key);
        let asked = [("KeyName", "one"), ("PublicKeyMaterial", material.as_str())];
        assert_eq!(
            region.refused("ImportKeyPair", &asked),
            "InvalidKey.Format: Key is not in valid OpenSSH public key format",
            "{key}"
        );
    }
    import(&mut region, "one", ED25519);
    let material = STANDARD.encode(RSA);
    let again = [("KeyName", "one"), ("PublicKeyMaterial", material.as_str())];
    assert_eq!(
        region.refused("ImportKeyPair", &again),
        "InvalidKeyPair.Duplicate: The keypair 'one' already exists."
    );
}

#[test]
fn an_instance_keeps_the_key_that_it_was_launched_with() {
    let mut region = TestWorld::bootstrapped();
    let image = image();
    assert_eq!(
        region.refused("RunInstances", &launch(&image, &[("KeyName", "one")])),
        "InvalidKeyPair.NotFound: The key pair 'one' does not exist"
    );
    let made = import(&mut region, "one", ED25519);
    let instance = launched(&mut region, &[("KeyName", "one")]);
    assert_eq!(instance["keyName"], "one");
    let deleted = region.must("DeleteKeyPair", &[("KeyName", "one")]);
    assert_eq!(deleted["keyPairId"], made["keyPairId"]);
    let again = region.must("DeleteKeyPair", &[("KeyName", "one")]);
    assert_eq!(again["return"], true);
    let id = instance["instanceId"].as_str().unwrap().parse().unwrap();
    let row = region.world.instances.get(id).unwrap();
    assert_eq!(row.public_key.as_deref(), Some(ED25519));
}

#[test]
fn a_made_key_pair_is_given_away_once_and_its_public_half_kept() {
    let mut region = TestWorld::bootstrapped();
    for (name, asked, kind) in [
        ("one", None, "rsa"),
        ("two", Some("rsa"), "rsa"),
        ("three", Some("ed25519"), "ed25519"),
    ] {
        let asked = asked.map(|kind| ("KeyType", kind));
        let asked: Vec<_> = [("KeyName", name)].into_iter().chain(asked).collect();
        let made = region.must("CreateKeyPair", &asked);
        assert_eq!(made["keyMaterial"], "-----BEGIN A KEY-----");
        assert_eq!(made["keyName"], name);
        let kept: Vec<String> = region
            .world
            .resources()
            .map(|row| format!("{row:?}"))
            .collect();
        assert!(!kept.concat().contains("BEGIN A KEY"));
        let shown = [("KeyName.1", name), ("IncludePublicKey", "true")];
        let found = region.must("DescribeKeyPairs", &shown);
        let found = &found["keySet"]["item"][0];
        assert_eq!(found["keyPairId"], made["keyPairId"]);
        assert_eq!(found["keyFingerprint"], made["keyFingerprint"]);
        assert_eq!(found["keyType"], kind);
        assert!(
            found["publicKey"]
                .as_str()
                .unwrap()
                .starts_with("ssh-ed25519 ")
        );
    }
    let instance = launched(&mut region, &[("KeyName", "one")]);
    let id = instance["instanceId"].as_str().unwrap().parse().unwrap();
    let row = region.world.instances.get(id).unwrap();
    assert!(row.public_key.as_deref().unwrap().ends_with(" made"));
}

#[test]
fn what_no_key_pair_can_be_is_refused_before_one_is_made() {
    let mut region = TestWorld::bootstrapped();
    import(&mut region, "one", ED25519);
    let long = "x".repeat(256);
    for name in ["", " one", "one ", "a\nb", "schl\u{fc}ssel", &long] {
        for action in ["CreateKeyPair", "ImportKeyPair"] {
            let material = STANDARD.encode(ED25519);
            let asked = [("KeyName", name), ("PublicKeyMaterial", material.as_str())];
            let count = if action == "CreateKeyPair" { 1 } else { 2 };
            let refused = region.refused(action, &asked[..count]);
            assert!(
                refused.ends_with("parameter keyName is invalid."),
                "{refused}"
            );
        }
    }
    for (asked, error) in [
        (
            ("KeyType", "dsa"),
            "InvalidParameterValue: Value (dsa) for parameter keyType is invalid.",
        ),
        (
            ("KeyFormat", "der"),
            "InvalidParameterValue: Value (der) for parameter keyFormat is invalid.",
        ),
    ] {
        assert_eq!(
            region.refused("CreateKeyPair", &[("KeyName", "two"), asked]),
            error
        );
    }
    assert_eq!(
        region.refused("CreateKeyPair", &[("KeyName", "one")]),
        "InvalidKeyPair.Duplicate: The keypair 'one' already exists."
    );
}
