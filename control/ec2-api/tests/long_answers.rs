//! Answers too long for one piece: complete, and at nobody's expense.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use eni_ec2_api::xml;
use eni_model::api::DescribeNetworkInterfaces;
use eni_model::{Operation, read_request};
use eni_query::QueryTree;
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use support::{Connection, Endpoint, FORM, NOW, ec2_signer, text_of, without_request_id};

const DESCRIBE: &str = "Action=DescribeNetworkInterfaces&Version=2016-11-15";
/// Interfaces in the region of these tests, each of some 12 KB: more in all than sockets buffer for a small window.
const INTERFACES: usize = 240;
/// EC2 allows as many tags of as many characters.
const TAGS: usize = 45;
const TAG_CHARACTERS: usize = 200;
/// What takes a few milliseconds is not held up.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Longer than any long answer takes that is read.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than there may be at once.
const CLIENTS_THAT_GO: usize = 80;
const CLIENTS_THAT_READ_SLOWLY: usize = 100;
/// How they read: less than others wait for.
const SLOW_READ: (usize, Duration) = (512, Duration::from_millis(100));

async fn filled() -> (Endpoint, [String; 2]) {
    let endpoint = Endpoint::start().await;
    let mut connection = Connection::open(endpoint.address).await;
    let mut call = async |form: String| {
        let (status, document) = connection
            .post(&ec2_signer(), &format!("{form}&Version=2016-11-15"))
            .await;
        assert_eq!(status, 200, "{document}");
        document
    };
    let vpc = call("Action=CreateVpc&CidrBlock=10.0.0.0/16".into()).await;
    let vpc = text_of(&vpc, "vpcId");
    let mut subnets = [const { String::new() }; 2];
    for (number, subnet) in subnets.iter_mut().enumerate() {
        let form = format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.{number}.0/24");
        *subnet = text_of(&call(form).await, "subnetId");
    }
    let text = "x".repeat(TAG_CHARACTERS);
    let tags: String = (1..=TAGS)
        .map(|tag| {
            format!(
                "&TagSpecification.1.Tag.{tag}.Key=k{tag}&TagSpecification.1.Tag.{tag}.Value={text}"
            )
        })
        .collect();
    for number in 0..INTERFACES {
        let subnet = &subnets[number % 2];
        call(format!(
            "Action=CreateNetworkInterface&SubnetId={subnet}&Description=number-{number}\
             &TagSpecification.1.ResourceType=network-interface{tags}"
        ))
        .await;
    }
    (endpoint, subnets)
}

