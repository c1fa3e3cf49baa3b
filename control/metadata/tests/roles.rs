//! What instances with a profile are answered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use eni_metadata::{Keys, Request, Scope, answer};
use eni_model::testing::TestWorld;
use eni_types::{InstanceId, Timestamp};
use serde_json::{Value, json};

const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
const PROFILE: (&str, &str) = ("InstanceProfileName", "front");
const ROLE: (&str, &str) = ("RoleName", "Web");
const HOUR: i64 = 3_600_000;

/// A region with an instance that has the profile `front` with the role `Web`.
struct Bench {
    region: TestWorld,
    instance: String,
    keys: Keys,
}

impl Bench {
    fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        region.must("CreateInstanceProfile", &[PROFILE]);
        region.must("CreateRole", &[ROLE, ("AssumeRolePolicyDocument", TRUST)]);
        region.must("AddRoleToInstanceProfile", &[PROFILE, ROLE]);
        let mut made = Self {
            region,
            instance: String::new(),
            keys: Keys::from_secret(b"secret"),
        };
        made.instance = made.launch(&[("IamInstanceProfile.Name", "front")]);
        made
    }

    fn launch(&mut self, parameters: &[(&str, &str)]) -> String {
        let image = self
            .region
            .make("DescribeImages", &[], "/imagesSet/item/0/imageId");
        let mut all = vec![
            ("ImageId", image.as_str()),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ];
        all.extend(parameters);
        self.region
            .make("RunInstances", &all, "/instancesSet/item/0/instanceId")
    }

    /// The answer at a path of `meta-data/iam`.
    fn get(&self, path: &str) -> Option<String> {
        let id: InstanceId = self.instance.parse().unwrap();
        let scope = Scope {
            world: &self.region.world,
            region: &self.region.region,
            keys: &self.keys,
            now: self.region.now,
        };
        let path = format!("/latest/meta-data/{path}");
        let request = Request {
            method: "GET",
            path: &path,
            token: None,
            token_ttl: None,
            is_forwarded: false,
        };
        let answer = answer(&request, id, scope);
        (answer.status == 200).then(|| String::from_utf8(answer.body).unwrap())
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).unwrap()).unwrap()
    }

    fn credentials(&self) -> Value {
        self.json("iam/security-credentials/Web")
    }
}

#[test]
fn an_instance_finds_its_profile_and_credentials_of_its_role() {
    let mut bench = Bench::new();
    assert!(bench.get("").unwrap().lines().any(|name| name == "iam/"));
    assert_eq!(bench.get("iam").unwrap(), "info\nsecurity-credentials/");
    let profile = bench.region.must("GetInstanceProfile", &[PROFILE]);
    assert_eq!(
        bench.json("iam/info"),
        json!({
            "Code": "Success",
            "LastUpdated": "2026-11-20T19:10:54Z",
            "InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/front",
            "InstanceProfileId": profile["InstanceProfile"]["InstanceProfileId"],
        })
    );
    assert_eq!(bench.get("iam/security-credentials/").unwrap(), "Web");
    let text = bench.get("iam/security-credentials/Web").unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split(" : ").next().unwrap())
        .collect();
    let names = [
        "{",
        "  \"Code\"",
        "  \"LastUpdated\"",
        "  \"Type\"",
        "  \"AccessKeyId\"",
        "  \"SecretAccessKey\"",
        "  \"Token\"",
        "  \"Expiration\"",
        "}",
    ];
    assert_eq!(lines, names);
    let found = bench.credentials();
    assert_eq!(
        (&found["Code"], &found["Type"]),
        (&"Success".into(), &"AWS-HMAC".into())
    );
    assert_eq!(found["Expiration"], "2026-11-21T01:10:54Z");
    let session = bench
        .keys
        .sessions
        .session(found["Token"].as_str().unwrap().as_bytes());
    let session = session.unwrap();
    assert_eq!(session.name, bench.instance);
    let role = bench.region.must("GetRole", &[ROLE]);
    assert_eq!(role["Role"]["RoleId"], session.role_id.to_string());
    let made = bench.keys.sessions.credentials(&session);
    assert_eq!(found["AccessKeyId"], made.access_key_id);
    assert_eq!(found["SecretAccessKey"], made.secret_access_key);
    assert_eq!(bench.get("iam/security-credentials/Other"), None);
}

