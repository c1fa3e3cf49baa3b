//! The images that exist.

use alloc::borrow::Cow;

use eni_types::ImageId;

use crate::describe::{Described, Scope};
use crate::resource::{ROOT_DEVICE_NAME, ROOT_SIZE_GIB};
use crate::tags::Tags;
use crate::{IndexKey, Row};

/// The architecture that instances run on: the machine's own, as they share its kernel.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "x86_64"
};
/// Fixed, so that a template keeps working from region to region.
const IMAGE_ID: &str = if cfg!(target_arch = "aarch64") {
    "ami-0e21000000000aa64"
} else {
    "ami-0e210000000008664"
};
const NAME: &str = if cfg!(target_arch = "aarch64") {
    "openeni-namespace-arm64"
} else {
    "openeni-namespace-x86_64"
};
/// The account behind the alias `amazon`: the one that owns Amazon Linux.
const OWNER_ID: &str = "137112412989";

/// A machine image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub image_id: ImageId,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// The account that owns it.
    pub owner_id: &'static str,
    /// The alias of that account.
    pub owner_alias: &'static str,
    /// When it was made: the day of the first release.
    pub creation_date: &'static str,
    /// The device that the root file system would be on.
    pub root_device_name: &'static str,
}

impl Image {
    /// All images, by id. Only what the machine can run.
    #[must_use]
    pub fn all() -> [Self; 1] {
        [Self {
            image_id: IMAGE_ID.parse().expect("the literal is a well-formed id"),
            architecture: ARCHITECTURE,
            name: NAME,
            description: "OpenENI network namespace over the host's file system",
            owner_id: OWNER_ID,
            owner_alias: "amazon",
            creation_date: "2026-11-20T00:00:00.000Z",
            root_device_name: ROOT_DEVICE_NAME,
        }]
    }

    /// Where EC2 says it lies: `amazon/NAME`.
    #[must_use]
    pub fn location(&self) -> alloc::string::String {
        alloc::format!("{}/{}", self.owner_alias, self.name)
    }
}

impl Row for Image {
    type Id = ImageId;
    fn id(&self) -> ImageId {
        self.image_id
    }
    fn tags(&self) -> &Tags {
        Tags::NONE
    }
    fn index_keys(&self, _add: &mut dyn FnMut(IndexKey)) {}
}

impl Described for Image {
    const FILTERS: &'static [&'static str] = &[
        "architecture",
        "block-device-mapping.delete-on-termination",
        "block-device-mapping.device-name",
        "block-device-mapping.encrypted",
        "block-device-mapping.snapshot-id",
        "block-device-mapping.volume-size",
        "block-device-mapping.volume-type",
        "boot-mode",
        "creation-date",
        "description",
        "ena-support",
        "free-tier-eligible",
        "hypervisor",
        "image-allowed",
        "image-id",
        "image-type",
        "image-watermark.source-image-creation-time",
        "image-watermark.source-image-id",
        "image-watermark.source-image-region",
        "image-watermark.watermark-creation-time",
        "image-watermark.watermark-key",
        "instance-type-specification.supported-instance-type",
        "instance-type-specification.unsupported-instance-type",
        "is-public",
        "kernel-id",
        "manifest-location",
        "name",
        "owner-alias",
        "owner-id",
        "platform",
        "product-code",
        "product-code.type",
        "public-ssm-parameter-name",
        "ramdisk-id",
        "root-device-name",
        "root-device-type",
        "scan-result.critical-fix-available-since",
        "scan-result.finding-scan-date",
        "scan-result.high-fix-available-since",
        "scan-result.highest-finding-severity-label",
        "scan-result.informational-fix-available-since",
        "scan-result.low-fix-available-since",
        "scan-result.medium-fix-available-since",
        "source-image-id",
        "source-image-region",
        "source-instance-id",
        "sriov-net-support",
        "state",
        "state-reason-code",
        "state-reason-message",
        "virtualization-type",
    ];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("imageIdsSet", "maxResults");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        _scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        match name {
            "architecture" => give(self.architecture.into()),
            "block-device-mapping.delete-on-termination" => give("true".into()),
            "block-device-mapping.encrypted" => give("false".into()),
            "block-device-mapping.volume-size" => give(alloc::format!("{ROOT_SIZE_GIB}").into()),
            "block-device-mapping.volume-type" => give("gp3".into()),
            "creation-date" => give(self.creation_date.into()),
            "description" => give(self.description.into()),
            "ena-support" | "is-public" => give("true".into()),
            "hypervisor" => give("xen".into()),
            "image-id" => give(alloc::format!("{}", self.image_id).into()),
            "image-type" => give("machine".into()),
            "manifest-location" => give(self.location().into()),
            "name" => give(self.name.into()),
            "owner-alias" => give(self.owner_alias.into()),
            "owner-id" => give(self.owner_id.into()),
            "block-device-mapping.device-name" | "root-device-name" => {
                give(self.root_device_name.into())
            }
            "root-device-type" => give("ebs".into()),
            "state" => give("available".into()),
            "virtualization-type" => give("hvm".into()),
            // The image has no snapshot, no source and no scan, and says nothing of boot modes.
            _ => {}
        }
    }
}
