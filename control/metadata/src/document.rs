//! `dynamic`: the identity document and its signatures.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eni_model::operations::iam::whole_seconds;
use eni_model::operations::image::Image;
use serde_json::Value;

use crate::Signatures;
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

    const IDENTITY: &'a Entries<Self> = &[
        ("document", Text(|asked| Some(document(asked)))),
        ("pkcs7", Text(pkcs7)),
        ("rsa2048", Text(pkcs7)),
        (
            "signature",
            Text(|asked| Some(encoded(&signed(asked)?.signature))),
        ),
    ];
}

/// EC2 User Guide, "Verify the instance identity document". EC2 signs `pkcs7` by DSA; here it is what `rsa2048` is.
fn pkcs7(asked: &Asked<'_>) -> Option<String> {
    Some(encoded(&signed(asked)?.pkcs7))
}

fn signed(asked: &Asked<'_>) -> Option<Arc<Signatures>> {
    let signer = asked.scope.keys.documents.as_ref()?;
    signer.sign(&document(asked))
}

/// So many characters a line has at most (RFC 7468, 2).
const LINE: usize = 64;

/// In base64, as lines; the last has no end.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (index, character) in STANDARD.encode(bytes).chars().enumerate() {
        if index > 0 && index % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text
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
