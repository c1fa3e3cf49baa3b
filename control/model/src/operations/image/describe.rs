//! `DescribeImages`.

use alloc::string::ToString;

use eni_types::quota;

use super::{Image, check_known};
use crate::api::image::{
    BlockDeviceMappingDescription, DescribeImages, DescribeImagesResponse,
    EbsBlockDeviceDescription, ImageDescription,
};
use crate::describe::{Scope, answer_among};
use crate::resource::BlockDevice;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Operation, Planned, World};

impl BlockDeviceMappingDescription {
    fn root(image: &Image) -> Self {
        let root = BlockDevice::root();
        Self {
            device_name: image.root_device_name,
            ebs: EbsBlockDeviceDescription {
                delete_on_termination: root.delete_on_termination,
                volume_size: root.size_gib,
                volume_type: root.volume_type,
                iops: root.iops,
                throughput: root.throughput,
                encrypted: root.encrypted,
            },
        }
    }
}

/// Describes images.
impl Operation for DescribeImages {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        check_known(&self.image_ids)?;
        let rows = Image::all().into_iter().filter(|image| self.names(image));
        let key = |image: &Image| image.image_id.to_string();
        let has_ids = !self.image_ids.is_empty();
        let scope = Scope::new(world, context);
        let (images_set, next_token) =
            answer_among(rows, has_ids, key, &self.page, &quota::PAGE_SIZES, scope)?;
        ChangeSet::none().answered(DescribeImagesResponse {
            images_set,
            next_token,
        })
    }
}

impl DescribeImages {
    /// Whether the request's ids and owners name the image.
    fn names(&self, image: &Image) -> bool {
        let id = self.image_ids.is_empty() || self.image_ids.contains(&image.image_id);
        let owner = self.owners.is_empty()
            || self
                .owners
                .iter()
                .any(|owner| owner == image.owner_id || owner == image.owner_alias);
        let executable = self.executable_users.is_empty()
            || self.executable_users.iter().any(|user| user == "all");
        id && owner && executable
    }
}

impl From<&Image> for ImageDescription {
    fn from(image: &Image) -> Self {
        Self {
            image_id: image.image_id,
            image_location: image.location(),
            image_state: "available",
            image_owner_id: image.owner_id,
            image_owner_alias: image.owner_alias,
            creation_date: image.creation_date,
            is_public: true,
            architecture: image.architecture,
            image_type: "machine",
            name: image.name,
            description: image.description,
            platform_details: "Linux/UNIX",
            usage_operation: "RunInstances",
            root_device_type: "ebs",
            root_device_name: image.root_device_name,
            block_device_mapping: [BlockDeviceMappingDescription::root(image)]
                .into_iter()
                .collect(),
            virtualization_type: "hvm",
            hypervisor: "xen",
            ena_support: true,
            tag_set: Tags::NONE.to_items(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestWorld;
    use alloc::vec;

    #[test]
    fn the_image_is_found_by_owner_id_and_filters() {
        let mut region = TestWorld::bootstrapped();
        let image = &Image::all()[0];
        let id = image.image_id.to_string();
        for (parameters, found) in [
            (vec![], true),
            (vec![("Owner.1", "amazon")], true),
            (vec![("Owner.1", "self")], false),
            (vec![("ImageId.1", id.as_str())], true),
            (
                vec![
                    ("Owner.1", "amazon"),
                    ("Filter.1.Name", "name"),
                    ("Filter.1.Value.1", "openeni-*"),
                    ("Filter.2.Name", "architecture"),
                    ("Filter.2.Value.1", image.architecture),
                ],
                true,
            ),
            (
                vec![("Filter.1.Name", "name"), ("Filter.1.Value.1", "al2023-*")],
                false,
            ),
        ] {
            let answer = region.must("DescribeImages", &parameters);
            let ids = TestWorld::texts(&answer, "/imagesSet", "/imageId");
            assert_eq!(ids.contains(&id), found, "{parameters:?}");
        }
    }

    #[test]
    fn an_unknown_image_is_not_found() {
        let mut region = TestWorld::bootstrapped();
        assert_eq!(
            region.refused("DescribeImages", &[("ImageId.1", "ami-00000000000000000")]),
            "InvalidAMIID.NotFound: The image id '[ami-00000000000000000]' does not exist"
        );
    }
}
