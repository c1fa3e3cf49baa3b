//! What instances are answered, after calls as a client makes them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eni_metadata::{Answer, DocumentSigner, Keys, Request, Scope, Signatures, answer};
use eni_model::testing::TestWorld;
use eni_types::{InstanceId, Timestamp};

/// A region with an instance in the default VPC.
struct Bench {
    region: TestWorld,
    instance: String,
    keys: Keys,
}

const ONE: [(&str, &str); 3] = [
    ("ImageId", "ami-0e210000000008664"),
    ("MinCount", "1"),
    ("MaxCount", "1"),
];

fn launch(region: &mut TestWorld, parameters: &[(&str, &str)]) -> String {
    let image = region.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
    let mut all = ONE.to_vec();
    all[0].1 = &image;
    all.extend(parameters);
    region.make("RunInstances", &all, "/instancesSet/item/0/instanceId")
}

impl Bench {
    fn new(parameters: &[(&str, &str)]) -> Self {
        let mut region = TestWorld::bootstrapped();
        let instance = launch(&mut region, parameters);
        Self {
            region,
            instance,
            keys: Keys::from_secret(b"secret"),
        }
    }

    fn answer(&self, request: &Request<'_>) -> Answer {
        self.answer_to(&self.instance, request)
    }

    fn answer_to(&self, instance: &str, request: &Request<'_>) -> Answer {
        let id: InstanceId = instance.parse().unwrap();
        let scope = Scope {
            world: &self.region.world,
            region: &self.region.region,
            keys: &self.keys,
            now: self.region.now,
        };
        answer(request, id, scope)
    }

    /// The body of what must be there.
    #[track_caller]
    fn get(&self, path: &str) -> String {
        let answer = self.answer(&get(path));
        assert_eq!(answer.status, 200, "{path}");
        String::from_utf8(answer.body).unwrap()
    }

    #[track_caller]
    fn lines(&self, path: &str) -> Vec<String> {
        self.get(path).split('\n').map(ToOwned::to_owned).collect()
    }

    fn status(&self, request: &Request<'_>) -> u16 {
        self.answer(request).status
    }

    /// The text at `pointer` of the instance's description.
    fn described(&mut self, pointer: &str) -> String {
        let parameters = [("InstanceId.1", self.instance.clone())];
        let parameters = parameters.each_ref().map(|(name, id)| (*name, id.as_str()));
        let pointer = format!("/reservationSet/item/0/instancesSet/item/0/{pointer}");
        self.region.make("DescribeInstances", &parameters, &pointer)
    }

    fn pass_seconds(&mut self, seconds: i64) {
        self.region.now = Timestamp(self.region.now.0 + seconds * 1_000);
    }
}

fn get(path: &str) -> Request<'_> {
    Request {
        method: "GET",
        path,
        token: None,
        token_ttl: None,
        is_forwarded: false,
    }
}

fn put(ttl: Option<&str>) -> Request<'_> {
    Request {
        method: "PUT",
        token_ttl: ttl.map(str::as_bytes),
        ..get("/latest/api/token")
    }
}

#[test]
fn the_tree_says_what_the_api_says() {
    let mut bench = Bench::new(&[("InstanceType", "t3.large")]);
    for (path, pointer) in [
        ("ami-id", "imageId"),
        ("instance-id", "instanceId"),
        ("instance-type", "instanceType"),
        ("local-ipv4", "privateIpAddress"),
        ("local-hostname", "privateDnsName"),
        ("hostname", "privateDnsName"),
        ("public-ipv4", "ipAddress"),
        ("public-hostname", "dnsName"),
        ("security-groups", "groupSet/item/0/groupName"),
        ("placement/availability-zone", "placement/availabilityZone"),
        (
            "placement/availability-zone-id",
            "placement/availabilityZoneId",
        ),
        ("mac", "networkInterfaceSet/item/0/macAddress"),
    ] {
        let want = bench.described(pointer);
        assert_eq!(
            bench.get(&format!("/latest/meta-data/{path}")),
            want,
            "{path}"
        );
    }
    for (path, want) in [
        ("ami-launch-index", "0"),
        ("instance-action", "none"),
        ("instance-life-cycle", "on-demand"),
        ("placement/region", "us-east-1"),
        ("services/domain", "amazonaws.com"),
        ("services/partition", "aws"),
        ("block-device-mapping/ami", "xvda"),
        ("block-device-mapping/root", "/dev/xvda"),
        ("events/maintenance/scheduled", "[]"),
    ] {
        assert_eq!(
            bench.get(&format!("/latest/meta-data/{path}")),
            want,
            "{path}"
        );
    }
}

