//! The API over a real socket.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use eni_ec2_api::sigv4::{Service, Signer};
use eni_ec2_api::{Access, Credentials, QueryApi, SecretAccessKey, serve};
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use support::{
    Connection, Endpoint, code, credentials, ec2_signer, error, text_of, without_request_id,
};

const PATIENCE: Duration = Duration::from_secs(10);
const IDENTITY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const DESCRIBE: &str = "Action=DescribeVpcs&Version=2016-11-15";

fn sts_signer() -> Signer {
    Signer::new(credentials(), "us-east-1", Service::Sts)
}

fn with_secret(access_key_id: &str, secret: &str, service: Service) -> Signer {
    let credentials = Credentials {
        access_key_id: access_key_id.into(),
        secret_access_key: SecretAccessKey::new(secret),
        ..credentials()
    };
    Signer::new(credentials, "us-east-1", service)
}

#[tokio::test]
async fn a_signed_call_is_answered_in_ec2s_xml() {
    let endpoint = Endpoint::start().await;
    let (status, document) = endpoint.call(DESCRIBE).await;
    assert_eq!(status, 200, "{document}");
    insta::assert_snapshot!(without_request_id(&document));
}

#[tokio::test]
async fn an_instance_type_is_described_with_its_cards_and_adapters() {
    let endpoint = Endpoint::start().await;
    let call = "Action=DescribeInstanceTypes&Version=2016-11-15&InstanceType.1=c6in.32xlarge";
    let (status, document) = endpoint.call(call).await;
    assert_eq!(status, 200, "{document}");
    insta::assert_snapshot!(without_request_id(&document));
}

#[tokio::test]
async fn sts_says_who_calls() {
    let endpoint = Endpoint::start().await;
    let (status, document) = endpoint.post(&sts_signer(), IDENTITY).await;
    assert_eq!(status, 200, "{document}");
    insta::assert_snapshot!(without_request_id(&document));
}

#[tokio::test]
async fn calls_share_a_connection_and_see_each_others_writes() {
    let endpoint = Endpoint::start().await;
    let mut connection = Connection::open(endpoint.address).await;
    let create = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16";
    let (status, created) = connection.post(&ec2_signer(), create).await;
    assert_eq!(status, 200, "{created}");
    let id = text_of(&created, "vpcId");
    let described = connection
        .post(&ec2_signer(), &format!("{DESCRIBE}&VpcId.1={id}"))
        .await;
    assert!(
        described.1.contains("<cidrBlock>10.0.0.0/16</cidrBlock>"),
        "{described:?}"
    );
}

#[tokio::test]
async fn a_dry_run_says_that_it_would_have_succeeded_and_writes_nothing() {
    let endpoint = Endpoint::start().await;
    let before = endpoint.region.read(|world| world.vpcs.iter().count());
    let create = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&DryRun=true";
    let answer = endpoint.call(create).await;
    assert_eq!(
        error(&answer),
        "412 DryRunOperation: Request would have succeeded, but DryRun flag is set."
    );
    let would_fail = create.replace("2F16", "2F8");
    assert_eq!(
        code(&endpoint.call(&would_fail).await),
        "400 InvalidVpc.Range"
    );
    let unclear = create.replace("true", "perhaps");
    assert_eq!(
        code(&endpoint.call(&unclear).await),
        "400 InvalidParameterValue"
    );
    assert_eq!(
        endpoint.region.read(|world| world.vpcs.iter().count()),
        before
    );
}

#[tokio::test]
async fn what_is_no_call_of_ours_is_refused_with_ec2s_code() {
    let endpoint = Endpoint::start().await;
    let cases = [
        (
            "Action=Fly&Version=2016-11-15",
            "400 InvalidAction: The action Fly is not valid for this web service.",
        ),
        (
            "Action=CreateVpnGateway&Version=2016-11-15",
            "400 UnsupportedOperation: EC2 has the action CreateVpnGateway, but OpenENI does not serve it yet.",
        ),
        (
            "Action=DescribeVpcs&Version=2010-03-31",
            "400 NoSuchVersion: The requested version (2010-03-31) of service AmazonEC2 does not exist",
        ),
        (
            "Action=DescribeVpcs",
            "400 MissingParameter: The request must contain the parameter Version",
        ),
        (
            "Version=2016-11-15",
            "400 MissingAction: The request must contain the parameter Action. This is the endpoint of an OpenENI region: AWS clients call Amazon EC2's API here.",
        ),
        (
            "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-%3Cx%3E",
            "400 InvalidVpcID.NotFound: The vpc ID 'vpc-&lt;x&gt;' does not exist",
        ),
        (
            "Action=DescribeVpcs&Version=2016-11-15&Color=red",
            "400 UnknownParameter: The parameter Color is not recognized",
        ),
        (
            "Action=DescribeVpcs&Version=2016-11-15&Action=x",
            "400 MalformedQueryString: A parameter is given more than once",
        ),
        (
            "Action=%ff",
            "400 MalformedQueryString: The request is not encoded in UTF-8",
        ),
    ];
    for (form, want) in cases {
        assert_eq!(error(&endpoint.call(form).await), want, "{form}");
    }
    for (action, want) in [
        (
            "AssumeMole",
            "400 InvalidAction: Could not find operation AssumeMole for version 2011-06-15",
        ),
        (
            "GetSessionToken",
            "400 UnsupportedOperation: AWS STS has the action GetSessionToken, but OpenENI does not serve it yet.",
        ),
    ] {
        let form = IDENTITY.replace("GetCallerIdentity", action);
        assert_eq!(error(&endpoint.post(&sts_signer(), &form).await), want);
    }
}

