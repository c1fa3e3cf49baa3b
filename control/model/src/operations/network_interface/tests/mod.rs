mod assign;
mod attach;
mod attribute;
mod create;
mod efa;
mod ipv6;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::Resource;
use crate::testing::{TestWorld, check_invariants};

/// A region with a VPC of 10.0.0.0/16 and a subnet of 10.0.1.0/24 in it.
pub(super) struct Net {
    pub(super) region: TestWorld,
    pub(super) vpc: String,
    pub(super) subnet: String,
}

impl Net {
    pub(super) fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let mut made = Self {
            region,
            vpc,
            subnet: String::new(),
        };
        made.subnet = made.subnet("10.0.1.0/24");
        made.attach_gateway();
        made
    }

    /// Public addresses are only mapped where an internet gateway is.
    fn attach_gateway(&mut self) {
        let gateway = self.region.make(
            "CreateInternetGateway",
            &[],
            "/internetGateway/internetGatewayId",
        );
        let pair = [
            ("InternetGatewayId", gateway.as_str()),
            ("VpcId", &self.vpc),
        ];
        self.region.must("AttachInternetGateway", &pair);
    }

    pub(super) fn subnet(&mut self, block: &str) -> String {
        let parameters = [("VpcId", self.vpc.as_str()), ("CidrBlock", block)];
        self.region
            .make("CreateSubnet", &parameters, "/subnet/subnetId")
    }

    pub(super) fn create(&mut self, parameters: &[(&str, &str)]) -> Value {
        let subnet = self.subnet.clone();
        let parameters: Vec<_> = [("SubnetId", subnet.as_str())]
            .into_iter()
            .chain(parameters.iter().copied())
            .collect();
        let answer = self.region.must("CreateNetworkInterface", &parameters);
        check_invariants(&self.region.world);
        answer["networkInterface"].clone()
    }

    pub(super) fn refused(&mut self, parameters: &[(&str, &str)]) -> String {
        let subnet = self.subnet.clone();
        let parameters: Vec<_> = [("SubnetId", subnet.as_str())]
            .into_iter()
            .chain(parameters.iter().copied())
            .collect();
        self.region.refused("CreateNetworkInterface", &parameters)
    }

    pub(super) fn describe(&mut self, id: &str) -> Value {
        let parameters = [("NetworkInterfaceId.1", id)];
        let answer = self.region.must("DescribeNetworkInterfaces", &parameters);
        answer["networkInterfaceSet"]["item"][0].clone()
    }
}

pub(super) fn id_of(eni: &Value) -> String {
    eni["networkInterfaceId"].as_str().unwrap().into()
}

pub(super) fn addresses_of(eni: &Value) -> Vec<String> {
    TestWorld::texts(eni, "/privateIpAddressesSet", "/privateIpAddress")
}

impl Net {
    /// An instance in `state`, with a primary interface in the subnet.
    pub(super) fn instance(&mut self, instance_type: &str, state: &str) -> String {
        let number = self.region.world.instances.len();
        let id = format!("i-{number:08x}");
        let instance = json!({
            "instance_id": id,
            "reservation_id": "r-12345678",
            "ami_launch_index": 0,
            "image_id": "ami-12345678",
            "instance_type": instance_type,
            "subnet_id": self.subnet,
            "vpc_id": self.vpc,
            "availability_zone": "us-east-1a",
            "state": state,
            "launch_time": 0,
            "boot_count": 1,
            "disable_api_termination": false,
            "instance_initiated_shutdown_behavior": "stop",
            "ebs_optimized": false,
            "tags": {},
        });
        let row = Resource::from_json("instance", instance.to_string().as_bytes());
        self.region.world.put(row.unwrap());
        let primary = id_of(&self.create(&[]));
        self.plug(&primary, &id, 0);
        id
    }

    /// Attaches as the launch of an instance does.
    fn plug(&mut self, eni: &str, instance: &str, device_index: u8) {
        let eni = self
            .region
            .world
            .network_interfaces
            .get(eni.parse().unwrap())
            .unwrap();
        let mut row: Value = serde_json::to_value(&**eni).unwrap();
        row["attachment"] = json!({
            "attachment_id": format!("eni-attach-{device_index}{}", &instance[3..]),
            "instance_id": instance,
            "device_index": device_index,
            "network_card_index": 0,
            "attach_time": 0,
            "status": "attached",
            "delete_on_termination": true,
        });
        let row = Resource::from_json("network-interface", row.to_string().as_bytes());
        self.region.world.put(row.unwrap());
    }

    pub(super) fn attach(&mut self, eni: &str, instance: &str, device_index: &str) -> String {
        let parameters = [
            ("NetworkInterfaceId", eni),
            ("InstanceId", instance),
            ("DeviceIndex", device_index),
        ];
        let id = self
            .region
            .make("AttachNetworkInterface", &parameters, "/attachmentId");
        check_invariants(&self.region.world);
        id
    }
}
