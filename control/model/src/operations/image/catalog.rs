//! The images that exist.

use crate::api::image::ImageDescription;

use eni_types::ImageId;

use crate::describe::{Described, Scope};
use crate::resource::ROOT_DEVICE_NAME;

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

impl Described for Image {
    type Answer = ImageDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("imageIdsSet", "maxResults");

    fn describe(&self, _: Scope<'_>) -> ImageDescription {
        self.into()
    }
}