#[tokio::test]
async fn who_is_not_authenticated_is_refused_as_each_service_does() {
    let endpoint = Endpoint::start().await;
    let cases = [
        (
            with_secret("AKIDOTHER", "secret", Service::Ec2),
            DESCRIBE,
            "401 AuthFailure",
        ),
        (
            with_secret("AKIDEXAMPLE", "secret", Service::Ec2),
            DESCRIBE,
            "401 AuthFailure",
        ),
        (sts_signer(), DESCRIBE, "401 AuthFailure"),
        (
            with_secret("AKIDOTHER", "secret", Service::Sts),
            IDENTITY,
            "403 InvalidClientTokenId",
        ),
        (
            with_secret("AKIDEXAMPLE", "secret", Service::Sts),
            IDENTITY,
            "403 SignatureDoesNotMatch",
        ),
        (ec2_signer(), IDENTITY, "403 SignatureDoesNotMatch"),
    ];
    for (signer, form, want) in cases {
        let answer = endpoint.post(&signer, form).await;
        assert_eq!(code(&answer), want);
    }
    let mut connection = Connection::open(endpoint.address).await;
    let unsigned = connection
        .send("POST", "/", HeaderMap::new(), DESCRIBE.as_bytes())
        .await;
    assert_eq!(code(&unsigned), "400 MissingParameter");
    for skew in [-1000, 1000] {
        endpoint.set_clock_ahead(skew);
        let answer = endpoint.call(DESCRIBE).await;
        assert_eq!(error(&answer), "400 RequestExpired: Request has expired.");
    }
}

#[tokio::test]
async fn any_credentials_lets_every_key_in_but_still_asks_for_one() {
    let access = Access::AnyCredentials {
        account_id: "123456789012".into(),
    };
    let endpoint = Endpoint::start_with(access).await;
    endpoint.set_clock_ahead(100_000);
    let answer = endpoint
        .post(&with_secret("test", "test", Service::Ec2), DESCRIBE)
        .await;
    assert_eq!(answer.0, 200, "{answer:?}");
    let mut connection = Connection::open(endpoint.address).await;
    let unsigned = connection
        .send("POST", "/", HeaderMap::new(), DESCRIBE.as_bytes())
        .await;
    assert_eq!(code(&unsigned), "400 MissingParameter");
}

#[tokio::test]
async fn any_credentials_are_not_for_pages_in_a_browser() {
    let access = Access::AnyCredentials {
        account_id: "123456789012".into(),
    };
    let endpoint = Endpoint::start_with(access).await;
    let port = endpoint.address.port();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature={}",
        "0".repeat(64)
    );
    let cases = [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        (format!("rebound.example:{port}"), 401),
        ("127.0.0.1.example".into(), 401),
    ];
    for (host, status) in cases {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::try_from(&host).unwrap());
        headers.insert("x-amz-date", HeaderValue::from_static("20261120T191054Z"));
        headers.insert(
            "authorization",
            HeaderValue::try_from(&authorization).unwrap(),
        );
        let mut connection = Connection::open(endpoint.address).await;
        let answer = connection
            .send("POST", "/", headers, DESCRIBE.as_bytes())
            .await;
        assert_eq!(answer.0, status, "{host}: {answer:?}");
    }
    let link = format!(
        "/?{DESCRIBE}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e&X-Amz-Date=20261120T191054Z\
         &X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
        "0".repeat(64)
    );
    let mut connection = Connection::open(endpoint.address).await;
    let answer = connection.send("GET", &link, HeaderMap::new(), b"").await;
    assert_eq!(code(&answer), "401 AuthFailure");
}

/// What `aws ec2 describe-vpcs` could be given as a link: all parameters in the query, none in the body.
#[tokio::test]
async fn a_query_is_a_call_too() {
    let endpoint = Endpoint::start().await;
    let mut headers = HeaderMap::new();
    let host = HeaderValue::try_from(endpoint.address.to_string()).unwrap();
    headers.insert("host", host);
    let query = format!("{DESCRIBE}&Filter.1.Name=is-default&Filter.1.Value.1=true");
    ec2_signer()
        .sign("GET", &query, &mut headers, b"", support::NOW)
        .unwrap();
    let mut connection = Connection::open(endpoint.address).await;
    let (status, document) = connection
        .send("GET", &format!("/?{query}"), headers.clone(), b"")
        .await;
    assert_eq!(status, 200, "{document}");
    let forged = format!("/?{}", query.replace("=true", "=false"));
    let refused = connection.send("GET", &forged, headers, b"").await;
    assert_eq!(code(&refused), "401 AuthFailure");
}

