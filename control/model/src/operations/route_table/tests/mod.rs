use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{InstanceState, SubnetId, Timestamp, VpcId};

use crate::Resource;
use crate::instance_types::InstanceType;
use crate::resource::{Instance, MetadataOptions};
use crate::tags::Tags;
use crate::testing::TestWorld;

mod edge;
mod routes;
mod tables;

const INSTANCE: &str = "i-00000001";
const FIRST: &str = "eni-00000001";
const SECOND: &str = "eni-00000002";

/// A VPC 10.0.0.0/16 with the subnet 10.0.1.0/24, a route table of its own, and an attached gateway.
struct Fixture {
    region: TestWorld,
    vpc: String,
    subnet: String,
    table: String,
    gateway: String,
}

fn fixture() -> Fixture {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let subnet = region.make(
        "CreateSubnet",
        &[("VpcId", &vpc), ("CidrBlock", "10.0.1.0/24")],
        "/subnet/subnetId",
    );
    let table = region.make(
        "CreateRouteTable",
        &[("VpcId", &vpc)],
        "/routeTable/routeTableId",
    );
    let gateway = region.make(
        "CreateInternetGateway",
        &[],
        "/internetGateway/internetGatewayId",
    );
    region.must(
        "AttachInternetGateway",
        &[("InternetGatewayId", &gateway), ("VpcId", &vpc)],
    );
    Fixture {
        region,
        vpc,
        subnet,
        table,
        gateway,
    }
}

impl Fixture {
    /// An interface in the subnet, plugged into the instance at `device_index` or into nothing.
    fn put_interface(&mut self, id: &str, device_index: Option<u8>) {
        let (subnet_id, vpc_id): (SubnetId, VpcId) =
            (self.subnet.parse().unwrap(), self.vpc.parse().unwrap());
        let group_id = self
            .region
            .world
            .default_security_group(vpc_id)
            .unwrap()
            .group_id;
        let number = id
            .chars()
            .last()
            .and_then(|digit| digit.to_digit(10))
            .unwrap();
        let attachment = device_index.map(|index| {
            serde_json::json!({
                "attachment_id": format!("eni-attach-0000000{number}"),
                "instance_id": INSTANCE,
                "device_index": index,
                "network_card_index": 0,
                "attach_time": 0,
                "status": "attached",
                "delete_on_termination": false,
            })
        });
        let eni = serde_json::json!({
            "network_interface_id": id,
            "subnet_id": subnet_id,
            "vpc_id": vpc_id,
            "availability_zone": "us-east-1a",
            "interface_type": "interface",
            "mac_address": format!("02:00:00:00:00:0{number}"),
            "description": "",
            "private_ip_addresses": [format!("10.0.1.{}", 10 + number)],
            "group_ids": [group_id],
            "source_dest_check": true,
            "attachment": attachment,
            "tags": {},
        });
        let row = Resource::from_json("network-interface", eni.to_string().as_bytes()).unwrap();
        self.region.put(row);
    }

    fn put_instance(&mut self, state: InstanceState) {
        self.region.world.put(Resource::from(Instance {
            instance_id: INSTANCE.parse().unwrap(),
            reservation_id: "r-00000001".parse().unwrap(),
            ami_launch_index: 0,
            image_id: "ami-00000001".parse().unwrap(),
            instance_type: InstanceType::find("t3.micro").unwrap(),
            subnet_id: self.subnet.parse().unwrap(),
            vpc_id: self.vpc.parse().unwrap(),
            availability_zone: "us-east-1a".into(),
            state,
            transition: None,
            launch_time: Timestamp(0),
            boot_count: 1,
            user_data: None,
            has_run: false,
            impaired_since: None,
            key_name: None,
            public_key: None,
            block_devices: alloc::vec::Vec::new(),
            disable_api_termination: false,
            instance_initiated_shutdown_behavior: "stop".into(),
            ebs_optimized: false,
            disable_api_stop: false,
            metadata_options: MetadataOptions::default(),
            private_dns_names: Default::default(),
            cpu_credits: None,
            client_token: None,
            tags: Tags::default(),
        }));
    }

    fn route(
        &mut self,
        action: &str,
        destination: &str,
        target: (&str, &str),
    ) -> Result<(), String> {
        let table = self.table.clone();
        self.region
            .call(
                action,
                &[
                    ("RouteTableId", &table),
                    ("DestinationCidrBlock", destination),
                    target,
                ],
            )
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// (destination, gateway, interface, instance, state, origin) of each route of the table.
    fn routes(&mut self) -> Vec<String> {
        let table = self.table.clone();
        let answer = self
            .region
            .must("DescribeRouteTables", &[("RouteTableId.1", &table)]);
        let routes = answer
            .pointer("/routeTableSet/item/0/routeSet/item")
            .unwrap();
        routes
            .as_array()
            .unwrap()
            .iter()
            .map(|route| {
                [
                    "destinationCidrBlock",
                    "gatewayId",
                    "networkInterfaceId",
                    "instanceId",
                    "state",
                    "origin",
                ]
                .map(|name| {
                    route
                        .get(name)
                        .and_then(|text| text.as_str())
                        .unwrap_or("-")
                })
                .join(" ")
            })
            .collect()
    }
}
