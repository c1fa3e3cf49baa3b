//! What instances are told of who resolves their names.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use eni_lower::{Numbers, VportNumbers, lower};
use eni_model::testing::TestWorld;

/// What the only instance is told.
fn told(model: &TestWorld) -> String {
    let (mut numbers, mut vports) = (Numbers::default(), VportNumbers::default());
    let desired = lower(&model.world, &model.region, &mut numbers, &mut vports);
    let mut instances = desired.instances.into_values();
    instances.next().unwrap().resolver
}

/// A set with these options.
fn set(model: &mut TestWorld, options: &[(&str, &str)]) -> String {
    let mut parameters = Vec::new();
    for (number, (key, value)) in options.iter().enumerate() {
        let name = format!("DhcpConfiguration.{}", number + 1);
        parameters.push((format!("{name}.Key"), *key));
        parameters.push((format!("{name}.Value.1"), *value));
    }
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    model.make(
        "CreateDhcpOptions",
        &parameters,
        "/dhcpOptions/dhcpOptionsId",
    )
}

#[test]
fn an_instance_is_told_what_its_vpcs_set_of_dhcp_options_says() {
    let mut model = TestWorld::bootstrapped();
    let images = model.must("DescribeImages", &[]);
    let image = &images["imagesSet"]["item"][0];
    let instance_type = match image["architecture"].as_str() {
        Some("arm64") => "t4g.micro",
        _ => "t3.micro",
    };
    model.must(
        "RunInstances",
        &[
            ("ImageId", image["imageId"].as_str().unwrap()),
            ("InstanceType", instance_type),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ],
    );
    // The third address of the default VPC's block.
    let own = "nameserver 172.31.0.2\n";
    let alone = "options timeout:1 attempts:1\n";
    assert_eq!(told(&model), format!("search ec2.internal\n{own}"));
    let vpc = model.world.default_vpc().unwrap().vpc_id.to_string();
    let corporate = set(
        &mut model,
        &[
            ("domain-name", "corp.test lab.test"),
            ("domain-name-servers", "10.0.0.2,fd00::53"),
            ("ntp-servers", "10.0.0.3"),
        ],
    );
    let amazon = set(&mut model, &[("domain-name-servers", "AmazonProvidedDNS")]);
    for (id, want) in [
        (
            corporate.as_str(),
            "search corp.test lab.test\nnameserver 10.0.0.2\nnameserver fd00::53\n",
        ),
        (&amazon, own),
        ("default", alone),
        (&amazon, own),
    ] {
        let parameters = [("DhcpOptionsId", id), ("VpcId", vpc.as_str())];
        model.must("AssociateDhcpOptions", &parameters);
        assert_eq!(told(&model), want, "{id}");
    }
    for name in ["EnableDnsHostnames.Value", "EnableDnsSupport.Value"] {
        let off = [("VpcId", vpc.as_str()), (name, "false")];
        model.must("ModifyVpcAttribute", &off);
    }
    assert_eq!(told(&model), alone);
}

#[test]
fn an_instance_without_ipv4_is_told_where_the_resolver_is_by_ipv6() {
    let mut model = TestWorld::bootstrapped();
    let block = [
        ("CidrBlock", "10.0.0.0/16"),
        ("AmazonProvidedIpv6CidrBlock", "true"),
    ];
    let vpc = model.make("CreateVpc", &block, "/vpc/vpcId");
    let own = model.world.vpcs.get(vpc.parse().unwrap()).unwrap();
    let block = own.ipv6_blocks().next().unwrap();
    let block = format!("{}/64", block.network());
    let native = [
        ("VpcId", vpc.as_str()),
        ("Ipv6CidrBlock", &block),
        ("Ipv6Native", "true"),
    ];
    let subnet = model.make("CreateSubnet", &native, "/subnet/subnetId");
    let image = model.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
    model.must(
        "RunInstances",
        &[
            ("ImageId", image.as_str()),
            ("InstanceType", "t3.micro"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", &subnet),
        ],
    );
    let want = "search ec2.internal\nnameserver fd00:ec2::253\n";
    assert_eq!(told(&model), want);
    let off = [("VpcId", vpc.as_str()), ("EnableDnsSupport.Value", "false")];
    model.must("ModifyVpcAttribute", &off);
    assert!(told(&model).ends_with("options timeout:1 attempts:1\n"));
}