#[test]
fn an_interface_is_described_by_its_mac() {
    let mut bench = Bench::new(&[]);
    let mac = bench.get("/latest/meta-data/mac");
    let macs = "/latest/meta-data/network/interfaces/macs/";
    assert_eq!(bench.get(macs), format!("{mac}/"));
    let eni = "networkInterfaceSet/item/0";
    let private = bench.described("privateIpAddress");
    let public = bench.described("ipAddress");
    let wanted = [
        (
            "interface-id",
            bench.described(&format!("{eni}/networkInterfaceId")),
        ),
        ("subnet-id", bench.described("subnetId")),
        ("vpc-id", bench.described("vpcId")),
        ("owner-id", bench.described(&format!("{eni}/ownerId"))),
        ("mac", mac.clone()),
        ("device-number", "0".into()),
        ("network-card", "0".into()),
        ("security-groups", "default".into()),
        (
            "security-group-ids",
            bench.described("groupSet/item/0/groupId"),
        ),
        ("local-ipv4s", private.clone()),
        ("public-ipv4s", public.clone()),
        ("local-hostname", bench.described("privateDnsName")),
        ("public-hostname", bench.described("dnsName")),
        ("vpc-ipv4-cidr-block", "172.31.0.0/16".into()),
        ("vpc-ipv4-cidr-blocks", "172.31.0.0/16".into()),
    ];
    for (name, want) in wanted {
        assert_eq!(bench.get(&format!("{macs}{mac}/{name}")), want, "{name}");
    }
    assert_eq!(
        bench.get(&format!("{macs}{mac}/ipv4-associations/")),
        public
    );
    assert_eq!(
        bench.get(&format!("{macs}{mac}/ipv4-associations/{public}")),
        private
    );
    let other = format!("{macs}02:00:00:00:00:00/mac");
    assert_eq!(bench.status(&get(&other)), 404);
}

/// What is listed is there, and what is a folder ends with a slash.
#[test]
fn every_listed_name_can_be_asked_for() {
    let bench = Bench::new(&[
        ("UserData", "IyEvYmluL3No"),
        ("MetadataOptions.InstanceMetadataTags", "enabled"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "web"),
    ]);
    let mut folders = vec![
        "/latest/meta-data/".to_owned(),
        "/latest/dynamic/".to_owned(),
    ];
    let mut values = 0;
    while let Some(folder) = folders.pop() {
        // With and without the slash.
        assert_eq!(bench.get(&folder), bench.get(folder.trim_end_matches('/')));
        for name in bench.lines(&folder) {
            assert!(!name.is_empty(), "{folder}");
            let path = format!("{folder}{name}");
            if name.ends_with('/') {
                folders.push(path);
            } else {
                bench.get(&path);
                assert_eq!(bench.status(&get(&format!("{path}/below"))), 404, "{path}");
                values += 1;
            }
        }
    }
    assert!(values > 40, "only {values}");
    assert_eq!(bench.get("/latest/meta-data/tags/instance/"), "Name");
    assert_eq!(bench.get("/latest/meta-data/tags/instance/Name"), "web");
}