/// The document of the same call, planned and written at once.
fn whole(endpoint: &Endpoint, form: &str) -> String {
    let mut tree = QueryTree::default();
    let is_read = |name: &str| matches!(name, "Action" | "Version");
    tree.add_form(form.as_bytes(), is_read).unwrap();
    let request: DescribeNetworkInterfaces = read_request(&mut tree).unwrap();
    let response = endpoint
        .region
        .query(&endpoint.region.owner(), 0, |world, context| {
            request.plan(world, context).map(|(_, response)| response)
        });
    let id = "00000000-0000-4000-8000-000000000000";
    xml::ec2_response("DescribeNetworkInterfaces", id, &response.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_is_the_same_as_one_in_one_piece() {
    let (endpoint, [first, second]) = filled().await;
    let filter = |name: &str, values: &[&str]| {
        let values = values.iter().zip(1..);
        values.fold(format!("&Filter.1.Name={name}"), |form, (value, number)| {
            format!("{form}&Filter.1.Value.{number}={value}")
        })
    };
    for (parameters, count) in [
        (String::new(), INTERFACES),
        (filter("subnet-id", &[&first]), INTERFACES / 2),
        (filter("subnet-id", &[&first, &second]), INTERFACES),
        (filter("subnet-id", &["subnet-*"]), INTERFACES),
        (filter("tag-key", &["k7"]), INTERFACES),
        (filter("description", &["number-*9"]), INTERFACES / 10),
        (filter("description", &["nothing"]), 0),
        ("&MaxResults=100".into(), 100),
        (
            format!("&MaxResults=7{}", filter("subnet-id", &[&second])),
            7,
        ),
    ] {
        let form = format!("{DESCRIBE}{parameters}");
        let (status, document) = endpoint.call(&form).await;
        assert_eq!(status, 200, "{parameters}");
        let shown = document.matches("<networkInterfaceId>").count();
        assert_eq!(shown, count, "{parameters}");
        let (got, want) = (without_request_id(&document), whole(&endpoint, &form));
        assert!(got == without_request_id(&want), "{parameters}");
    }
}

#[tokio::test]
async fn what_is_refused_is_refused_before_the_answer_begins() {
    let (endpoint, _) = filled().await;
    for (parameters, want) in [
        (
            "&Filter.1.Name=colour&Filter.1.Value.1=red",
            "InvalidParameterValue",
        ),
        ("&MaxResults=1", "InvalidParameterValue"),
        ("&NextToken=none", "InvalidNextToken"),
        (
            "&NetworkInterfaceId.1=eni-0123456789abcdef0",
            "InvalidNetworkInterfaceID.NotFound",
        ),
        ("&DryRun=true", "DryRunOperation"),
    ] {
        let answer = endpoint.call(&format!("{DESCRIBE}{parameters}")).await;
        assert_eq!(text_of(&answer.1, "Code"), want, "{answer:?}");
    }
}

/// A client with a small window that has sent a call.
async fn ask(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::try_from(address.to_string()).unwrap());
    headers.insert("content-type", HeaderValue::from_static(FORM));
    let signer = ec2_signer();
    signer
        .sign("POST", "", &mut headers, DESCRIBE.as_bytes(), NOW)
        .unwrap();
    let mut head = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", DESCRIBE.len());
    for (name, value) in &headers {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    let request = format!("{head}\r\n{DESCRIBE}");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads the beginning of an answer.
async fn begin(stream: &mut TcpStream) {
    let mut bytes = [0; 512];
    let read = timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap();
    let text = String::from_utf8_lossy(&bytes[..read.unwrap()]).into_owned();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_hold_up_nobody() {
    let (endpoint, [subnet, _]) = filled().await;
    let mut stuck = Vec::new();
    for _ in 0..16 {
        let mut stream = ask(endpoint.address).await;
        begin(&mut stream).await;
        stuck.push(stream);
    }
    let began = Instant::now();
    let create = format!("Action=CreateNetworkInterface&Version=2016-11-15&SubnetId={subnet}");
    assert_eq!(endpoint.call(&create).await.0, 200);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let (status, document) = timeout(PATIENCE, endpoint.call(DESCRIBE)).await.unwrap();
    assert_eq!(status, 200);
    let shown = document.matches("<networkInterfaceId>").count();
    assert_eq!(shown, INTERFACES + 1);
    // An answer that goes on is of the moment it began at.
    let mut late = String::new();
    let end = "</DescribeNetworkInterfacesResponse>\r\n0\r\n\r\n";
    let mut bytes = vec![0; 65_536];
    while !late.ends_with(end) {
        let read = timeout(PATIENCE, stuck[0].read(&mut bytes)).await.unwrap();
        late += std::str::from_utf8(&bytes[..read.unwrap()]).unwrap();
    }
    assert!(!late.contains("<tagSet/>"), "it has what was made later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_its_turn_to_others() {
    let (endpoint, _) = filled().await;
    for _ in 0..CLIENTS_THAT_GO {
        begin(&mut ask(endpoint.address).await).await;
    }
    let (status, document) = timeout(PATIENCE, endpoint.call(DESCRIBE)).await.unwrap();
    assert_eq!(status, 200, "{document}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_read_slowly_take_long_answers_from_nobody() {
    let (endpoint, _) = filled().await;
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS_THAT_READ_SLOWLY {
        let mut stream = ask(endpoint.address).await;
        slow.spawn(async move {
            let (bytes, pause) = SLOW_READ;
            let mut bytes = vec![0; bytes];
            while matches!(stream.read(&mut bytes).await, Ok(read) if read > 0) {
                sleep(pause).await;
            }
        });
    }
    let (status, document) = timeout(PATIENCE, endpoint.call(DESCRIBE)).await.unwrap();
    assert_eq!(status, 200, "{document}");
    let shown = document.matches("<networkInterfaceId>").count();
    assert_eq!(shown, INTERFACES);
}
