//! The same ends joined by OpenENI: two instances, security groups on.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use eni_client::{Ec2, PrivateRegion};

use crate::traffic::{Ends, PORT};

/// The longest that instances take to run.
const PATIENCE: Duration = Duration::from_secs(20);
/// Rules that one authorize call carries.
const RULES_IN_A_CALL: usize = 100;

/// Two instances in one subnet. The server's security group has `rules` rules, of which the last lets the client in.
pub(crate) struct Pair {
    ends: Ends,
}

impl Pair {
    /// Launches the instances and waits until they run.
    pub(crate) fn launch(region: &PrivateRegion, ec2: &Ec2, rules: usize) -> io::Result<Self> {
        let call = |action: &str, parameters: &[(&str, &str)]| {
            ec2.call(action, parameters).map_err(io::Error::other)
        };
        let first = |answer: eni_client::Answer, name| answer.first(name).map_err(io::Error::other);
        let zone = [
            ("Filter.1.Name", "availability-zone"),
            ("Filter.1.Value.1", "us-east-1a"),
        ];
        let subnet = call("DescribeSubnets", &zone)?;
        let (subnet_id, block) = (
            first_of(&subnet, "subnetId")?,
            first_of(&subnet, "cidrBlock")?,
        );
        let group = call(
            "CreateSecurityGroup",
            &[
                ("GroupName", &format!("bench-{rules}")),
                ("GroupDescription", "bench"),
            ],
        )?;
        let group_id = first(group, "groupId")?;
        authorize(ec2, &group_id, &numbered_rules(rules, &block))?;
        let image_id = first(call("DescribeImages", &[("Owner.1", "amazon")])?, "imageId")?;
        let launched = call(
            "RunInstances",
            &[
                ("ImageId", &image_id),
                ("InstanceType", "m5.large"),
                ("SubnetId", &subnet_id),
                ("SecurityGroupId.1", &group_id),
                ("MinCount", "2"),
                ("MaxCount", "2"),
            ],
        )?;
        let mut instance_ids = launched.all("instanceId");
        instance_ids.dedup();
        let [client, server] = instance_ids.as_slice() else {
            return Err(io::Error::other("two instances were asked for"));
        };
        wait_running(ec2, &[client, server])?;
        let described = call("DescribeInstances", &[("InstanceId.1", server)])?;
        let address: Ipv4Addr = first_of(&described, "privateIpAddress")?
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
            parameters.push((format!("{prefix}.IpRanges.1.CidrIp"), cidr.clone()));
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