#[test]
fn versions_are_listed_and_have_the_same_tree() {
    let bench = Bench::new(&[]);
    let versions = bench.lines("/");
    assert_eq!(versions.first().unwrap(), "1.0");
    let newest = versions.len() - 2;
    assert_eq!(versions[newest..], ["2024-04-11", "latest"]);
    for version in versions {
        assert_eq!(bench.get(&format!("/{version}/")), "dynamic\nmeta-data");
        let path = format!("/{version}/meta-data/instance-id");
        assert_eq!(bench.get(&path), bench.instance);
    }
    for missing in [
        "/2099-01-01/meta-data/",
        "/latest/none",
        "/none",
        "/latest/meta-data/none",
    ] {
        assert_eq!(bench.status(&get(missing)), 404, "{missing}");
    }
    let body = String::from_utf8(bench.answer(&get("/none")).body).unwrap();
    assert!(body.contains("<title>404 - Not Found</title>"), "{body}");
}

#[test]
fn user_data_is_what_was_given_before_base64() {
    let none = Bench::new(&[]);
    assert_eq!(none.status(&get("/latest/user-data")), 404);
    // Two bytes that are no text.
    let bench = Bench::new(&[("UserData", "//4=")]);
    let answer = bench.answer(&get("/latest/user-data"));
    assert_eq!((answer.status, answer.body), (200, vec![0xff, 0xfe]));
    assert_eq!(answer.content_type, "application/octet-stream");
    assert_eq!(bench.get("/latest/"), "dynamic\nmeta-data\nuser-data");
}

#[test]
fn tags_are_there_where_the_launch_says_so() {
    let tagged = [
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "web"),
    ];
    let enabled = ("MetadataOptions.InstanceMetadataTags", "enabled");
    let with_both = [&tagged[..], &[enabled]].concat();
    let tags = "/latest/meta-data/tags/";
    for (parameters, are_there) in [
        (&tagged[..], false),
        (&[enabled], false),
        (&with_both, true),
    ] {
        let bench = Bench::new(parameters);
        let listed = bench.lines("/latest/meta-data/");
        assert_eq!(listed.contains(&"tags/".to_owned()), are_there);
        let want = if are_there { 200 } else { 404 };
        for below in ["", "instance/", "instance/Name"] {
            let path = format!("{tags}{below}");
            assert_eq!(bench.status(&get(&path)), want, "{path}");
        }
    }
}

#[test]
fn the_identity_document_is_json_in_ec2s_order() {
    let bench = Bench::new(&[]);
    let text = bench.get("/latest/dynamic/instance-identity/document");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["instanceId"], bench.instance.as_str());
    assert_eq!(document["accountId"], "123456789012");
    assert_eq!(document["region"], "us-east-1");
    assert_eq!(document["pendingTime"], "2026-11-20T19:10:54Z");
    assert!(document["billingProducts"].is_null());
    assert!(
        text.starts_with("{\n  \"accountId\" : \"123456789012\",\n"),
        "{text}"
    );
    assert!(text.ends_with("\n}"), "{text}");
}

/// Says of each document how long it is.
#[derive(Debug)]
struct Counting;

impl DocumentSigner for Counting {
    fn sign(&self, document: &str) -> Option<Arc<Signatures>> {
        let length = document.len();
        Some(Arc::new(Signatures {
            signature: length.to_be_bytes().into(),
            pkcs7: [b'7'].repeat(100),
        }))
    }
}

#[test]
fn the_document_as_it_is_shown_is_signed() {
    let mut bench = Bench::new(&[]);
    let folder = "/latest/dynamic/instance-identity/";
    assert_eq!(bench.get(folder), "document");
    assert_eq!(bench.status(&get(&format!("{folder}signature"))), 404);
    bench.keys = bench.keys.clone().with_documents(Arc::new(Counting));
    assert_eq!(bench.get(folder), "document\npkcs7\nrsa2048\nsignature");
    let document = bench.get(&format!("{folder}document"));
    let signature = STANDARD.encode(document.len().to_be_bytes());
    assert_eq!(bench.get(&format!("{folder}signature")), signature);
    let pkcs7 = bench.get(&format!("{folder}pkcs7"));
    assert_eq!(bench.get(&format!("{folder}rsa2048")), pkcs7);
    let lengths: Vec<usize> = pkcs7.split('\n').map(str::len).collect();
    assert_eq!(lengths, [64, 64, 8]);
}

