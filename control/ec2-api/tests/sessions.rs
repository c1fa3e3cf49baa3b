//! Calls with temporary credentials.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_ec2_api::sigv4::{Service, Signer};
use eni_ec2_api::{Access, Credentials, SecretAccessKey};
use eni_sessions::{Session, SessionKey, TemporaryCredentials};
use eni_types::Timestamp;

use support::{Endpoint, NOW, SECRET, code, credentials, error, text_of};

const DESCRIBE: &str = "Action=DescribeVpcs&Version=2016-11-15";
const IDENTITY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const LIST: &str = "Action=ListRoles&Version=2010-05-08";
const SERVICES: [(Service, &str); 3] = [
    (Service::Ec2, DESCRIBE),
    (Service::Sts, IDENTITY),
    (Service::Iam, LIST),
];
const INSTANCE: &str = "i-0123456789abcdef0";

/// A trust policy that names `principal`, as part of a form.
fn trust(principal: &str) -> String {
    let document = format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#
    );
    percent_encoding::utf8_percent_encode(&document, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn create_role(endpoint: &Endpoint, name: &str, principal: &str) {
    let trust = trust(principal);
    let form = format!(
        "Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument={trust}"
    );
    let signer = Signer::new(credentials(), "us-east-1", Service::Iam);
    let answer = endpoint.post(&signer, &form).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
}

/// Credentials of the role `name` that expire in as many seconds.
fn credentials_of(
    endpoint: &Endpoint,
    name: &str,
    seconds: i64,
    key: &[u8],
) -> TemporaryCredentials {
    let role_id = endpoint.region.read(|world| {
        let role = world.roles.get(name.parse().unwrap());
        role.unwrap().role_id
    });
    SessionKey::from_secret(key).credentials(&Session {
        role_id,
        name: INSTANCE.into(),
        expiration: Timestamp(NOW.0 + seconds * 1_000),
    })
}

fn signer(made: &TemporaryCredentials, service: Service) -> Signer {
    signer_with(&made.access_key_id, &made.secret_access_key, service)
        .with_session_token(&made.session_token)
}

fn signer_with(access_key_id: &str, secret: &str, service: Service) -> Signer {
    let credentials = Credentials {
        access_key_id: access_key_id.into(),
        secret_access_key: SecretAccessKey::new(secret),
        account_id: "123456789012".into(),
    };
    Signer::new(credentials, "us-east-1", service)
}

#[tokio::test]
async fn a_session_calls_as_its_role() {
    let endpoint = Endpoint::start().await;
    create_role(&endpoint, "Web", r#"{"Service":"ec2.amazonaws.com"}"#).await;
    let made = credentials_of(&endpoint, "web", 60, SECRET);
    for (service, form) in SERVICES {
        let answer = endpoint.post(&signer(&made, service), form).await;
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
    let (_, identity) = endpoint.post(&signer(&made, Service::Sts), IDENTITY).await;
    let arn = format!("arn:aws:sts::123456789012:assumed-role/Web/{INSTANCE}");
    assert_eq!(text_of(&identity, "Arn"), arn);
    let user_id = text_of(&identity, "UserId");
    assert!(
        user_id.starts_with("AROA") && user_id.ends_with(&format!(":{INSTANCE}")),
        "{user_id}"
    );
    // What it makes says so.
    let subnet = text_of(
        &endpoint
            .call("Action=DescribeSubnets&Version=2016-11-15")
            .await
            .1,
        "subnetId",
    );
    let create = format!("Action=CreateNetworkInterface&Version=2016-11-15&SubnetId={subnet}");
    let (_, made_by_role) = endpoint.post(&signer(&made, Service::Ec2), &create).await;
    assert_eq!(text_of(&made_by_role, "requesterId"), user_id);
    assert_eq!(text_of(&made_by_role, "requesterManaged"), "false");
    let (_, made_by_root) = endpoint.call(&create).await;
    assert_eq!(text_of(&made_by_root, "requesterId"), "123456789012");
}

#[tokio::test]
async fn sessions_that_are_none_are_refused_as_each_service_does() {
    let endpoint = Endpoint::start().await;
    create_role(&endpoint, "web", r#"{"Service":"ec2.amazonaws.com"}"#).await;
    let valid = credentials_of(&endpoint, "web", 60, SECRET);
    let other = credentials_of(&endpoint, "web", 61, SECRET);
    let foreign = credentials_of(&endpoint, "web", 60, b"another region's");
    let invalid = [
        "401 AuthFailure",
        "403 InvalidClientTokenId",
        "403 InvalidClientTokenId",
    ];
    let expired = ["400 RequestExpired", "403 ExpiredToken", "403 ExpiredToken"];
    let mismatch = [
        "401 AuthFailure",
        "403 SignatureDoesNotMatch",
        "403 SignatureDoesNotMatch",
    ];
    for (what, access_key_id, secret, token, want) in [
        (
            "expired",
            &credentials_of(&endpoint, "web", 0, SECRET),
            None,
            None,
            expired,
        ),
        ("foreign", &foreign, None, None, invalid),
        (
            "of another session",
            &valid,
            None,
            Some(&other.session_token),
            invalid,
        ),
        ("garbage", &valid, None, Some(&"token".to_owned()), invalid),
        (
            "wrong secret",
            &valid,
            Some(&other.secret_access_key),
            None,
            mismatch,
        ),
    ]
    .map(|(what, made, secret, token, want)| {
        let secret = secret.unwrap_or(&made.secret_access_key).clone();
        let token = token.unwrap_or(&made.session_token).clone();
        (what, made.access_key_id.clone(), secret, token, want)
    }) {
        for ((service, form), want) in SERVICES.into_iter().zip(want) {
            let signer = signer_with(&access_key_id, &secret, service).with_session_token(&token);
            let answer = endpoint.post(&signer, form).await;
            assert_eq!(code(&answer), want, "{what}");
        }
    }
    for ((service, form), want) in SERVICES.into_iter().zip(invalid) {
        // Temporary credentials without their token, and the account's with one.
        let without = signer_with(&valid.access_key_id, &valid.secret_access_key, service);
        assert_eq!(code(&endpoint.post(&without, form).await), want);
        for token in [valid.session_token.as_str(), "garbage"] {
            let with = Signer::new(credentials(), "us-east-1", service);
            let with = with.with_session_token(token);
            assert_eq!(code(&endpoint.post(&with, form).await), want, "{token}");
        }
    }
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_with_its_role() {
    let endpoint = Endpoint::start().await;
    create_role(&endpoint, "web", r#"{"Service":"ec2.amazonaws.com"}"#).await;
    let made = credentials_of(&endpoint, "web", 60, SECRET);
    let signer = signer(&made, Service::Ec2);
    for (seconds, want) in [(59, "200 "), (60, "400 RequestExpired")] {
        endpoint.set_clock_ahead(seconds);
        let answer = endpoint.post(&signer, DESCRIBE).await;
        assert!(code(&answer).starts_with(want), "{seconds}: {}", answer.1);
    }
    endpoint.set_clock_ahead(0);
    let iam = Signer::new(credentials(), "us-east-1", Service::Iam);
    let delete = "Action=DeleteRole&Version=2010-05-08&RoleName=web";
    assert_eq!(endpoint.post(&iam, delete).await.0, 200);
    assert_eq!(
        code(&endpoint.post(&signer, DESCRIBE).await),
        "401 AuthFailure"
    );
    // Another role of the name has other sessions.
    create_role(&endpoint, "web", r#"{"Service":"ec2.amazonaws.com"}"#).await;
    assert_eq!(
        code(&endpoint.post(&signer, DESCRIBE).await),
        "401 AuthFailure"
    );
}

#[tokio::test]
async fn a_role_is_assumed_by_those_whom_it_trusts() {
    let endpoint = Endpoint::start().await;
    create_role(&endpoint, "first", r#"{"AWS":"123456789012"}"#).await;
    let of_first = r#"{"AWS":"arn:aws:iam::123456789012:role/first"}"#;
    create_role(&endpoint, "second", of_first).await;
    let assume = |role: &str, rest: &str| {
        format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/{role}&RoleSessionName=test{rest}"
        )
    };
    let root = Signer::new(credentials(), "us-east-1", Service::Sts);
    let (status, document) = endpoint.post(&root, &assume("first", "")).await;
    assert_eq!(status, 200, "{document}");
    assert_eq!(
        text_of(&document, "Arn"),
        "arn:aws:sts::123456789012:assumed-role/first/test"
    );
    assert_eq!(text_of(&document, "Expiration"), "2026-11-20T20:10:54Z");
    let names = ["AccessKeyId", "SecretAccessKey", "SessionToken"];
    let [key, secret, token] = names.map(|name| text_of(&document, name));
    let first = signer_with(&key, &secret, Service::Sts).with_session_token(&token);
    let (status, document) = endpoint
        .post(&first, &assume("second", "&DurationSeconds=900"))
        .await;
    assert_eq!(status, 200, "{document}");
    assert_eq!(text_of(&document, "Expiration"), "2026-11-20T19:25:54Z");
    let denied = |who: &str, role: &str| {
        format!(
            "403 AccessDenied: User: {who} is not authorized to perform: sts:AssumeRole on resource: \
             arn:aws:iam::123456789012:role/{role}"
        )
    };
    for (signer, role, rest, want) in [
        (&root, "second", "", denied("arn:aws:iam::123456789012:root", "second")),
        (&root, "third", "", denied("arn:aws:iam::123456789012:root", "third")),
        (
            &first,
            "first",
            "&DurationSeconds=7200",
            "400 ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".into(),
        ),
        (
            &root,
            "first",
            "&DurationSeconds=60",
            "400 ValidationError: 1 validation error detected: Value '60' at 'durationSeconds' failed to satisfy constraint: \
             Member must have value greater than or equal to 900"
                .into(),
        ),
        (
            &root,
            "first",
            "&ExternalId=x",
            "400 UnsupportedOperation: STS has the parameter ExternalId of AssumeRole, but OpenENI does not serve it yet.".into(),
        ),
    ] {
        let answer = endpoint.post(signer, &assume(role, rest)).await;
        assert_eq!(error(&answer), want, "{role} {rest}");
    }
}

#[tokio::test]
async fn a_session_is_one_also_where_no_signature_is_looked_at() {
    let account_id = "123456789012".to_owned();
    let endpoint = Endpoint::start_with(Access::AnyCredentials { account_id }).await;
    create_role(&endpoint, "web", r#"{"Service":"ec2.amazonaws.com"}"#).await;
    let made = credentials_of(&endpoint, "web", 60, SECRET);
    let (_, identity) = endpoint.post(&signer(&made, Service::Sts), IDENTITY).await;
    assert!(
        text_of(&identity, "Arn").contains(":assumed-role/web/"),
        "{identity}"
    );
    let (_, identity) = endpoint
        .post(
            &signer_with("any", "any", Service::Sts).with_session_token("any"),
            IDENTITY,
        )
        .await;
    assert!(text_of(&identity, "Arn").ends_with(":root"), "{identity}");
}