#[test]
fn credentials_are_the_same_for_an_hour_and_never_about_to_expire() {
    let mut bench = Bench::new();
    let first = bench.credentials();
    let start = bench.region.now;
    for (after, is_first) in [(HOUR - 1, true), (HOUR, false), (30 * HOUR + 1, false)] {
        bench.region.now = Timestamp(start.0 + after);
        let found = bench.credentials();
        assert_eq!(found == first, is_first, "{after}");
        let token = found["Token"].as_str().unwrap();
        let session = bench.keys.sessions.session(token.as_bytes()).unwrap();
        let left = session.expiration.0 - bench.region.now.0;
        assert!(
            left > 5 * HOUR && left <= 6 * HOUR,
            "{left} ms left after {after}"
        );
    }
    // A clock that is set back gives what it gave at first.
    bench.region.now = Timestamp(start.0 - HOUR);
    assert_eq!(bench.credentials(), first);
}

#[test]
fn another_instance_has_other_credentials_and_one_without_a_profile_none() {
    let mut bench = Bench::new();
    let first = bench.credentials();
    bench.instance = bench.launch(&[("IamInstanceProfile.Name", "front")]);
    assert_ne!(bench.credentials()["AccessKeyId"], first["AccessKeyId"]);
    bench.instance = bench.launch(&[]);
    assert_eq!(bench.get("iam"), None);
    assert_eq!(bench.get("iam/security-credentials/Web"), None);
    assert!(!bench.get("").unwrap().contains("iam"));
}

#[test]
fn what_is_changed_is_seen_at_once() {
    let mut bench = Bench::new();
    bench
        .region
        .must("RemoveRoleFromInstanceProfile", &[PROFILE, ROLE]);
    assert_eq!(
        bench.get("iam").unwrap(),
        "info",
        "a profile without a role"
    );
    bench.region.must("DeleteInstanceProfile", &[PROFILE]);
    assert_eq!(bench.json("iam/info")["Code"], "InstanceProfileNotFound");
    // It names the profile by its unique id.
    bench.region.must("CreateInstanceProfile", &[PROFILE]);
    bench
        .region
        .must("AddRoleToInstanceProfile", &[PROFILE, ROLE]);
    assert_eq!(bench.json("iam/info")["Code"], "InstanceProfileNotFound");
    let association = bench.region.make(
        "DescribeIamInstanceProfileAssociations",
        &[],
        "/iamInstanceProfileAssociationSet/item/0/associationId",
    );
    let replace = [
        ("AssociationId", association.as_str()),
        ("IamInstanceProfile.Name", "front"),
    ];
    bench
        .region
        .must("ReplaceIamInstanceProfileAssociation", &replace);
    assert_eq!(bench.credentials()["Code"], "Success");
}

#[test]
fn a_role_that_ec2_may_not_assume_gives_no_credentials() {
    let mut bench = Bench::new();
    let lambda = TRUST.replace("ec2", "lambda");
    bench.region.must(
        "UpdateAssumeRolePolicy",
        &[ROLE, ("PolicyDocument", &lambda)],
    );
    let found = bench.credentials();
    assert_eq!(found["Code"], "AssumeRoleUnauthorizedAccess");
    let message = found["Message"].as_str().unwrap();
    assert!(
        message.starts_with("EC2 cannot assume the role Web."),
        "{message}"
    );
    assert!(found.get("SecretAccessKey").is_none());
    bench
        .region
        .must("UpdateAssumeRolePolicy", &[ROLE, ("PolicyDocument", TRUST)]);
    assert_eq!(bench.credentials()["Code"], "Success");
}