#[test]
fn a_token_is_given_with_its_time_and_its_reach() {
    let mut bench = Bench::new(&[("MetadataOptions.HttpPutResponseHopLimit", "3")]);
    let given = bench.answer(&put(Some("60")));
    assert_eq!((given.status, given.hop_limit), (200, Some(3)));
    assert_eq!(given.token_ttl.unwrap().0, 60);
    let with_token = |path| Request {
        token: Some(&given.body),
        ..get(path)
    };
    bench.pass_seconds(50);
    let answer = bench.answer(&with_token("/latest/meta-data/instance-id"));
    assert_eq!((answer.status, answer.hop_limit), (200, None));
    assert_eq!(answer.token_ttl.unwrap().0, 10);
    assert_eq!(bench.status(&with_token("/latest/api/token")), 405);
    let other = launch(&mut bench.region, &[]);
    let foreign = bench.answer_to(&other, &with_token("/latest/meta-data/"));
    assert_eq!(foreign.status, 401);
    bench.pass_seconds(11);
    assert_eq!(bench.status(&with_token("/latest/meta-data/")), 401);
    // Without one, where none is required.
    assert_eq!(bench.status(&get("/latest/meta-data/")), 200);
}

#[test]
fn who_asks_for_a_token_wrongly_gets_none() {
    let bench = Bench::new(&[]);
    for (ttl, want) in [
        (None, 400),
        (Some("0"), 400),
        (Some("21601"), 400),
        (Some("21600"), 200),
    ] {
        assert_eq!(bench.status(&put(ttl)), want, "{ttl:?}");
    }
    let forwarded = Request {
        is_forwarded: true,
        ..put(Some("60"))
    };
    assert_eq!(bench.status(&forwarded), 403);
    for path in [
        "/latest/meta-data/",
        "/2021-01-03/api/token",
        "/latest/api/token/",
        "/",
    ] {
        let elsewhere = Request {
            path,
            ..put(Some("60"))
        };
        assert_eq!(bench.status(&elsewhere), 403, "{path}");
    }
    let posted = Request {
        method: "POST",
        ..put(Some("60"))
    };
    assert_eq!(bench.status(&posted), 405);
}

#[test]
fn nothing_is_answered_without_a_token_where_one_is_required_nor_where_the_endpoint_is_off() {
    let bench = Bench::new(&[("MetadataOptions.HttpTokens", "required")]);
    for path in ["/", "/latest/meta-data/", "/latest/user-data", "/none"] {
        assert_eq!(bench.status(&get(path)), 401, "{path}");
    }
    assert_eq!(bench.status(&put(Some("60"))), 200);
    let off = Bench::new(&[("MetadataOptions.HttpEndpoint", "disabled")]);
    assert_eq!(off.status(&get("/latest/meta-data/")), 403);
    assert_eq!(off.status(&put(Some("60"))), 403);
}