#[tokio::test]
async fn what_is_no_request_of_the_api_leaves_the_server_serving() {
    let endpoint = Endpoint::start().await;
    let garbage: [&[u8]; 5] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
    ];
    for bytes in garbage {
        let mut stream = TcpStream::connect(endpoint.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{bytes:?}");
    }
    let mut connection = Connection::open(endpoint.address).await;
    let (status, body) = connection
        .send("HEAD", "/bucket", HeaderMap::new(), b"")
        .await;
    assert_eq!((status, body.as_str()), (501, ""));
    let mut connection = Connection::open(endpoint.address).await;
    let too_large = vec![b'a'; (1 << 20) + 1];
    let cases: [(&str, &str, &[u8], u16); 3] = [
        ("GET", "/latest/meta-data", b"", 404),
        ("PUT", "/", b"", 405),
        ("POST", "/", &too_large, 413),
    ];
    for (method, target, body, status) in cases {
        let answer = connection
            .send(method, target, HeaderMap::new(), body)
            .await;
        assert_eq!(code(&answer), format!("{status} InvalidHttpRequest"));
        connection = Connection::open(endpoint.address).await;
    }
    assert_eq!(endpoint.call(DESCRIBE).await.0, 200);
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_waited_for() {
    const AT_ONCE: Duration = Duration::from_secs(2);
    let endpoint = Endpoint::start().await;
    for (target, status) in [("/", "413"), ("/latest/meta-data", "404")] {
        let mut stream = TcpStream::connect(endpoint.address).await.unwrap();
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            1_u64 << 40
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        timeout(AT_ONCE, read).await.unwrap().unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
}

/// A client that writes all of its request before it looks for an answer must find one.
#[tokio::test]
async fn a_large_request_for_another_service_is_read_past() {
    const BODY_BYTES: usize = 32 << 20;
    let endpoint = Endpoint::start().await;
    let mut stream = TcpStream::connect(endpoint.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nConnection: close\r\n\
         Content-Length: {BODY_BYTES}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; BODY_BYTES]).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("OpenENI does not serve Amazon DynamoDB."));
}

#[tokio::test]
async fn a_stopped_server_ends_although_a_client_keeps_its_connection() {
    let region = support::region(&Arc::new(AtomicI64::new(support::NOW.0)));
    let access = Access::Verified(Arc::new(credentials()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let api = Arc::new(QueryApi::new(region, access));
    let server = tokio::spawn(serve(listener, api, async {
        let _ = stopped.await;
    }));
    let mut connection = Connection::open(address).await;
    assert_eq!(connection.post(&ec2_signer(), DESCRIBE).await.0, 200);
    stop.send(()).unwrap();
    timeout(PATIENCE, server).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn iam_answers_in_its_own_xml() {
    let endpoint = Endpoint::start().await;
    // Whatever region a client signs for.
    let signer = Signer::new(credentials(), "eu-west-1", Service::Iam);
    let trust = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%22*%22%2C%22Action%22%3A%22sts%3A\
                 AssumeRole%22%7D%7D";
    let create = format!(
        "Action=CreateRole&Version=2010-05-08&RoleName=web&AssumeRolePolicyDocument={trust}"
    );
    let call = async |rest: &str| {
        let form = format!("Action={rest}");
        endpoint.post(&signer, &form).await
    };
    let (status, document) = endpoint.post(&signer, &create).await;
    assert_eq!(status, 200, "{document}");
    let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CreateRoleResponse \
                 xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateRoleResult><Role><Path>/</Path><RoleName>web</RoleName>";
    assert!(document.starts_with(start), "{document}");
    for (rest, want) in [
        (
            "ListRolePolicies&Version=2010-05-08&RoleName=web",
            "<ListRolePoliciesResult><PolicyNames/><IsTruncated>false</IsTruncated></ListRolePoliciesResult>",
        ),
        (
            "UpdateRole&Version=2010-05-08&RoleName=web&Description=one",
            "<UpdateRoleResult/>",
        ),
        ("DeleteRole&Version=2010-05-08&RoleName=web", ""),
    ] {
        let (status, document) = call(rest).await;
        assert_eq!(status, 200, "{document}");
        let (_, after) = document.split_once("2010-05-08/\">").unwrap();
        let (result, _) = after.split_once("<ResponseMetadata><RequestId>").unwrap();
        assert_eq!(result, want);
    }
    for (rest, status, code) in [
        (
            "GetRole&Version=2010-05-08&RoleName=web",
            404,
            "NoSuchEntity",
        ),
        ("ListUsers&Version=2010-05-08", 400, "UnsupportedOperation"),
        ("DescribeVpcs&Version=2010-05-08", 400, "InvalidAction"),
    ] {
        let (found, document) = call(rest).await;
        assert_eq!(found, status, "{document}");
        let error = "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>";
        assert!(
            document.contains(&format!("{error}{code}</Code>")),
            "{document}"
        );
    }
    // No operation of one service under the version of another.
    let answer = endpoint
        .call("Action=GetRole&Version=2016-11-15&RoleName=web")
        .await;
    assert_eq!(code(&answer), "400 InvalidAction");
}
