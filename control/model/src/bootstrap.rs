//! What a region holds before the first call.

use eni_types::IdSequence;

use crate::operations::vpc::DefaultVpc;
use crate::{ChangeSet, RegionSettings};

/// What an AWS account finds in a region from the start: a default VPC with an internet gateway and a default subnet in
/// every availability zone ("Default VPCs" in the VPC User Guide).
#[must_use]
pub fn bootstrap(region: &RegionSettings, ids: &mut IdSequence) -> ChangeSet {
    DefaultVpc::new(region, ids).into_changes()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use crate::resource::RouteTarget;
    use crate::testing::{TestWorld, check_invariants};

    #[test]
    fn a_region_starts_with_a_default_vpc_that_reaches_the_internet() {
        let region = TestWorld::bootstrapped();
        let world = &region.world;
        let vpc = world.default_vpc().unwrap();
        assert_eq!(vpc.cidr_block.to_string(), "172.31.0.0/16");
        assert!(vpc.enable_dns_hostnames);
        let table = world.main_route_table(vpc.vpc_id).unwrap();
        let gateway = world.internet_gateway_of(vpc.vpc_id).unwrap();
        assert_eq!(
            table.routes[1].target,
            RouteTarget::InternetGateway(gateway)
        );
        let subnets: Vec<_> = world
            .subnets
            .by(&vpc.vpc_id)
            .map(|subnet| {
                (
                    subnet.availability_zone.clone(),
                    subnet.cidr_block.unwrap().to_string(),
                )
            })
            .collect::<alloc::collections::BTreeMap<_, _>>()
            .into_iter()
            .collect();
        let want = [
            ("us-east-1a", "172.31.0.0/20"),
            ("us-east-1b", "172.31.16.0/20"),
            ("us-east-1c", "172.31.32.0/20"),
        ];
        assert_eq!(
            subnets,
            want.map(|(zone, block)| (zone.into(), block.into()))
        );
        check_invariants(world);
    }

    #[test]
    fn what_a_new_region_answers_is_pinned() {
        let mut region = TestWorld::bootstrapped();
        for action in [
            "DescribeAccountAttributes",
            "DescribeAvailabilityZones",
            "DescribeInternetGateways",
            "DescribeNetworkAcls",
            "DescribeRegions",
            "DescribeRouteTables",
            "DescribeSecurityGroupRules",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcs",
        ] {
            let answer = region.must(action, &[]);
            insta::assert_snapshot!(action, alloc::format!("{answer:#}"));
        }
    }
}
