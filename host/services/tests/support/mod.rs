//! A world of two instances, which never changes.
#![allow(dead_code, reason = "no test needs all of it")]

use std::sync::Arc;
use std::task::Waker;

use eni_model::testing::TestWorld;
use eni_model::{ChangeSet, Published, RegionSettings, Source, World};
use eni_services::Askers;
use eni_types::Timestamp;

/// A world that never changes.
struct Fixed {
    world: Arc<FixedWorld>,
    settings: RegionSettings,
}

struct FixedWorld(World);

impl Published for FixedWorld {
    fn world(&self) -> &World {
        &self.0
    }

    fn revision(&self) -> u64 {
        1
    }

    fn changes_since(&self, _: u64) -> Option<Vec<Arc<ChangeSet>>> {
        None
    }
}

impl Source for Fixed {
    fn settings(&self) -> &RegionSettings {
        &self.settings
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn published(&self) -> Arc<dyn Published> {
        Arc::clone(&self.world) as _
    }

    fn wake_on_publication(&self, _: Waker) {}
}

/// 2026-11-20, 19:10:54 UTC: not the machine's time.
pub(crate) const NOW: Timestamp = Timestamp(1_795_201_854_000);

/// Where the instances are.
pub(crate) const VPORTS: [u32; 2] = [3, 4];

/// Two instances of one VPC at [`VPORTS`], with their ids.
pub(crate) fn two_instances(askers: &Askers) -> (Arc<dyn Source>, [String; 2]) {
    let mut region = TestWorld::bootstrapped();
    let image = region.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
    let launch = [
        ("ImageId", image.as_str()),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    let instances = VPORTS.map(|vport| {
        let answer = region.must("RunInstances", &launch);
        let text = |pointer: &str| {
            answer
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let eni = "/instancesSet/item/0/networkInterfaceSet/item/0";
        let attachment = text(&format!("{eni}/attachment/attachmentId"));
        askers.add(vport, attachment.parse().unwrap());
        text("/instancesSet/item/0/instanceId")
    });
    let source = Arc::new(Fixed {
        world: Arc::new(FixedWorld(region.world)),
        settings: region.region,
    });
    (source, instances)
}
