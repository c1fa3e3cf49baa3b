//! A walk through a region: its owner changes something, or somebody sends a packet, and the oracle and the pipeline are
//! asked what becomes of it.

mod coverage;

use eni_pipeline::testing::scenario::Dice;

use crate::oracle::{Delivery, Ending, NextHop, Packet, Piece, Place, Remembered, Tag, decide};
use crate::region::{EPOCHS, Region};
pub(crate) use coverage::Coverage;

/// Regions, and what happens in each.
const REGIONS: u64 = 520;
const STEPS: usize = 250;
const LAST_STEP: usize = STEPS - 1;

/// What of its region a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    First,
    Middle,
    Last,
}

/// Walks through the same regions each time, so that what must come up does; `look` sees what each step has done.
pub(crate) fn walk_all(mut look: impl FnMut(&Walk, Step)) {
    let mut coverage = Coverage::default();
    for seed in 0..REGIONS {
        println!("region {seed}");
        let mut dice = Dice::new(seed);
        let mut walk = Walk::new(&mut dice, seed * EPOCHS);
        for step in 0..STEPS {
            walk.step(&mut dice);
            look(
                &walk,
                match step {
                    0 => Step::First,
                    LAST_STEP => Step::Last,
                    _ => Step::Middle,
                },
            );
        }
        coverage.add(&walk.coverage);
    }
    coverage.check();
}

/// A region in both readings, with what was sent and delivered.
pub(crate) struct Walk {
    pub(crate) region: Region,
    remembered: Remembered,
    sent: Vec<(Place, NextHop, Packet)>,
    delivered: Vec<(Packet, Delivery)>,
    /// How many packets NAT gateways have carried outward, and inward.
    pub(crate) carried: [u64; 2],
    /// What the last step sent.
    pub(crate) frames: Vec<SentFrame>,
    pub(crate) coverage: Coverage,
}

/// A frame that was sent, and as what it was delivered.
pub(crate) struct SentFrame {
    pub(crate) vport: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) delivered: Option<Vec<u8>>,
}

impl Walk {
    pub(crate) fn new(dice: &mut Dice, epoch: u64) -> Self {
        Self::through(Region::new(dice, epoch))
    }

    pub(crate) fn through(region: Region) -> Self {
        Self {
            region,
            carried: [0; 2],
            remembered: Remembered::default(),
            sent: Vec::new(),
            delivered: Vec::new(),
            frames: Vec::new(),
            coverage: Coverage::default(),
        }
    }

    /// Changes the region or sends packets.
    pub(crate) fn step(&mut self, dice: &mut Dice) {
        self.frames.clear();
        match dice.roll(12) {
            0 => self.region.change(dice),
            1..=5 if !self.delivered.is_empty() => {
                let (packet, delivery) = self.earlier(dice);
                let (from, next_hop, answer) = self.region.answer(&packet, &delivery, dice);
                self.send(from, next_hop, answer);
            }
            6 if !self.delivered.is_empty() => {
                let (packet, delivery) = self.earlier(dice);
                let (from, next_hop, error) = self.region.error(&packet, &delivery, dice);
                if dice.hits(4) {
                    self.send_in_pieces(from, next_hop, &error, dice);
                } else {
                    self.send(from, next_hop, error);
                }
            }
            7 if !self.sent.is_empty() => {
                let (from, next_hop, mut packet) =
                    self.sent[dice.roll(self.sent.len() as u64) as usize];
                packet.opens &= dice.hits(4);
                self.send(from, next_hop, packet);
            }
            8 => {
                let (from, next_hop, packet) = self.region.any_packet(dice);
                self.send_in_pieces(from, next_hop, &packet, dice);
            }
            _ => {
                let (from, next_hop, packet) = self.region.any_packet(dice);
                self.send(from, next_hop, packet);
            }
        }
    }

    fn earlier(&self, dice: &mut Dice) -> (Packet, Delivery) {
        self.delivered[dice.roll(self.delivered.len() as u64) as usize]
    }

    fn send_in_pieces(&mut self, from: Place, next_hop: NextHop, packet: &Packet, dice: &mut Dice) {
        let pieces = self.region.fragments(packet, dice);
        self.coverage.order(&pieces);
        for piece in pieces {
            self.send(from, next_hop, piece);
        }
    }

    /// Sends a packet through both; they must agree on whether, to whom and with which addresses it arrives, and on which
    /// flows are tracked.
    fn send(&mut self, from: Place, next_hop: NextHop, packet: Packet) {
        let region = &mut self.region;
        let pool = region.pool();
        let frame = region.frame(from, next_hop, &packet);
        let got = frame
            .as_ref()
            .and_then(|(vport, bytes)| region.send(&packet, *vport, bytes));
        let (delivery, delivered) = got.unzip();
        let (world, remembered) = (region.world(), &mut self.remembered);
        let chosen = region.chosen();
        let want = decide(world, pool, remembered, from, next_hop, &packet, &chosen);
        assert_eq!(delivery, want, "{packet:?} by {next_hop:?} from {from:?}");
        self.carried = count_carried(self.carried, &packet, delivery.as_ref());
        let tracked = region.tracked();
        assert_eq!(tracked, self.remembered.tracked.flows(), "after {packet:?}");
        // Who goes on after an end is heard of with its next packet.
        if packet.ending != Ending::Nothing {
            region.forget_verdicts();
        }
        self.coverage.count(from, &packet, delivery.is_some());
        self.sent.push((from, next_hop, packet));
        // Answers and errors are about whole packets.
        let whole = delivery.filter(|_| packet.piece == Piece::Whole);
        self.delivered
            .extend(whole.map(|delivery| (packet, delivery)));
        if let Some((vport, bytes)) = frame.filter(|_| packet.tag != Tag::Beside) {
            self.frames.push(SentFrame {
                vport,
                bytes,
                delivered,
            });
        }
    }
}

/// Counts a packet that has got another port, or identifier, on its way.
fn count_carried(mut carried: [u64; 2], packet: &Packet, delivery: Option<&Delivery>) -> [u64; 2] {
    if let Some(delivery) = delivery.filter(|delivery| delivery.ends != packet.ends()) {
        carried[0] += u64::from(delivery.source != packet.source);
        carried[1] += u64::from(delivery.destination != packet.destination);
    }
    carried
}
