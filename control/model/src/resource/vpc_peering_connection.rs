//! VPC peering connections.

use alloc::string::String;

use eni_types::{Timestamp, VpcId, VpcPeeringConnectionId, quota};
use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A connection of two VPCs, or a request for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcPeeringConnection {
    /// Its id.
    pub vpc_peering_connection_id: VpcPeeringConnectionId,
    /// The VPC that asked.
    pub requester_vpc_id: VpcId,
    /// The VPC that was asked.
    pub accepter_vpc_id: VpcId,
    /// The account of the VPC that was asked.
    pub accepter_owner_id: String,
    /// The region of the VPC that was asked.
    pub accepter_region: String,
    /// How it stands.
    pub status: VpcPeeringConnectionStatus,
    /// Since when.
    pub since: Timestamp,
    /// Of the VPC that asked.
    #[serde(default)]
    pub requester_options: PeeringOptions,
    /// Of the VPC that was asked.
    #[serde(default)]
    pub accepter_options: PeeringOptions,
    /// Its tags.
    pub tags: Tags,
}

/// What one of two VPCs allows the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeeringOptions {
    /// Whether public names of its addresses lead the other to the private ones.
    pub allow_dns_resolution_from_remote_vpc: bool,
}

/// How a VPC peering connection stands. What EC2 shows for moments between them is in answers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VpcPeeringConnectionStatus {
    /// The other VPC's owner has not said yet.
    PendingAcceptance,
    /// Packets may pass.
    Active,
    /// The request could not be made.
    Failed,
    /// The other VPC's owner has said no.
    Rejected,
    /// Nobody has said anything in time.
    Expired,
    /// Either owner has ended it.
    Deleted,
}

impl VpcPeeringConnectionStatus {
    /// The status as EC2 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingAcceptance => "pending-acceptance",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
        }
    }

    /// Whether the two VPCs have to do with each other, or may still.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::PendingAcceptance | Self::Active)
    }

    /// How long it is seen, in seconds; `None` if for ever.
    const fn seen_for_seconds(self) -> Option<i64> {
        match self {
            Self::PendingAcceptance | Self::Active => None,
            Self::Failed | Self::Deleted => Some(quota::ENDED_VPC_PEERING_SECONDS),
            Self::Rejected | Self::Expired => Some(quota::REFUSED_VPC_PEERING_SECONDS),
        }
    }
}

/// What time makes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ageing {
    /// Nothing.
    None,
    /// A request that nobody has answered.
    Expires,
    /// It is seen no more.
    Vanishes,
}

impl VpcPeeringConnection {
    /// When a request expires.
    #[must_use]
    pub fn expiration_time(&self) -> Option<Timestamp> {
        let waits = self.status == VpcPeeringConnectionStatus::PendingAcceptance;
        waits.then_some(Timestamp(
            self.since.0 + quota::VPC_PEERING_REQUEST_SECONDS * 1000,
        ))
    }

    /// What it has become by now.
    pub(crate) fn ageing(&self, now: Timestamp) -> Ageing {
        if self.expiration_time().is_some_and(|time| time <= now) {
            return Ageing::Expires;
        }
        match self.status.seen_for_seconds() {
            Some(seconds) if now.0 - self.since.0 > seconds * 1000 => Ageing::Vanishes,
            _ => Ageing::None,
        }
    }

    /// The same, that has come to another status.
    pub(crate) fn become_at(&self, status: VpcPeeringConnectionStatus, now: Timestamp) -> Self {
        Self {
            status,
            since: now,
            ..self.clone()
        }
    }

    /// Whether packets may pass.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == VpcPeeringConnectionStatus::Active
    }

    /// What one of its VPCs allows the other.
    #[must_use]
    pub fn options_of(&self, vpc_id: VpcId) -> PeeringOptions {
        match vpc_id == self.requester_vpc_id {
            true => self.requester_options,
            false => self.accepter_options,
        }
    }

    /// The VPC at the other end of an active connection.
    #[must_use]
    pub fn peer_of(&self, vpc_id: VpcId) -> Option<VpcId> {
        if !self.is_active() {
            return None;
        }
        match (self.requester_vpc_id, self.accepter_vpc_id) {
            (own, peer) | (peer, own) if own == vpc_id => Some(peer),
            _ => None,
        }
    }
}

impl Row for VpcPeeringConnection {
    type Id = VpcPeeringConnectionId;
    fn id(&self) -> VpcPeeringConnectionId {
        self.vpc_peering_connection_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    VpcPeeringConnection, VpcPeeringConnectionIndexes:
    vpc: VpcId = |connection| {
        let is_live = connection.status.is_live();
        [connection.requester_vpc_id, connection.accepter_vpc_id].into_iter().filter(move |_| is_live)
    };
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const HOUR: i64 = 3600 * 1000;

    #[test]
    fn a_request_expires_after_a_week_and_what_has_ended_vanishes() {
        use VpcPeeringConnectionStatus as Status;
        let connection = |status| VpcPeeringConnection {
            vpc_peering_connection_id: "pcx-0123456789abcdef0".parse().unwrap(),
            requester_vpc_id: "vpc-0123456789abcdef0".parse().unwrap(),
            accepter_vpc_id: "vpc-0123456789abcdef1".parse().unwrap(),
            accepter_owner_id: "123456789012".to_string(),
            accepter_region: "us-east-1".to_string(),
            status,
            since: Timestamp(1000),
            requester_options: PeeringOptions::default(),
            accepter_options: PeeringOptions::default(),
            tags: Tags::default(),
        };
        for (status, hours, want) in [
            (Status::PendingAcceptance, 7 * 24 - 1, Ageing::None),
            (Status::PendingAcceptance, 7 * 24, Ageing::Expires),
            (Status::Active, 100_000, Ageing::None),
            (Status::Failed, 2, Ageing::None),
            (Status::Failed, 3, Ageing::Vanishes),
            (Status::Deleted, 3, Ageing::Vanishes),
            (Status::Rejected, 48, Ageing::None),
            (Status::Rejected, 49, Ageing::Vanishes),
            (Status::Expired, 49, Ageing::Vanishes),
        ] {
            let now = Timestamp(1000 + hours * HOUR);
            assert_eq!(connection(status).ageing(now), want, "{status:?} {hours}");
        }
    }
}
