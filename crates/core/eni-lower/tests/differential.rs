//! The rules as the user wrote them, against the pipeline over the lowered tables: random regions, random packets.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod oracle;
mod region;

use eni_pipeline::testing::scenario::Dice;
use oracle::{Delivery, NextHop, Packet, Place, Tracked, decide};
use proptest::prelude::*;
use region::Region;

/// A region in both readings, with what was delivered.
struct Both {
    region: Region,
    tracked: Tracked,
    sent: Vec<(Place, NextHop, Packet)>,
    delivered: Vec<(Packet, Delivery)>,
}

impl Both {
    fn new(dice: &mut Dice) -> Self {
        Self {
            region: Region::new(dice),
            tracked: Tracked::default(),
            sent: Vec::new(),
            delivered: Vec::new(),
        }
    }

    /// Sends a packet through both; they must agree on whether, to whom and with which addresses it arrives,
    /// and on which flows are tracked.
    fn send(
        &mut self,
        from: Place,
        next_hop: NextHop,
        packet: Packet,
    ) -> Result<(), TestCaseError> {
        let want = decide(
            self.region.world(),
            self.region.pool(),
            &mut self.tracked,
            from,
            next_hop,
            &packet,
        );
        let got = self.region.send(from, next_hop, &packet);
        prop_assert_eq!(got, want, "{:?} by {:?} from {:?}", packet, next_hop, from);
        prop_assert_eq!(
            self.region.tracked(),
            self.tracked.0.clone(),
            "after {:?}",
            packet
        );
        self.sent.push((from, next_hop, packet));
        self.delivered
            .extend(got.map(|delivery| (packet, delivery)));
        Ok(())
    }

    fn step(&mut self, dice: &mut Dice) -> Result<(), TestCaseError> {
        let earlier = |length: usize, dice: &mut Dice| dice.roll(length as u64) as usize;
        match dice.roll(10) {
            0 => {
                self.region.change(dice);
                Ok(())
            }
            1..=4 if !self.delivered.is_empty() => {
                let (packet, delivery) = self.delivered[earlier(self.delivered.len(), dice)];
                let (from, next_hop, answer) = self.region.answer(&packet, &delivery, dice);
                self.send(from, next_hop, answer)
            }
            5 if !self.delivered.is_empty() => {
                let (packet, delivery) = self.delivered[earlier(self.delivered.len(), dice)];
                let (from, next_hop, error) = self.region.error(&packet, &delivery, dice);
                self.send(from, next_hop, error)
            }
            6 if !self.sent.is_empty() => {
                let (from, next_hop, mut packet) = self.sent[earlier(self.sent.len(), dice)];
                packet.opens &= dice.hits(4);
                self.send(from, next_hop, packet)
            }
            _ => {
                let (from, next_hop, packet) = self.region.any_packet(dice);
                self.send(from, next_hop, packet)
            }
        }
    }
}

proptest! {
    #[test]
    fn the_oracle_and_the_pipeline_agree_on_every_packet(seed: u64, steps in proptest::collection::vec(any::<u64>(), 1..120)) {
        let mut both = Both::new(&mut Dice::new(seed));
        for step in steps {
            both.step(&mut Dice::new(step))?;
        }
    }
}
