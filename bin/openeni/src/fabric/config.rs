//! The configuration of `openeni fabric`: see docs/EFA.md.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use eni_efa_abi::control::DeviceAttributes;
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_efa_abi::{Gid, MalformedGid};
use eni_fabric::{
    AesPairKey, Device, Directory, Faults, PairKey, Poll, SameSubnet, UNDERLAY_PORT,
    UnderlayOptions, namespace_of,
};
use eni_types::MacAddress;
use serde::Deserialize;

use super::secret::{Secret, SecretError};

/// Most bytes of a device's name: what a Linux interface may have.
const MAX_NAME: usize = 15;
/// Most bytes of a subnet's name: EC2's identifiers have 24.
const MAX_SUBNET: usize = 32;
/// What shares of faults are shares of.
const ALL: u32 = 1_000;

/// Why a configuration is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Not to be read.
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Not this kind of file.
    #[error("{path}: {source}")]
    Parse {
        path: PathBuf,
        source: toml::de::Error,
    },
    /// A device without an address.
    #[error("device or remote {0}: give mac or gid")]
    NoAddress(String),
    /// A name or a subnet that is empty or too long.
    #[error("device {0:?}: a name has 1 to {MAX_NAME} bytes, a subnet 1 to {MAX_SUBNET}")]
    Name(String),
    /// Two devices with one address or name.
    #[error("{0} is given twice")]
    Twice(String),
    /// The namespace of a device is not there.
    #[error("device {name}: no network namespace at {path}: {source}")]
    Namespace {
        name: String,
        path: PathBuf,
        source: std::io::Error,
    },
    /// Others cannot be reached without an address of our own.
    #[error("there are remotes but no [underlay]")]
    NoUnderlay,
    /// A file of a key gives none.
    #[error("key_file: {0}")]
    Secret(#[from] SecretError),
    /// More than all.
    #[error("[underlay.faults]: lost and late are shares of 1,000, and together no more")]
    Faults,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    poll: PollText,
    underlay: Option<UnderlayTable>,
    #[serde(default)]
    device: Vec<DeviceTable>,
    #[serde(default)]
    remote: Vec<RemoteTable>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PollText {
    Busy,
    #[default]
    Adaptive,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnderlayTable {
    listen: Host,
    mtu: Option<u16>,
    key_file: Option<PathBuf>,
    faults: Option<FaultsTable>,
}

/// For tests: what the service does to its own datagrams before it sends them.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsTable {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    lost: u16,
    #[serde(default)]
    late: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceTable {
    name: String,
    mac: Option<MacAddress>,
    gid: Option<GidText>,
    subnet: String,
    network_namespace: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteTable {
    mac: Option<MacAddress>,
    gid: Option<GidText>,
    subnet: String,
    host: Host,
    key_file: Option<PathBuf>,
}

/// A GID as it is written.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct GidText(Gid);

impl TryFrom<String> for GidText {
    type Error = MalformedGid;

    fn try_from(text: String) -> Result<Self, MalformedGid> {
        text.parse().map(Self)
    }
}

/// An address of a host, with [`UNDERLAY_PORT`] where no other is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Host(SocketAddr);

impl TryFrom<String> for Host {
    type Error = std::net::AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match IpAddr::from_str(&text) {
            Ok(address) => Ok(Self(SocketAddr::new(address, UNDERLAY_PORT))),
            Err(_) => text.parse().map(Self),
        }
    }
}

/// A configuration that has been checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) devices: Vec<Device>,
    pub(crate) policy: SameSubnet,
    pub(crate) hosts: Hosts,
    pub(crate) underlay: Option<UnderlayOptions>,
}

/// Where the remotes live, and what is shared with them.
#[derive(Debug)]
pub(crate) struct Hosts(HashMap<Gid, Remote>);

#[derive(Debug)]
struct Remote {
    host: SocketAddr,
    secret: Option<Secret>,
}

impl Hosts {
    /// Whether any secret is shared.
    pub(crate) fn share_secrets(&self) -> bool {
        self.0.values().any(|remote| remote.secret.is_some())
    }
}

impl Directory for Hosts {
    fn host_of(&self, gid: Gid) -> Option<SocketAddr> {
        self.0.get(&gid).map(|remote| remote.host)
    }

    fn key_of(&self, local: Gid, remote: Gid) -> Option<Arc<dyn PairKey>> {
        let Secret(secret) = self.0.get(&remote)?.secret.as_ref()?;
        Some(Arc::new(AesPairKey::of_pair(secret, local.0, remote.0)))
    }
}

impl Config {
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file: File = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source,
        })?;
        Self::check(file)
    }

    fn check(file: File) -> Result<Self, ConfigError> {
        let mut subnets = HashMap::new();
        let mut hosts = HashMap::new();
        let mut devices: Vec<Device> = Vec::new();
        let mut names = HashSet::new();
        for table in file.device {
            if !names.insert(table.name.clone()) {
                return Err(ConfigError::Twice(table.name));
            }
            let device = device(table)?;
            let (gid, subnet) = (device.attributes.gid, device.attributes.subnet.clone());
            if subnets.insert(gid, subnet).is_some() {
                return Err(ConfigError::Twice(gid.to_string()));
            }
            devices.push(device);
        }
        let read = |path: &Option<PathBuf>| path.as_deref().map(Secret::read).transpose();
        let underlay_key = file
            .underlay
            .as_ref()
            .and_then(|table| table.key_file.clone());
        let shared = read(&underlay_key)?;
        for table in file.remote {
            let gid = address(table.gid, table.mac)
                .ok_or_else(|| ConfigError::NoAddress(table.host.0.to_string()))?;
            if subnets.insert(gid, table.subnet).is_some() {
                return Err(ConfigError::Twice(gid.to_string()));
            }
            let remote = Remote {
                host: table.host.0,
                secret: read(&table.key_file)?.or_else(|| shared.clone()),
            };
            hosts.insert(gid, remote);
        }
        if !hosts.is_empty() && file.underlay.is_none() {
            return Err(ConfigError::NoUnderlay);
        }
        let poll = match file.poll {
            PollText::Busy => Poll::Busy,
            PollText::Adaptive => Poll::Adaptive,
        };
        let underlay = file.underlay.map(|table| underlay(table, poll));
        Ok(Self {
            devices,
            policy: SameSubnet::new(subnets),
            hosts: Hosts(hosts),
            underlay: underlay.transpose()?,
        })
    }
}

