//! The same ends joined by OpenENI: two instances, security groups on.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use eni_client::{Answer, Ec2, PrivateRegion};

use crate::traffic::{Ends, PORT};

/// The longest that instances take to run.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where all is.
const ZONE: [(&str, &str); 2] = [
    ("Filter.1.Name", "availability-zone"),
    ("Filter.1.Value.1", "us-east-1a"),
];
/// In the default VPC's block, and in none of its default subnets'.
const NAT_GUESTS: &str = "172.31.240.0/24";
/// Rules that one authorize call carries.
const RULES_IN_A_CALL: usize = 100;

/// Two instances in one subnet.
pub(crate) struct Pair {
    ends: Ends,
}

impl Pair {
    /// Launches the instances and waits until they run. The server's security group has `rules` rules, of which the last lets the
    /// client in.
    pub(crate) fn launch(region: &PrivateRegion, ec2: &Ec2, rules: usize) -> io::Result<Self> {
        let subnet = call(ec2, "DescribeSubnets", &ZONE)?;
        let rules_for_block = numbered_rules(rules, &first_of(&subnet, "cidrBlock")?);
        let group_id = group(ec2, &format!("bench-{rules}"), &rules_for_block)?;
        let subnet_id = first_of(&subnet, "subnetId")?;
        let ids = run_instances(ec2, "2", &subnet_id, &group_id, &[])?;
        Self::between(region, ec2, &ids, "privateIpAddress")
    }

    /// The same in IPv6, with one rule.
    pub(crate) fn launch_ipv6(region: &PrivateRegion, ec2: &Ec2) -> io::Result<Self> {
        let subnet = call(ec2, "DescribeSubnets", &ZONE)?;
        let (subnet_id, vpc_id) = (first_of(&subnet, "subnetId")?, first_of(&subnet, "vpcId")?);
        let amazons = [("VpcId", &*vpc_id), ("AmazonProvidedIpv6CidrBlock", "true")];
        call(ec2, "AssociateVpcCidrBlock", &amazons)?;
        let vpc = call(ec2, "DescribeVpcs", &[("VpcId.1", &vpc_id)])?;
        let block = first_of(&vpc, "ipv6CidrBlock")?.replace("/56", "/64");
        let first = [("SubnetId", &*subnet_id), ("Ipv6CidrBlock", &block)];
        call(ec2, "AssociateSubnetCidrBlock", &first)?;
        let group_id = group(ec2, "bench-ipv6", &numbered_rules(1, &block))?;
        let one = [("Ipv6AddressCount", "1")];
        let ids = run_instances(ec2, "2", &subnet_id, &group_id, &one)?;
        Self::between(region, ec2, &ids, "ipv6Address")
    }

    /// The first of two instances is the client; the server is found by this member of its description.
    fn between(
        region: &PrivateRegion,
        ec2: &Ec2,
        ids: &[String],
        address: &'static str,
    ) -> io::Result<Self> {
        let [client, server] = ids else {
            return Err(io::Error::other("two instances were asked for"));
        };
        let described = call(ec2, "DescribeInstances", &[("InstanceId.1", server)])?;
        let address: IpAddr = first_of(&described, address)?
            .parse()
            .map_err(io::Error::other)?;
        let namespace = |instance_id: &str| namespace_of(region.data_directory(), instance_id);
        Ok(Self {
            ends: Ends {
                client: namespace(client),
                server: namespace(server),
                address,
            },
        })
    }

    /// Where to measure.
    pub(crate) fn ends(&self) -> Ends {
        self.ends.clone()
    }
}

/// An instance in a subnet whose default route leads to a NAT gateway; the server is the host, beyond the internet gateway.
pub(crate) fn behind_nat_gateway(region: &PrivateRegion, ec2: &Ec2) -> io::Result<Ends> {
    let public = call(ec2, "DescribeSubnets", &ZONE)?;
    let (public_id, vpc_id) = (first_of(&public, "subnetId")?, first_of(&public, "vpcId")?);
    let elastic = call(ec2, "AllocateAddress", &[])?;
    let (allocation_id, address) = (
        first_of(&elastic, "allocationId")?,
        first_of(&elastic, "publicIp")?,
    );
    let made = [("SubnetId", &*public_id), ("AllocationId", &allocation_id)];
    let gateway_id = first_of(&call(ec2, "CreateNatGateway", &made)?, "natGatewayId")?;
    let block = [("VpcId", &*vpc_id), ("CidrBlock", NAT_GUESTS)];
    let subnet_id = first_of(&call(ec2, "CreateSubnet", &block)?, "subnetId")?;
    let table = call(ec2, "CreateRouteTable", &[("VpcId", &vpc_id)])?;
    let table_id = first_of(&table, "routeTableId")?;
    let pair = [("RouteTableId", &*table_id), ("SubnetId", &subnet_id)];
    call(ec2, "AssociateRouteTable", &pair)?;
    wait_for(ec2, "DescribeNatGateways", &[], "state", "available")?;
    let route = [
        ("RouteTableId", &*table_id),
        ("DestinationCidrBlock", "0.0.0.0/0"),
        ("NatGatewayId", &gateway_id),
    ];
    call(ec2, "CreateRoute", &route)?;
    let group_id = group(ec2, "bench-nat", &[])?;
    let ids = run_instances(ec2, "1", &subnet_id, &group_id, &[])?;
    let client = ids.first().ok_or(io::ErrorKind::NotFound)?;
    // The first address of the pool is the host's.
    let public: Ipv4Addr = address.parse().map_err(io::Error::other)?;
    let [a, b, c, _] = public.octets();
    Ok(Ends {
        client: namespace_of(region.data_directory(), client),
        server: format!("/proc/{}/ns/net", std::process::id()).into(),
        address: Ipv4Addr::new(a, b, c, 1).into(),
    })
}

