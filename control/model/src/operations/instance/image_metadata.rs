//! `DescribeInstanceImageMetadata`.

use alloc::string::{String, ToString};
use alloc::sync::Arc;

use super::description::image_of;
use crate::api::instance::{
    DescribeInstanceImageMetadata, DescribeInstanceImageMetadataResponse, ImageMetadataDescription,
    InstanceImageMetadataDescription,
};
use crate::describe::{Described, Made, Scope, describes};
use crate::resource::Instance;
use crate::tags::Tags;

/// An instance as this call shows it.
struct WithImage(Arc<Instance>);

impl Made for WithImage {
    fn key(&self) -> String {
        self.0.instance_id.to_string()
    }
}

impl Described for WithImage {
    type Answer = InstanceImageMetadataDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("InstanceIds", "MaxResults");

    fn describe(&self, scope: Scope<'_>) -> InstanceImageMetadataDescription {
        let (instance, image) = (&*self.0, image_of(&self.0));
        InstanceImageMetadataDescription {
            instance_id: instance.instance_id,
            instance_type: instance.instance_type.name,
            launch_time: instance.launch_time.to_string(),
            availability_zone: instance.availability_zone.clone(),
            zone_id: scope
                .region
                .availability_zone_id(&instance.availability_zone),
            instance_state: instance.state.into(),
            instance_owner_id: scope.region.account_id.clone(),
            tag_set: instance.tags.to_items_if_any(),
            image_metadata: ImageMetadataDescription {
                image_id: image.image_id,
                name: image.name,
                image_owner_id: image.owner_id,
                image_state: "available",
                image_owner_alias: image.owner_alias,
                creation_date: image.creation_date,
                is_public: true,
            },
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.0.tags
    }
}

describes! {
    /// Says which image each instance was launched from.
    DescribeInstanceImageMetadata: instance_ids in instances as WithImage,
        DescribeInstanceImageMetadataResponse { instance_image_metadata_set }
}

#[cfg(test)]
mod tests {
    use crate::operations::instance::tests::launched;
    use crate::testing::TestWorld;

    #[test]
    fn an_instance_is_shown_with_its_image_and_found_by_it() {
        let mut region = TestWorld::bootstrapped();
        launched(&mut region, &[]);
        let shown = region.must("DescribeInstances", &[]);
        let instance = &shown["reservationSet"]["item"][0]["instancesSet"]["item"][0];
        for (name, value, found) in [
            ("owner-alias", "amazon", true),
            ("owner-alias", "self", false),
            ("instance-state-name", "terminated", false),
            ("zone-id", "use1-az*", true),
        ] {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
            let answer = region.must("DescribeInstanceImageMetadata", &filter);
            let set = answer["instanceImageMetadataSet"]["item"].as_array();
            let one = set.and_then(|set| set.first());
            assert_eq!(one.is_some(), found, "{name}={value}");
            if let Some(one) = one {
                assert_eq!(one["instanceId"], instance["instanceId"]);
                assert_eq!(one["imageMetadata"]["imageId"], instance["imageId"]);
            }
        }
        let id = [("InstanceId.1", "i-0123456789abcdef0")];
        assert_eq!(
            region.refused("DescribeInstanceImageMetadata", &id),
            "InvalidInstanceID.NotFound: The instance ID 'i-0123456789abcdef0' does not exist"
        );
    }
}