fn underlay(table: UnderlayTable, poll: Poll) -> Result<UnderlayOptions, ConfigError> {
    let mut options = UnderlayOptions::new(table.listen.0);
    options.mtu = table.mtu.unwrap_or(options.mtu);
    options.poll = poll;
    if let Some(FaultsTable { seed, lost, late }) = table.faults {
        if u32::from(lost) + u32::from(late) > ALL {
            return Err(ConfigError::Faults);
        }
        options.faults = Some(Faults { seed, lost, late });
    }
    Ok(options)
}

fn address(gid: Option<GidText>, mac: Option<MacAddress>) -> Option<Gid> {
    gid.map(|GidText(gid)| gid)
        .or_else(|| mac.map(Gid::from_mac))
}

fn device(table: DeviceTable) -> Result<Device, ConfigError> {
    let fits = |text: &str, most| !text.is_empty() && text.len() <= most;
    if !fits(&table.name, MAX_NAME) || !fits(&table.subnet, MAX_SUBNET) {
        return Err(ConfigError::Name(table.name));
    }
    let gid =
        address(table.gid, table.mac).ok_or_else(|| ConfigError::NoAddress(table.name.clone()))?;
    let network_namespace = table.network_namespace.map(|path| {
        namespace_of(&path).map_err(|source| ConfigError::Namespace {
            name: table.name.clone(),
            path,
            source,
        })
    });
    Ok(Device {
        network_namespace: network_namespace.transpose()?,
        attributes: DeviceAttributes {
            name: table.name,
            gid,
            mac: table.mac.map_or([0; 6], |mac| mac.0),
            subnet: table.subnet,
            node_guid: gid.interface_id(),
            max_transfer: MAX_TRANSFER as u32,
            max_endpoints: MAX_ENDPOINTS as u32,
            reaches_other_hosts: false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const GOOD: &str = r#"
        poll = "busy"
        [underlay]
        listen = "192.0.2.1"
        mtu = 9216
        faults = { seed = 5, lost = 10, late = 300 }
        [[device]]
        name = "efa_0"
        mac = "02:00:00:00:00:01"
        subnet = "subnet-1"
        network_namespace = "/proc/self/ns/net"
        [[remote]]
        gid = "fe80::2"
        subnet = "subnet-1"
        host = "192.0.2.2:5000"
    "#;

    fn parse(text: &str) -> Result<Config, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        Config::check(file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_configuration_is_taken() {
        let config = parse(GOOD).unwrap();
        let device = &config.devices[0];
        assert_eq!(device.attributes.gid.to_string(), "fe80::ff:fe00:1");
        assert!(device.network_namespace.is_some());
        let underlay = config.underlay.unwrap();
        assert_eq!(underlay.listen.to_string(), "192.0.2.1:4779");
        assert_eq!((underlay.mtu, underlay.poll), (9_216, Poll::Busy));
        let faults = underlay.faults.unwrap();
        assert_eq!((faults.seed, faults.lost, faults.late), (5, 10, 300));
        let remote = config.hosts.host_of("fe80::2".parse().unwrap());
        assert_eq!(remote.unwrap().to_string(), "192.0.2.2:5000");
    }

    #[test]
    fn a_remote_has_its_own_key_or_the_underlays_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let key_file = |name: &str, byte: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, byte.repeat(32)).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            format!("\nkey_file = {path:?}\n")
        };
        let (shared, own) = (key_file("shared", "a5"), key_file("own", "b6"));
        let with = |of_underlay: &str, of_remote: &str| {
            let text = GOOD.replace("mtu = 9216", &format!("mtu = 9216{of_underlay}"));
            let config = parse(&(text + of_remote)).unwrap();
            let [local, remote] = ["fe80::1", "fe80::2"].map(|gid| gid.parse().unwrap());
            let key = config.hosts.key_of(local, remote);
            assert_eq!(config.hosts.share_secrets(), key.is_some());
            let key = key?;
            let mut sealed = *b"payload";
            key.session(1, 2).seal(0, b"", &mut sealed);
            Some(sealed)
        };
        assert_eq!(with("", ""), None);
        let (a, b) = (with(&shared, "").unwrap(), with("", &own).unwrap());
        assert_ne!(a, b);
        assert_eq!(with(&shared, &own), Some(b));
        let bad = GOOD.replace("mtu = 9216", "key_file = \"/none\"");
        assert!(
            parse(&bad)
                .unwrap_err()
                .contains("key_file: cannot read /none")
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            // in the good one, instead, what is said
            ("poll = \"busy\"", "pull = \"busy\"", "unknown field `pull`"),
            ("mtu = 9216", "tmu = 9216", "unknown field `tmu`"),
            ("lost = 10", "lost = 701", "shares of 1,000"),
            ("lost = 10", "loss = 10", "unknown field `loss`"),
            ("mac = \"02:00:00:00:00:01\"", "", "give mac or gid"),
            (
                "gid = \"fe80::2\"",
                "mac = \"02:00:00:00:00:01\"",
                "given twice",
            ),
            (
                "gid = \"fe80::2\"",
                "gid = \"efa\"",
                "written like an IPv6 address",
            ),
            (
                "/proc/self/ns/net",
                "/proc/self/ns/none",
                "no network namespace",
            ),
            (
                "name = \"efa_0\"",
                "name = \"a_name_that_is_too_long\"",
                "1 to 15 bytes",
            ),
            (
                "[underlay]\n        listen = \"192.0.2.1\"\n        mtu = 9216\n        faults = { seed = 5, lost = 10, late = 300 }",
                "",
                "no [underlay]",
            ),
        ];
        for (there, instead, want) in cases {
            assert!(GOOD.contains(there), "{there}");
            let said = parse(&GOOD.replace(there, instead)).unwrap_err();
            assert!(said.contains(want), "{instead}: {said}");
        }
    }
}
