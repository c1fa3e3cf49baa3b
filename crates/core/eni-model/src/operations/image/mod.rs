//! Machine images: the one that comes with the namespace driver.

mod catalog;
mod describe;

pub use catalog::Image;
pub use describe::{DescribeImages, DescribeImagesResponse};

use alloc::format;

use eni_types::ImageId;

use crate::{Ec2Error, ErrorCode};

/// The image with this id, or EC2's error where there is none.
pub(crate) fn known(id: ImageId) -> Result<Image, Ec2Error> {
    Image::all()
        .into_iter()
        .find(|image| image.image_id == id)
        .ok_or_else(|| {
            let message = format!("The image id '[{id}]' does not exist");
            Ec2Error::new(ErrorCode::InvalidAmiIdNotFound, message)
        })
}
