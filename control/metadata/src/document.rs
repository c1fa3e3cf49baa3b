//! `dynamic`: the identity document.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_model::operations::iam::whole_seconds;
use eni_model::operations::image::Image;
use serde_json::Value;

use crate::instance::Asked;
use crate::tree::Entry::{Folder, Text};
use crate::tree::{Entries, Node, look};

/// What is at a path of `dynamic`.
pub(crate) fn dynamic(asked: &Asked<'_>, path: &[&str]) -> Option<Node> {
    look(Asked::DYNAMIC, asked, path)
}

impl<'a> Asked<'a> {
    /// EC2 User Guide, "Dynamic data categories".
    const DYNAMIC: &'a Entries<Self> = &[(
        "instance-identity",
        Folder(|asked, path| look(Self::IDENTITY, asked, path)),
    )];

    const IDENTITY: &'a Entries<Self> = &[("document", Text(|asked| Some(document(asked))))];
}

/// The document's version, as EC2 has it.
const VERSION: &str = "2017-09-30";

/// EC2 User Guide, "Instance identity documents".
fn document(asked: &Asked<'_>) -> String {
    let Asked { instance, scope } = asked;
    let primary = scope.world.primary_network_interface(instance.instance_id);
    let private_ip = primary.and_then(|eni| eni.primary_private_ip_address());
    let image = Image::all().into_iter();
    let mut image = image.filter(|image| image.image_id == instance.image_id);
    let architecture = image.next().map(|image| Value::from(image.architecture));
    let text = |text: &str| Value::from(text);
    let members = [
        ("accountId", text(&scope.region.account_id)),
        ("architecture", architecture.unwrap_or_default()),
        ("availabilityZone", text(&instance.availability_zone)),
        ("billingProducts", Value::Null),
        ("devpayProductCodes", Value::Null),
        ("marketplaceProductCodes", Value::Null),
        ("imageId", text(&instance.image_id.to_string())),
        ("instanceId", text(&instance.instance_id.to_string())),
        ("instanceType", text(instance.instance_type.name)),
        ("kernelId", Value::Null),
        ("pendingTime", text(&whole_seconds(instance.launch_time))),
        (
            "privateIp",
            private_ip.map_or(Value::Null, |ip| ip.to_string().into()),
        ),
        ("ramdiskId", Value::Null),
        ("region", text(&scope.region.region)),
        ("version", text(VERSION)),
    ];
    object(&members)
}

/// An object as EC2's metadata writes it.
pub(crate) fn object(members: &[(&str, Value)]) -> String {
    let lines = members.iter();
    let lines = lines.map(|(name, value)| format!("  \"{name}\" : {value}"));
    format!("{{\n{}\n}}", lines.collect::<Vec<_>>().join(",\n"))
}
