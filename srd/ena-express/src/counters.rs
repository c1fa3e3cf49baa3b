//! What is counted, and what of it `ethtool -S` shows under EC2's names.

use crate::eligibility::Ordinary;

/// Why a frame that was eligible did not reach the other side's instance, or reached it once only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// Its flow has more waiting than is its share.
    #[error("the flow's share of the queue is full")]
    QueueFull,
    /// The session ended while it waited.
    #[error("the session with the peer ended")]
    SessionEnded,
    /// SRD took it and reported that it failed, or cannot tell.
    #[error("SRD could not deliver it")]
    MessageFailed,
    /// It arrived with a header that breaks the rules, or with fewer or more bytes than any frame of them has.
    #[error("the message carries no frame")]
    Malformed,
    /// It arrived while the same one was held. SRD delivers once, so the peer sent it twice.
    #[error("the frame arrived twice")]
    Duplicate,
}

impl DropReason {
    /// Variants.
    pub const COUNT: usize = Self::Duplicate as usize + 1;
}

/// What a pair has counted, since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that the rules let over SRD, whether size and resources did or not (EC2's definition).
    pub eligible_tx_pkts: u64,
    /// Frames handed to SRD.
    pub tx_pkts: u64,
    /// Frames that came by SRD and were delivered.
    pub rx_pkts: u64,
    /// Frames marked here as having met congestion.
    pub marked: u64,
    /// Frames that came before one that they follow, and were held.
    pub held: u64,
    /// Gaps that were given up because frames had been held for too long.
    pub gaps_by_time: u64,
    /// Gaps that were given up because too much was held.
    pub gaps_by_memory: u64,
    /// Frames that were missing in gaps given up.
    pub missing: u64,
    /// Of those, the ones that came after all. They are delivered out of order.
    pub late: u64,
    ordinary: [u64; Ordinary::COUNT],
    dropped: [u64; DropReason::COUNT],
}

impl Counters {
    /// Frames that went the ordinary way for this reason.
    pub fn ordinary(&self, reason: Ordinary) -> u64 {
        self.ordinary[reason as usize]
    }

    /// Frames dropped for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    pub(crate) fn count_ordinary(&mut self, reason: Ordinary) {
        self.eligible_tx_pkts += u64::from(reason.is_eligible());
        self.ordinary[reason as usize] += 1;
    }

    pub(crate) fn count_drops(&mut self, reason: DropReason, frames: u64) {
        self.dropped[reason as usize] += frames;
    }
}

/// What `ethtool -S` shows of an interface (EC2 User Guide, "Metrics for ENA Express"). The fields are its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnaSrdStatistics {
    /// [`Side::mode`](crate::Side::mode).
    pub ena_srd_mode: u64,
    /// Packets sent over SRD.
    pub ena_srd_tx_pkts: u64,
    /// Packets sent that the rules let over SRD.
    pub ena_srd_eligible_tx_pkts: u64,
    /// Packets received over SRD.
    pub ena_srd_rx_pkts: u64,
    /// How much of the memory for SRD connections is in use, in percent.
    pub ena_srd_resource_utilization: u64,
}

impl EnaSrdStatistics {
    /// The sums over an interface's pairs. `used` of `limit` bytes are taken by the instance's connections.
    pub fn sum<'a>(
        mode: u64,
        pairs: impl IntoIterator<Item = &'a Counters>,
        used_bytes: u64,
        limit_bytes: u64,
    ) -> Self {
        let percent = u128::from(used_bytes) * 100 / u128::from(limit_bytes.max(1));
        let zero = Self {
            ena_srd_mode: mode,
            ena_srd_resource_utilization: u64::try_from(percent.min(100)).unwrap_or(100),
            ..Self::default()
        };
        pairs.into_iter().fold(zero, |sum, pair| Self {
            ena_srd_tx_pkts: sum.ena_srd_tx_pkts + pair.tx_pkts,
            ena_srd_eligible_tx_pkts: sum.ena_srd_eligible_tx_pkts + pair.eligible_tx_pkts,
            ena_srd_rx_pkts: sum.ena_srd_rx_pkts + pair.rx_pkts,
            ..sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_shows_the_sum_of_its_pairs() {
        let mut pair = Counters::default();
        pair.count_ordinary(Ordinary::TooLarge);
        pair.count_ordinary(Ordinary::NotIpv4);
        (pair.tx_pkts, pair.rx_pkts) = (3, 4);
        pair.eligible_tx_pkts += 3;
        let shown = EnaSrdStatistics::sum(3, [&pair, &pair], 1, 8);
        assert_eq!(
            shown,
            EnaSrdStatistics {
                ena_srd_mode: 3,
                ena_srd_tx_pkts: 6,
                ena_srd_eligible_tx_pkts: 8,
                ena_srd_rx_pkts: 8,
                ena_srd_resource_utilization: 12,
            }
        );
        assert_eq!(pair.ordinary(Ordinary::TooLarge), 1);
    }
}
