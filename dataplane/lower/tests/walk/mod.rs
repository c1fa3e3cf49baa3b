//! A walk through a region: its owner changes something, or somebody sends a packet, and the oracle and the pipeline are
//! asked what becomes of it.

mod coverage;

use std::collections::VecDeque;

use eni_pipeline::testing::scenario::Dice;

use crate::oracle::{
    Delivery, Ending, NextHop, Packet, Piece, Place, Remembered, SeenByGateways, Tag, decide,
};
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
    let mut reopened = [0; 2];
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
        for (sum, more) in reopened.iter_mut().zip(walk.remembered.tracked.reopened) {
            *sum += more;
        }
    }
    coverage.check();
    assert!(reopened.iter().all(|count| *count > 50), "{reopened:?}");
}

/// Regions with a NAT gateway.
const BEHIND_GATEWAYS: u64 = 60;
const STEPS_BEHIND_GATEWAYS: usize = 400;

/// [`walk_all`] through regions with a NAT gateway, each of which `prepare` sees first.
pub(crate) fn walk_gateways(
    mut prepare: impl FnMut(&mut Region),
    mut look: impl FnMut(&Walk, Step),
) {
    let mut carried = [0; 2];
    let mut seen = Vec::new();
    for seed in 0..BEHIND_GATEWAYS {
        println!("region {seed}");
        let mut dice = Dice::new(seed);
        let mut region = Region::with_nat_gateway(&mut dice, (REGIONS + seed) * EPOCHS);
        prepare(&mut region);
        let mut walk = Walk::through(region);
        for step in 0..STEPS_BEHIND_GATEWAYS {
            walk.step(&mut dice);
            let is_last = step == STEPS_BEHIND_GATEWAYS - 1;
            look(&walk, if is_last { Step::Last } else { Step::Middle });
        }
        let sum = |way: usize| carried[way] + walk.carried[way];
        carried = [sum(0), sum(1)];
        seen.push(walk.remembered.seen);
    }
    assert!(carried.iter().all(|count| *count > 200), "{carried:?}");
    let sum = |count: fn(&SeenByGateways) -> u64| seen.iter().map(count).sum::<u64>();
    let counts = [
        sum(|seen| seen.by_another_way),
        sum(|seen| seen.without_return),
        sum(|seen| seen.peers[0]),
        sum(|seen| seen.peers[1]),
        sum(|seen| seen.endpoints[0]),
        sum(|seen| seen.endpoints[1]),
    ];
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

/// A region in both readings, with what was sent and delivered.
pub(crate) struct Walk {
    pub(crate) region: Region,
    remembered: Remembered,
    sent: Vec<(Place, NextHop, Packet)>,
    delivered: Vec<(Packet, Delivery)>,
    /// What has begun a connection.
    openers: Vec<(Place, NextHop, Packet, Delivery)>,
    /// What the next steps are.
    acts: VecDeque<Act>,
    /// What NAT gateways have carried.
    by_gateways: Vec<(Packet, Delivery)>,
    /// How many packets NAT gateways have carried outward, and inward.
    pub(crate) carried: [u64; 2],
    /// What the last step sent.
    pub(crate) frames: Vec<SentFrame>,
    pub(crate) coverage: Coverage,
}

/// A step that was planned.
enum Act {
    Send(Place, NextHop, Packet),
    /// All rules by which somebody is let in go, ...
    Revoke,
    /// ... and come back.
    Restore,
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
            openers: Vec::new(),
            acts: VecDeque::new(),
            by_gateways: Vec::new(),
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
        if let Some(act) = self.acts.pop_front() {
            self.play(act);
            return;
        }
        if !self.openers.is_empty() && dice.hits(100) {
            self.plan_another_connection(dice);
        }
        if self.region.has_nat_gateway() && dice.hits(2) {
            self.step_at_gateway(dice);
            return;
        }
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

    /// Both ends of a connection end it, its rules go, and its first packet comes again, also when they are back. By chance that is
    /// seldom; each step is one of the walk, as nothing else is changed and sent in one.
    fn plan_another_connection(&mut self, dice: &mut Dice) {
        let (from, next_hop, opener, delivery) =
            self.openers[dice.roll(self.openers.len() as u64) as usize];
        let (to, back, mut answer) = self.region.answer(&opener, &delivery, dice);
        answer.ending = Ending::Fin;
        let fin = Packet {
            opens: false,
            ending: Ending::Fin,
            ..opener
        };
        self.acts.extend([
            Act::Send(from, next_hop, opener),
            Act::Send(to, back, answer),
            Act::Send(from, next_hop, fin),
            Act::Revoke,
            Act::Send(from, next_hop, opener),
            Act::Restore,
            Act::Send(from, next_hop, opener),
        ]);
    }

    fn play(&mut self, act: Act) {
        match act {
            Act::Send(from, next_hop, packet) => self.send(from, next_hop, packet),
            Act::Revoke => self.region.revoke_rules(),
            Act::Restore => self.region.restore_rules(),
        }
    }

    /// Sends a packet by a NAT gateway, or what is, or seems to be, about one that has gone through it.
    fn step_at_gateway(&mut self, dice: &mut Dice) {
        let (packet, delivery) = match self.by_gateways.len() as u64 {
            count if count > 0 && !dice.hits(3) => self.by_gateways[dice.roll(count) as usize],
            _ => {
                let (from, next_hop, packet) = self.region.any_packet_by_gateway(dice);
                self.send(from, next_hop, packet);
                return;
            }
        };
        let (mut from, mut next_hop, mut sent) = match dice.hits(4) {
            true => self.region.error(&packet, &delivery, dice),
            false => self.region.answer(&packet, &delivery, dice),
        };
        if dice.hits(4) {
            (from, next_hop, sent) = self.region.forged(&sent, dice);
        }
        self.send(from, next_hop, sent);
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
        if packet.opens
            && let Some(delivery) = whole
        {
            self.openers.push((from, next_hop, packet, delivery));
        }
        let whole = whole.map(|delivery| (packet, delivery));
        self.delivered.extend(whole);
        let is_carried = |(packet, delivery): &(Packet, Delivery)| delivery.ends != packet.ends();
        self.by_gateways.extend(whole.filter(is_carried));
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
