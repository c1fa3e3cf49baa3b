//! `DescribeInstanceTypes`.

use super::description::InstanceTypeDescription;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::{self, Vec};
use core::ops::RangeInclusive;

use eni_types::quota;

use crate::api::instance_type::{DescribeInstanceTypes, DescribeInstanceTypesResponse};
use crate::describe::{Described, Listing, Made, MadeListing, Maker, Scope, lists};
use crate::instance_types::{InstanceType, texts_of};
use crate::{Ec2Error, ErrorCode, World};

impl DescribeInstanceTypes {
    fn listed(
        &self,
        _: &World,
    ) -> Result<impl Listing<DescribeInstanceTypesResponse> + use<>, Ec2Error> {
        let has_names = !self.instance_types.is_empty();
        let rows = if has_names {
            named(&self.instance_types)?
        } else {
            InstanceType::all().collect()
        };
        let types = Types(rows.into_iter());
        MadeListing::asked_for(
            types,
            has_names,
            &self.page,
            |instance_type_set, next_token| DescribeInstanceTypesResponse {
                instance_type_set,
                next_token,
            },
        )
    }
}

lists! {
    /// Describes instance types and their limits.
    DescribeInstanceTypes
}

/// Goes over types, by name.
struct Types(vec::IntoIter<&'static InstanceType>);

impl Maker for Types {
    type Row = &'static InstanceType;

    fn look(&mut self, _: Scope<'_>) -> Option<Option<Self::Row>> {
        self.0.next().map(Some)
    }

    fn skip_to(&mut self, key: &str) {
        let before = self.0.as_slice().partition_point(|row| row.name < key);
        self.0.by_ref().take(before).for_each(drop);
    }
}

impl Made for &'static InstanceType {
    const PAGE_SIZES: RangeInclusive<u32> = quota::INSTANCE_TYPE_PAGE_SIZES;

    fn key(&self) -> String {
        self.name.into()
    }
}

/// The types with these names, by name.
fn named(names: &[String]) -> Result<Vec<&'static InstanceType>, Ec2Error> {
    if names.len() > quota::INSTANCE_TYPES_PER_CALL {
        let message = format!(
            "The maximum number of instance types that can be specified is {}.",
            quota::INSTANCE_TYPES_PER_CALL
        );
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    let missing: Vec<_> = names
        .iter()
        .filter(|name| InstanceType::find(name).is_none())
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "The following supplied instance types do not exist: [{}]",
            missing.join(", ")
        );
        return Err(ErrorCode::InvalidInstanceType.with(message));
    }
    let mut rows: Vec<_> = names
        .iter()
        .filter_map(|name| InstanceType::find(name))
        .collect();
    rows.sort_by_key(|row| row.name);
    rows.dedup_by_key(|row| row.name);
    Ok(rows)
}

