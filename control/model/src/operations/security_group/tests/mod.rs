mod groups;
mod rules;
mod stale;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::testing::{TestWorld, check_invariants};

/// A region with a VPC and a group `web` in it.
struct Net {
    region: TestWorld,
    vpc: String,
    group: String,
}

impl Net {
    fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let mut made = Self {
            region,
            vpc,
            group: String::new(),
        };
        made.group = made.create("web");
        made
    }

    fn create(&mut self, name: &str) -> String {
        let parameters = [
            ("GroupName", name),
            ("GroupDescription", "a group"),
            ("VpcId", &self.vpc),
        ];
        self.region
            .make("CreateSecurityGroup", &parameters, "/groupId")
    }

    fn default_group_of_default_vpc(&self) -> String {
        let world = &self.region.world;
        let vpc_id = world.default_vpc().unwrap().vpc_id;
        world
            .default_security_group(vpc_id)
            .unwrap()
            .group_id
            .to_string()
    }

    /// Runs `action` on the group.
    fn on_group(&mut self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let group = self.group.clone();
        let answer = self.region.must(action, &with_group(&group, parameters));
        check_invariants(&self.region.world);
        answer
    }

    fn refused(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        let group = self.group.clone();
        self.region.refused(action, &with_group(&group, parameters))
    }

    fn describe(&mut self) -> Value {
        let answer = self
            .region
            .must("DescribeSecurityGroups", &[("GroupId.1", &self.group)]);
        answer["securityGroupInfo"]["item"][0].clone()
    }
}

fn with_group<'a>(group: &'a str, parameters: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("GroupId", group)]
        .into_iter()
        .chain(parameters.iter().copied())
        .collect()
}

/// The parameters of one permission with one peer.
fn permission<'a>(
    protocol: &'a str,
    ports: Option<(&'a str, &'a str)>,
    peer: (&'a str, &'a str),
) -> Vec<(&'a str, &'a str)> {
    let mut parameters = Vec::from([("IpPermissions.1.IpProtocol", protocol), peer]);
    if let Some((from, to)) = ports {
        parameters.extend([
            ("IpPermissions.1.FromPort", from),
            ("IpPermissions.1.ToPort", to),
        ]);
    }
    parameters
}
