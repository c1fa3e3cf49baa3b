//! States and kinds, spelled as on the wire.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text names no state of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the values of this kind")]
pub struct UnknownState;

macro_rules! wire_enums {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub enum $name { $($(#[$variant_doc])* $variant,)* }

            impl $name {
                /// The value as EC2 spells it.
                #[must_use]
                pub const fn as_str(self) -> &'static str {
                    match self { $(Self::$variant => $text,)* }
                }
            }
            impl FromStr for $name {
                type Err = UnknownState;
                fn from_str(text: &str) -> Result<Self, UnknownState> {
                    match text { $($text => Ok(Self::$variant),)* _ => Err(UnknownState) }
                }
            }
            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result { formatter.write_str(self.as_str()) }
            }
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> { serializer.serialize_str(self.as_str()) }
            }
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }
        )*
    };
}

wire_enums! {
    /// State of a VPC.
    VpcState {
        /// Being made.
        Pending = "pending",
        /// Ready.
        Available = "available",
    }
    /// State of a subnet.
    SubnetState {
        /// Being made.
        Pending = "pending",
        /// Ready.
        Available = "available",
    }
    /// Status of a network interface: unattached ones are available, attached ones in use.
    NetworkInterfaceStatus {
        /// Not attached.
        Available = "available",
        /// Being attached.
        Attaching = "attaching",
        /// Attached.
        InUse = "in-use",
        /// Being detached.
        Detaching = "detaching",
    }
    /// Status of an attachment. `Attached` means that packets cross.
    AttachmentStatus {
        /// Asked for, not yet carrying packets.
        Attaching = "attaching",
        /// Carrying packets (on a stopped instance: will, when it starts).
        Attached = "attached",
        /// Asked to go, perhaps still carrying packets.
        Detaching = "detaching",
        /// Gone.
        Detached = "detached",
    }
    /// The kind of a network interface, among those a user can create.
    NetworkInterfaceType {
        /// A plain interface.
        Interface = "interface",
        /// With an Elastic Fabric Adapter.
        Efa = "efa",
        /// Only an Elastic Fabric Adapter, without IP.
        EfaOnly = "efa-only",
        /// A NAT gateway's own.
        NatGateway = "nat_gateway",
        /// An interface endpoint's.
        VpcEndpoint = "vpc_endpoint",
    }
    /// State of an instance.
    InstanceState {
        /// Being started.
        Pending = "pending",
        /// Running.
        Running = "running",
        /// Being terminated.
        ShuttingDown = "shutting-down",
        /// Gone; described for a while.
        Terminated = "terminated",
        /// Being stopped.
        Stopping = "stopping",
        /// Stopped; keeps its interfaces.
        Stopped = "stopped",
    }
}

impl AttachmentStatus {
    /// Whether it is left for another without anybody's asking.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Attaching | Self::Detaching)
    }
}

impl NetworkInterfaceType {
    /// Whether an Elastic Fabric Adapter is part of it.
    #[must_use]
    pub const fn has_efa(self) -> bool {
        matches!(self, Self::Efa | Self::EfaOnly)
    }

    /// Whether services make it for themselves, and no user does.
    #[must_use]
    pub const fn is_of_services(self) -> bool {
        matches!(self, Self::NatGateway | Self::VpcEndpoint)
    }

    /// Whether it carries IP: one that is only an adapter has neither addresses nor a network device in the guest (EC2
    /// User Guide, "Elastic Fabric Adapter").
    #[must_use]
    pub const fn carries_ip(self) -> bool {
        !matches!(self, Self::EfaOnly)
    }
}

impl InstanceState {
    /// Whether it is left for another without anybody's asking.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Pending | Self::Stopping | Self::ShuttingDown)
    }

    /// The number that goes with the state (`InstanceState.Code` in EC2's API reference).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }
}