fn call(ec2: &Ec2, action: &str, parameters: &[(&str, &str)]) -> io::Result<Answer> {
    ec2.call(action, parameters).map_err(io::Error::other)
}

/// Waits until an answer says this.
fn wait_for(
    ec2: &Ec2,
    action: &str,
    parameters: &[(&str, &str)],
    name: &'static str,
    value: &str,
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while first_of(&call(ec2, action, parameters)?, name)? != value {
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("{action} does not say {value}")));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A security group with these rules; its id.
fn group(ec2: &Ec2, name: &str, rules: &[(&'static str, u16, String)]) -> io::Result<String> {
    let named = [("GroupName", name), ("GroupDescription", "bench")];
    let group_id = first_of(&call(ec2, "CreateSecurityGroup", &named)?, "groupId")?;
    authorize(ec2, &group_id, rules)?;
    Ok(group_id)
}

/// Launches instances and waits until they run; their ids.
fn run_instances(
    ec2: &Ec2,
    count: &str,
    subnet_id: &str,
    group_id: &str,
    more: &[(&str, &str)],
) -> io::Result<Vec<String>> {
    let images = call(ec2, "DescribeImages", &[("Owner.1", "amazon")])?;
    let image_id = first_of(&images, "imageId")?;
    let mut parameters = vec![
        ("ImageId", &*image_id),
        ("InstanceType", "m5.large"),
        ("SubnetId", subnet_id),
        ("SecurityGroupId.1", group_id),
        ("MinCount", count),
        ("MaxCount", count),
    ];
    parameters.extend(more);
    let launched = call(ec2, "RunInstances", &parameters)?;
    let mut ids = launched.all("instanceId");
    ids.dedup();
    let borrowed: Vec<&str> = ids.iter().map(String::as_str).collect();
    wait_running(ec2, &borrowed)?;
    Ok(ids)
}

/// Adds ingress rules of protocol, port and block to a security group.
pub(crate) fn authorize(
    ec2: &Ec2,
    group_id: &str,
    rules: &[(&'static str, u16, String)],
) -> io::Result<()> {
    for chunk in rules.chunks(RULES_IN_A_CALL) {
        let mut parameters = vec![("GroupId".to_owned(), group_id.to_owned())];
        for (index, (protocol, port, cidr)) in chunk.iter().enumerate() {
            let prefix = format!("IpPermissions.{}", index + 1);
            parameters.push((format!("{prefix}.IpProtocol"), (*protocol).to_owned()));
            parameters.push((format!("{prefix}.FromPort"), port.to_string()));
            parameters.push((format!("{prefix}.ToPort"), port.to_string()));
            let range = match cidr.contains(':') {
                true => "Ipv6Ranges.1.CidrIpv6",
                false => "IpRanges.1.CidrIp",
            };
            parameters.push((format!("{prefix}.{range}"), cidr.clone()));
        }
        let borrowed: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        ec2.call("AuthorizeSecurityGroupIngress", &borrowed)
            .map_err(io::Error::other)?;
    }
    Ok(())
}

fn first_of(answer: &eni_client::Answer, name: &'static str) -> io::Result<String> {
    answer.first(name).map_err(io::Error::other)
}

/// Where the instance driver keeps an instance's network namespace.
pub(crate) fn namespace_of(data_directory: &Path, instance_id: &str) -> std::path::PathBuf {
    data_directory
        .join("run/instances")
        .join(instance_id)
        .join("net")
}

/// `count` rules of which only the last matches a packet of the benchmark.
pub(crate) fn numbered_rules(count: usize, block: &str) -> Vec<(&'static str, u16, String)> {
    (1..count)
        .map(|number| {
            let port = 10_000 + u16::try_from(number).unwrap_or(u16::MAX);
            let cidr = format!("10.{}.{}.0/24", 100 + number / 250, number % 250);
            ("tcp", port, cidr)
        })
        .chain([("-1", PORT, block.to_owned())])
        .collect()
}

pub(crate) fn wait_running(ec2: &Ec2, instance_ids: &[&str]) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let named: Vec<_> = instance_ids
        .iter()
        .enumerate()
        .map(|(index, id)| (format!("InstanceId.{}", index + 1), *id))
        .collect();
    let parameters: Vec<_> = named
        .iter()
        .map(|(name, id)| (name.as_str(), *id))
        .collect();
    loop {
        let described = ec2
            .call("DescribeInstances", &parameters)
            .map_err(io::Error::other)?;
        let running = described
            .all("name")
            .iter()
            .filter(|state| *state == "running")
            .count();
        if running >= instance_ids.len()
            && described
                .all("status")
                .iter()
                .all(|status| status != "attaching")
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(io::Error::other("the instances did not run in time"));
        }
        thread::sleep(Duration::from_millis(10));
    }
}
