//! `meta-data`: the instance.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_model::resource::{Instance, NetworkInterface};

use crate::Scope;
use crate::interface::{self, Interface};
use crate::profile;
use crate::tree::Entry::{Folder, Text};
use crate::tree::{Entries, Node, look, look_among};

/// Who asks, and of what it is answered.
pub(crate) struct Asked<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) scope: Scope<'a>,
}

impl Asked<'_> {
    fn primary(&self) -> Option<&Arc<NetworkInterface>> {
        let id = self.instance.instance_id;
        self.scope.world.primary_network_interface(id)
    }

    /// Asks of the primary interface.
    fn of_primary(&self, text: impl FnOnce(&Interface<'_>) -> Option<String>) -> Option<String> {
        let eni = self.primary()?;
        let attachment = eni.attachment.as_ref()?;
        text(&Interface {
            eni,
            attachment,
            scope: self.scope,
        })
    }
}

/// What is at a path of `meta-data`.
pub(crate) fn meta_data(asked: &Asked<'_>, path: &[&str]) -> Option<Node> {
    look(Asked::META_DATA, asked, path)
}

/// What the instance was launched with, as it was given before it was put into base64.
pub(crate) fn user_data(instance: &Instance) -> Option<Vec<u8>> {
    Some(instance.user_data.as_deref()?.to_vec())
}

impl<'a> Asked<'a> {
    /// EC2 User Guide, "Instance metadata categories".
    const META_DATA: &'a Entries<Self> = &[
        (
            "ami-id",
            Text(|asked| Some(asked.instance.image_id.to_string())),
        ),
        (
            "ami-launch-index",
            Text(|asked| Some(asked.instance.ami_launch_index.to_string())),
        ),
        // What EC2 says of images that are snapshots.
        ("ami-manifest-path", Text(|_| Some("(unknown)".to_owned()))),
        ("block-device-mapping", Folder(block_devices)),
        (
            "events",
            Folder(|asked, path| look(Self::EVENTS, asked, path)),
        ),
        ("hostname", Text(local_hostname)),
        ("iam", Folder(profile::iam)),
        ("instance-action", Text(|_| Some("none".to_owned()))),
        (
            "instance-id",
            Text(|asked| Some(asked.instance.instance_id.to_string())),
        ),
        (
            "instance-life-cycle",
            Text(|_| Some("on-demand".to_owned())),
        ),
        (
            "instance-type",
            Text(|asked| Some(asked.instance.instance_type.name.to_owned())),
        ),
        (
            "ipv6",
            Text(|asked| Some(asked.primary()?.ipv6_addresses.first()?.to_string())),
        ),
        ("local-hostname", Text(local_hostname)),
        (
            "local-ipv4",
            Text(|asked| {
                let address = asked.primary()?.primary_private_ip_address()?;
                Some(address.to_string())
            }),
        ),
        (
            "mac",
            Text(|asked| Some(asked.primary()?.mac_address.to_string())),
        ),
        (
            "network",
            Folder(|asked, path| look(Self::NETWORK, asked, path)),
        ),
        (
            "placement",
            Folder(|asked, path| look(Self::PLACEMENT, asked, path)),
        ),
        ("profile", Text(|_| Some("default-hvm".to_owned()))),
        (
            "public-hostname",
            Text(|asked| asked.of_primary(interface::public_hostname)),
        ),
        (
            "public-ipv4",
            Text(|asked| {
                asked.of_primary(|primary| {
                    let private = primary.eni.primary_private_ip_address()?;
                    Some(primary.public_ip(private)?.to_string())
                })
            }),
        ),
        ("public-keys", Folder(public_keys)),
        (
            "reservation-id",
            Text(|asked| Some(asked.instance.reservation_id.to_string())),
        ),
        (
            "security-groups",
            Text(|asked| asked.of_primary(interface::security_groups)),
        ),
        (
            "services",
            Folder(|asked, path| look(Self::SERVICES, asked, path)),
        ),
        ("tags", Folder(|asked, path| look(Self::TAGS, asked, path))),
    ];

    const EVENTS: &'a Entries<Self> = &[(
        "maintenance",
        Folder(|asked, path| look(Self::MAINTENANCE, asked, path)),
    )];

    /// Nothing is ever scheduled.
    const MAINTENANCE: &'a Entries<Self> = &[
        ("history", Text(|_| Some("[]".to_owned()))),
        ("scheduled", Text(|_| Some("[]".to_owned()))),
    ];

    const NETWORK: &'a Entries<Self> = &[(
        "interfaces",
        Folder(|asked, path| look(Self::INTERFACES, asked, path)),
    )];

    const INTERFACES: &'a Entries<Self> = &[(
        "macs",
        Folder(|asked, path| interface::macs(asked.instance.instance_id, asked.scope, path)),
    )];

    const PLACEMENT: &'a Entries<Self> = &[
        (
            "availability-zone",
            Text(|asked| Some(asked.instance.availability_zone.clone())),
        ),
        (
            "availability-zone-id",
            Text(|asked| {
                let zone = &asked.instance.availability_zone;
                Some(asked.scope.region.availability_zone_id(zone))
            }),
        ),
        (
            "region",
            Text(|asked| Some(asked.scope.region.region.clone())),
        ),
    ];

    const SERVICES: &'a Entries<Self> = &[
        ("domain", Text(|_| Some("amazonaws.com".to_owned()))),
        ("partition", Text(|_| Some("aws".to_owned()))),
    ];

    const TAGS: &'a Entries<Self> = &[("instance", Folder(tags))];
}

fn local_hostname(asked: &Asked<'_>) -> Option<String> {
    asked.of_primary(interface::local_hostname)
}

/// The key pair by its number and name, and below the number its public key with its name behind it, in OpenSSH's form (EC2
/// User Guide, "Instance metadata categories").
fn public_keys(asked: &Asked<'_>, path: &[&str]) -> Option<Node> {
    let name = asked.instance.key_name.as_ref()?;
    let key = asked.instance.public_key.as_ref()?;
    match path {
        [] => Some(Node::Text(alloc::format!("0={name}"))),
        ["0"] => Some(Node::Folder(Vec::from(["openssh-key".to_owned()]))),
        ["0", "openssh-key"] => {
            let mut words = key.split_ascii_whitespace();
            let (kind, encoded) = (words.next()?, words.next()?);
            Some(Node::Text(alloc::format!("{kind} {encoded} {name}")))
        }
        _ => None,
    }
}

/// The root twice, under the names that EC2 gives it, and the others by number.
fn block_devices(asked: &Asked<'_>, path: &[&str]) -> Option<Node> {
    let devices = &asked.instance.block_devices;
    let short = |name: &str| name.trim_start_matches("/dev/").to_owned();
    let root = devices.first()?;
    let mut named = Vec::from([("ami".to_owned(), short(&root.device_name))]);
    for (number, device) in devices.iter().enumerate().skip(1) {
        named.push((alloc::format!("ebs{number}"), short(&device.device_name)));
    }
    named.push(("root".to_owned(), root.device_name.clone()));
    let named = named
        .iter()
        .map(|(name, text)| (name.as_str(), text.clone()));
    look_among(named, path)
}

/// EC2 User Guide, "View tags for your EC2 instances using instance metadata".
fn tags(asked: &Asked<'_>, path: &[&str]) -> Option<Node> {
    if asked.instance.metadata_options.instance_metadata_tags != "enabled" {
        return None;
    }
    let tags = asked.instance.tags.iter();
    look_among(tags.map(|(key, value)| (key, value.to_owned())), path)
}
