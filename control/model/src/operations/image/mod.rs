//! Machine images: the one that comes with the namespace driver.

mod catalog;
mod describe;

pub use catalog::Image;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::ImageId;

use crate::{Ec2Error, ErrorCode};

/// The image with this id, or EC2's error where there is none.
pub(crate) fn known(id: ImageId) -> Result<Image, Ec2Error> {
    let found = Image::all().into_iter().find(|image| image.image_id == id);
    found.ok_or_else(|| missing(&[id]))
}

/// Refuses ids that no image has, all of them in one text.
pub(crate) fn check_known(ids: &[ImageId]) -> Result<(), Ec2Error> {
    let unknown: Vec<ImageId> = ids
        .iter()
        .filter(|id| known(**id).is_err())
        .copied()
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(missing(&unknown))
    }
}

fn missing(ids: &[ImageId]) -> Ec2Error {
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let message = match names.as_slice() {
        [name] => format!("The image id '[{name}]' does not exist"),
        several => format!("The image ids '[{}]' do not exist", several.join(", ")),
    };
    ErrorCode::InvalidAmiIdNotFound.with(message)
}