impl Described for &'static InstanceType {
    type Answer = InstanceTypeDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("InstanceTypes", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> InstanceTypeDescription {
        (*self).into()
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        _scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        let number = |number: usize| Cow::Owned(number.to_string());
        let flag = |flag: bool| Cow::Borrowed(if flag { "true" } else { "false" });
        match name {
            "bare-metal" => give(flag(self.bare_metal)),
            "burstable-performance-supported" => give(flag(self.burstable_performance)),
            "current-generation" => give(flag(self.current_generation)),
            "free-tier-eligible" => give(flag(self.free_tier_eligible)),
            "hypervisor" => self
                .hypervisor
                .into_iter()
                .for_each(|text| give(text.into())),
            "instance-type" => give(self.name.into()),
            "memory-info.size-in-mib" => give(self.memory_mib.to_string().into()),
            _ => match name.strip_prefix("network-info.").unwrap_or_default() {
                "efa-info.maximum-efa-interfaces" if self.maximum_efa_interfaces > 0 => {
                    give(number(self.maximum_efa_interfaces));
                }
                "efa-supported" => give(flag(self.maximum_efa_interfaces > 0)),
                "ena-support" => give(self.ena_support.into()),
                "encryption-in-transit-supported" => {
                    give(flag(self.encryption_in_transit_supported));
                }
                "flexible-ena-queues-support" => give(self.flexible_ena_queues.into()),
                "ipv4-addresses-per-interface" => give(number(self.ipv4_addresses_per_interface)),
                "ipv6-addresses-per-interface" => give(number(self.ipv6_addresses_per_interface)),
                "ipv6-supported" => give(flag(self.ipv6_supported)),
                "maximum-network-cards" => give(number(self.network_cards.len())),
                "maximum-network-interfaces" => give(number(self.maximum_network_interfaces)),
                "network-performance" => give(self.network_performance.into()),
                _ => texts_of(&self.details(), name, &mut |text| give(text.into())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::describe::Filtered as _;
    use alloc::vec::Vec;

    use serde_json::json;

    use super::*;
    use crate::testing::TestWorld;

    #[test]
    fn types_are_found_by_name_and_by_filter() {
        let mut region = TestWorld::bootstrapped();
        let answer = region.must("DescribeInstanceTypes", &[("InstanceType.1", "t3.micro")]);
        let network = answer
            .pointer("/instanceTypeSet/item/0/networkInfo")
            .unwrap();
        assert_eq!(network["maximumNetworkInterfaces"], 2);
        assert_eq!(network["ipv4AddressesPerInterface"], 2);
        assert_eq!(
            network["networkCards"]["item"][0]["peakBandwidthInGbps"],
            "5.0"
        );
        let answer = region.must(
            "DescribeInstanceTypes",
            &[
                ("Filter.1.Name", "network-info.maximum-network-interfaces"),
                ("Filter.1.Value.1", "64"),
                ("Filter.2.Name", "instance-type"),
                ("Filter.2.Value.1", "p5.*"),
            ],
        );
        assert_eq!(
            TestWorld::texts(&answer, "/instanceTypeSet", "/instanceType"),
            ["p5.48xlarge"]
        );
    }

    #[test]
    fn types_with_elastic_fabric_adapters_are_found_by_what_ec2_says_of_them() {
        let mut region = TestWorld::bootstrapped();
        let answer = region.must(
            "DescribeInstanceTypes",
            &[("InstanceType.1", "c6in.32xlarge")],
        );
        let network = &answer["instanceTypeSet"]["item"][0]["networkInfo"];
        assert_eq!(network["efaSupported"], true);
        assert_eq!(network["efaInfo"]["maximumEfaInterfaces"], 2);
        assert_eq!(network["enaSrdSupported"], true);
        assert_eq!(network["maximumNetworkCards"], 2);
        assert_eq!(network["networkCards"]["item"][1]["networkCardIndex"], 1);
        let answer = region.must("DescribeInstanceTypes", &[("InstanceType.1", "t3.medium")]);
        let network = &answer["instanceTypeSet"]["item"][0]["networkInfo"];
        assert_eq!(network["efaSupported"], false);
        assert_eq!(network.get("efaInfo"), None);
        for (name, value, want) in [
            ("network-info.efa-supported", "true", 303),
            ("network-info.efa-supported", "false", 1395 - 303),
            ("network-info.efa-info.maximum-efa-interfaces", "32", 2),
            // A type without adapters has no number of them.
            ("network-info.efa-info.maximum-efa-interfaces", "0", 0),
            ("network-info.efa-info.maximum-efa-interfaces", "*", 303),
        ] {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
            let answer = region.must("DescribeInstanceTypes", &filter);
            let found = TestWorld::texts(&answer, "/instanceTypeSet", "/instanceType");
            assert_eq!(found.len(), want, "{name}={value}");
        }
    }

    #[test]
    fn a_type_is_described_whole() {
        let mut region = TestWorld::bootstrapped();
        let answer = region.must("DescribeInstanceTypes", &[("InstanceType.1", "g5.xlarge")]);
        let found = &answer["instanceTypeSet"]["item"][0];
        assert_eq!(
            found["gpuInfo"],
            json!({
                "gpus": {"item": [{
                    "name": "A10G",
                    "manufacturer": "NVIDIA",
                    "count": "1",
                    "logicalGpuCount": "1",
                    "gpuPartitionSize": "1.0",
                    "workloadSet": {"item": ["ml-ai", "graphics"]},
                    "memoryInfo": {"sizeInMiB": "22888"},
                }]},
                "totalGpuMemoryInMiB": "22888",
            })
        );
        assert_eq!(
            found["placementGroupInfo"],
            json!({"supportedStrategies": {"item": ["cluster", "partition", "spread"]}})
        );
        let ebs = &found["ebsInfo"];
        assert_eq!(ebs["maximumEbsAttachments"], "25");
        assert_eq!(ebs["ebsOptimizedInfo"]["maximumIops"], "15000");
        assert_eq!(
            found["instanceStorageInfo"]["disks"]["item"][0]["sizeInGB"],
            "250"
        );
        // What a type does not have is left out.
        assert_eq!(found.get("fpgaInfo"), None);
    }

    #[test]
    fn every_filter_of_ec2s_model_looks_at_something() {
        let mut region = TestWorld::bootstrapped();
        let filter = |name, value| [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        for name in InstanceTypeDescription::FILTERS.iter().copied() {
            let answer = region.must("DescribeInstanceTypes", &filter(name, "*"));
            let found = TestWorld::texts(&answer, "/instanceTypeSet", "/instanceType");
            assert!(!found.is_empty(), "{name}");
        }
        for (name, value, want) in [
            ("instance-storage-info.disk.size-in-gb", "1900", 98),
            ("processor-info.supported-features", "amd-sev-snp", 16),
            ("processor-info.sustained-clock-speed-in-ghz", "3.9", 275),
            ("ebs-info.ebs-optimized-info.baseline-iops", "10000", 22),
            (
                "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
                "437.5",
                14,
            ),
            ("network-info.bandwidth-weightings", "ebs-1", 307),
            ("supported-boot-mode", "uefi", 1208),
            ("nitro-tpm-info.supported-versions", "2.0", 1116),
            ("vcpu-info.valid-cores", "3", 550),
            ("instance-storage-supported", "true", 579),
            ("supported-usage-class", "spot", 1365),
        ] {
            let answer = region.must("DescribeInstanceTypes", &filter(name, value));
            let found = TestWorld::texts(&answer, "/instanceTypeSet", "/instanceType");
            assert_eq!(found.len(), want, "{name}={value}");
        }
    }

    #[test]
    fn pages_hold_every_type_once() {
        let mut region = TestWorld::bootstrapped();
        let (mut names, mut token) = (Vec::new(), None::<alloc::string::String>);
        loop {
            let mut parameters = Vec::from([("MaxResults", "100")]);
            if let Some(token) = &token {
                parameters.push(("NextToken", token));
            }
            let answer = region.must("DescribeInstanceTypes", &parameters);
            names.extend(TestWorld::texts(
                &answer,
                "/instanceTypeSet",
                "/instanceType",
            ));
            match answer["nextToken"].as_str() {
                Some(next) => token = Some(next.into()),
                None => break,
            }
        }
        assert_eq!(names.len(), 1395);
        assert!(names.is_sorted());
    }

    #[test]
    fn bad_requests_get_ec2s_codes() {
        let mut region = TestWorld::bootstrapped();
        for (parameters, want) in [
            (
                &[("InstanceType.1", "t3.nano"), ("InstanceType.2", "x0.nano")][..],
                "InvalidInstanceType: The following supplied instance types do not exist: [x0.nano]",
            ),
            (
                &[("MaxResults", "101")],
                "InvalidParameterValue: Value ( 101 ) for parameter maxResults is invalid. Expecting a value less than 100.",
            ),
            (
                &[("Filter.1.Name", "colour"), ("Filter.1.Value.1", "x")],
                "InvalidParameterValue: The filter 'colour' is invalid",
            ),
            (
                &[("NextToken", "x")],
                "InvalidNextToken: The token provided is invalid.",
            ),
        ] {
            assert_eq!(
                region.refused("DescribeInstanceTypes", parameters),
                want,
                "{parameters:?}"
            );
        }
    }
}