/// What amazon-ec2-net-utils and the VPC CNI ask for where there is IPv6.
#[test]
fn an_interface_with_ipv6_and_prefixes_says_so() {
    let mut bench = Bench::new(&[("InstanceType", "t3.medium")]);
    let mac = bench.described("networkInterfaceSet/item/0/macAddress");
    let eni = bench.described("networkInterfaceSet/item/0/networkInterfaceId");
    let (vpc, subnet) = (bench.described("vpcId"), bench.described("subnetId"));
    let at = |name: &str| format!("/latest/meta-data/network/interfaces/macs/{mac}/{name}");
    let absent = [
        "ipv4-prefix",
        "ipv6-prefix",
        "ipv6s",
        "subnet-ipv6-cidr-blocks",
        "vpc-ipv6-cidr-blocks",
    ];
    for name in absent {
        assert_eq!(bench.status(&get(&at(name))), 404, "{name}");
    }
    let region = &mut bench.region;
    let (in_vpc, eni) = (
        ("VpcId", vpc.as_str()),
        ("NetworkInterfaceId", eni.as_str()),
    );
    region.must(
        "AssociateVpcCidrBlock",
        &[in_vpc, ("CidrBlock", "100.64.0.0/16")],
    );
    let block = region.make(
        "AssociateVpcCidrBlock",
        &[in_vpc, ("AmazonProvidedIpv6CidrBlock", "true")],
        "/ipv6CidrBlockAssociation/ipv6CidrBlock",
    );
    let part = block.replace("/56", "/64");
    let subnet = [("SubnetId", subnet.as_str()), ("Ipv6CidrBlock", &part)];
    region.must("AssociateSubnetCidrBlock", &subnet);
    let address = region.make(
        "AssignIpv6Addresses",
        &[eni, ("Ipv6AddressCount", "1")],
        "/assignedIpv6Addresses/item/0",
    );
    assert_eq!(bench.get("/latest/meta-data/ipv6"), address);
    let region = &mut bench.region;
    let prefix = region.make(
        "AssignIpv6Addresses",
        &[eni, ("Ipv6PrefixCount", "1")],
        "/assignedIpv6PrefixSet/item/0",
    );
    let ipv4 = region.make(
        "AssignPrivateIpAddresses",
        &[eni, ("Ipv4PrefixCount", "1")],
        "/assignedIpv4PrefixSet/item/0/ipv4Prefix",
    );
    for (name, want) in absent
        .into_iter()
        .zip([&ipv4, &prefix, &address, &part, &block])
    {
        assert_eq!(bench.get(&at(name)), *want, "{name}");
    }
    let blocks = bench.lines(&at("vpc-ipv4-cidr-blocks"));
    assert_eq!(blocks, ["172.31.0.0/16", "100.64.0.0/16"]);
    assert_eq!(bench.get(&at("vpc-ipv4-cidr-block")), "172.31.0.0/16");
}

#[test]
fn the_public_key_is_there_where_the_launch_names_a_key_pair() {
    // `ssh-ed25519 AAAA… test`, in base64.
    let material = "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUdGSTdISDFYVC8yZTRJbkFYQzNGK0FFZ1QzZlQvWEV5aldLRStpSGQ0THQgdGVzdA==";
    let mut region = TestWorld::bootstrapped();
    let key = [("KeyName", "mine"), ("PublicKeyMaterial", material)];
    region.must("ImportKeyPair", &key);
    let instance = launch(&mut region, &[("KeyName", "mine")]);
    let bench = Bench {
        region,
        instance,
        keys: Keys::from_secret(b"secret"),
    };
    assert_eq!(bench.get("/latest/meta-data/public-keys/"), "0=mine");
    assert_eq!(bench.get("/latest/meta-data/public-keys/0/"), "openssh-key");
    let found = bench.get("/latest/meta-data/public-keys/0/openssh-key");
    assert!(found.starts_with("ssh-ed25519 AAAA"), "{found}");
    assert!(found.ends_with(" mine"), "{found}");
    let without = Bench::new(&[]);
    assert_eq!(without.status(&get("/latest/meta-data/public-keys/")), 404);
}

#[test]
fn an_instance_that_is_called_by_its_id_finds_that_name() {
    let bench = Bench::new(&[("PrivateDnsNameOptions.HostnameType", "resource-name")]);
    let name = format!("{}.ec2.internal", bench.instance);
    let mac = bench.get("/latest/meta-data/mac");
    let of_interface = format!("network/interfaces/macs/{mac}/local-hostname");
    for path in ["hostname", "local-hostname", &*of_interface] {
        assert_eq!(bench.get(&format!("/latest/meta-data/{path}")), name);
    }
}
