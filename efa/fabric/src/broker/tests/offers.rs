//! How many offers a program is told of, and which wait.

use proptest::prelude::*;

use super::*;
use crate::broker::waiting::{MAX_UNSETTLED_OF_DEVICE, MAX_WAITING};

/// What came of offers.
#[derive(Debug, Default)]
struct Told {
    /// Endpoint, conversation and peer of the offers that a program was told of.
    offers: Vec<(u32, u64, Peer)>,
    /// Attempts that failed.
    failed: Vec<(u32, Cause)>,
}

impl Told {
    fn take(&mut self, outputs: Vec<Output<&'static str>>) {
        for output in outputs {
            match output {
                Output::Send {
                    event:
                        Event::Region {
                            endpoint,
                            conversation,
                            peer,
                            attempt: None,
                        },
                    region: Some(_),
                    ..
                } => self.offers.push((endpoint, conversation, peer)),
                Output::Send {
                    event: Event::Failed { attempt, cause, .. },
                    ..
                } => self.failed.push((attempt, cause)),
                _ => {}
            }
        }
    }
}

impl Bench {
    /// Devices that all converse, and a program of each: 0 and 10, 1 and 11.
    fn of_devices(count: u8) -> Self {
        let mut bench = Self::new();
        bench
            .broker
            .set_devices((0..count).map(|number| device(number, None)).collect());
        bench.policy = SameSubnet::new((0..count).map(|number| (gid(number), "a".to_owned())));
        for number in 0..count {
            bench
                .broker
                .connected(ProgramId(10 + u64::from(number)), HOME);
        }
        bench.broker.take_outputs();
        bench
    }

    fn offer(&mut self, program: u64, endpoint: u32, peer: Peer, told: &mut Told) {
        let (attempt, offer) = (endpoint, Some("an offer"));
        let request = Request::Offer {
            endpoint,
            attempt,
            peer,
        };
        let outputs = self.ask(program, request, offer);
        told.take(outputs);
    }

    fn answer(&mut self, program: u64, endpoint: u32, conversation: u64, told: &mut Told) {
        let answer = Request::Answer {
            endpoint,
            conversation,
        };
        let outputs = self.ask(program, answer, Some("an answer"));
        told.take(outputs);
    }
}

#[test]
fn a_program_is_told_of_few_offers_until_it_answers_and_of_all_in_the_end() {
    let mut bench = Bench::of_devices(2);
    let targets = [(); 3].map(|()| bench.endpoint(11, 1).1);
    let mut told = Told::default();
    for _ in 0..MAX_ENDPOINTS {
        let (endpoint, _) = bench.endpoint(10, 0);
        for peer in targets {
            bench.offer(10, endpoint, peer, &mut told);
        }
    }
    assert_eq!(told.offers.len(), MAX_UNSETTLED_OF_DEVICE);
    let too_many = 3 * MAX_ENDPOINTS - MAX_UNSETTLED_OF_DEVICE - MAX_WAITING;
    assert_eq!(told.failed.len(), too_many);
    let refused = |(_, cause): &(u32, Cause)| *cause == Cause::Refused;
    assert!(told.failed.iter().all(refused));
    // Another device's find room beside them.
    let mut other = Told::default();
    let (endpoint, _) = bench.endpoint(11, 1);
    bench.offer(11, endpoint, targets[0], &mut other);
    assert_eq!(other.offers.len(), 1);
    // Each answer makes room for one, in the order of the offers.
    for answered in 0..MAX_UNSETTLED_OF_DEVICE + MAX_WAITING {
        let (endpoint, conversation, _) = told.offers[answered];
        bench.answer(11, endpoint, conversation, &mut told);
        let most = answered + 1 + MAX_UNSETTLED_OF_DEVICE;
        let all = MAX_UNSETTLED_OF_DEVICE + MAX_WAITING;
        assert_eq!(told.offers.len(), most.min(all));
    }
    assert!(
        told.offers
            .is_sorted_by_key(|(_, conversation, _)| conversation)
    );
    assert_eq!(told.failed.len(), too_many);
}

#[test]
fn all_devices_together_have_a_bound_and_the_one_with_the_fewest_is_next() {
    let mut bench = Bench::of_devices(7);
    let (_, target) = bench.endpoint(16, 6);
    let mut told = Told::default();
    for number in 0..6 {
        let program = 10 + u64::from(number);
        for _ in 0..2 * MAX_UNSETTLED_OF_DEVICE {
            let (endpoint, _) = bench.endpoint(program, number);
            bench.offer(program, endpoint, target, &mut told);
        }
    }
    assert_eq!(told.offers.len(), MAX_UNSETTLED);
    assert!(told.failed.is_empty());
    // The last device came too late: it has none, so it is the next, though others have waited for longer.
    for answered in 0..10 {
        let (endpoint, conversation, _) = told.offers[answered];
        bench.answer(16, endpoint, conversation, &mut told);
        assert_eq!(told.offers.len(), MAX_UNSETTLED + answered + 1);
    }
    let late = told.offers[MAX_UNSETTLED..].iter();
    let late = late.filter(|(_, _, peer)| [gid(4), gid(5)].contains(&peer.gid));
    assert_eq!(late.count(), 10);
}

#[test]
fn a_peer_that_offers_and_gives_up_floods_nobody() {
    let mut bench = Bench::new();
    let (victim, address) = bench.endpoint(2, 1);
    let mut told = Told::default();
    for _ in 0..1_000 {
        let (endpoint, _) = bench.endpoint(1, 0);
        bench.offer(1, endpoint, address, &mut told);
        let outputs = bench.ask(1, Request::DestroyEndpoint { endpoint }, None);
        told.take(outputs);
    }
    // Those that have ended take no room but where the other may have heard of them.
    assert_eq!(told.offers.len(), MAX_UNSETTLED_OF_DEVICE);
    assert!(told.failed.is_empty());
    let (endpoint, _) = bench.endpoint(1, 0);
    bench.offer(1, endpoint, address, &mut told);
    assert_eq!(told.offers.len(), MAX_UNSETTLED_OF_DEVICE);
    // What the other has answered, although it was over, makes room again.
    let close = Request::Close {
        endpoint: victim,
        conversation: told.offers[0].1,
    };
    let outputs = bench.ask(2, close, None);
    told.take(outputs);
    assert_eq!(told.offers.len(), MAX_UNSETTLED_OF_DEVICE + 1);
}

/// Fills the share of device 0 at the program of device 1. Returns an endpoint of each with an offer that waits, and its
/// conversation.
fn waiting_offer(bench: &mut Bench) -> ((u32, Peer), (u32, Peer), u64) {
    let (_, crowded) = bench.endpoint(2, 1);
    let mut told = Told::default();
    for _ in 0..MAX_UNSETTLED_OF_DEVICE {
        let (endpoint, _) = bench.endpoint(1, 0);
        bench.offer(1, endpoint, crowded, &mut told);
    }
    assert_eq!(told.offers.len(), MAX_UNSETTLED_OF_DEVICE);
    let (offerer, answerer) = (bench.endpoint(1, 0), bench.endpoint(2, 1));
    bench.offer(1, offerer.0, answerer.1, &mut told);
    assert_eq!(told.offers.len(), MAX_UNSETTLED_OF_DEVICE);
    (offerer, answerer, told.offers.len() as u64 + 1)
}

#[test]
fn an_offer_that_waits_is_answered_by_one_that_crosses_it_only() {
    let mut bench = Bench::new();
    let (offerer, answerer, conversation) = waiting_offer(&mut bench);
    let answer = Request::Answer {
        endpoint: answerer.0,
        conversation,
    };
    assert!(bench.ask(2, answer, Some("of a guess")).is_empty());
    let crossing = Request::Offer {
        endpoint: answerer.0,
        attempt: 9,
        peer: offerer.1,
    };
    let told: Vec<_> = bench
        .ask(2, crossing, Some("crossing"))
        .into_iter()
        .map(|output| only(vec![output]))
        .collect();
    let region = |endpoint, peer, attempt| Event::Region {
        endpoint,
        conversation,
        peer,
        attempt,
    };
    let offered = region(answerer.0, offerer.1, None);
    let answered = region(offerer.0, answerer.1, Some(offerer.0));
    assert_eq!(
        told,
        [
            (2, offered, Some("an offer")),
            (1, answered, Some("crossing"))
        ]
    );
    let close = Request::Close {
        endpoint: answerer.0,
        conversation,
    };
    let (program, event, _) = only(bench.ask(2, close, None));
    assert_eq!(program, 1);
    assert!(matches!(event, Event::Broken { .. }), "{event:?}");
}

#[test]
fn an_offer_that_ends_while_it_waits_is_never_heard_of() {
    let mut bench = Bench::new();
    let (offerer, _, _) = waiting_offer(&mut bench);
    let destroy = |endpoint| Request::DestroyEndpoint { endpoint };
    let outputs = bench.ask(1, destroy(offerer.0), None);
    assert!(matches!(outputs[..], [Output::Ended { .. }]), "{outputs:?}");

    let mut bench = Bench::new();
    let (offerer, answerer, _) = waiting_offer(&mut bench);
    let mut told = Told::default();
    let outputs = bench.ask(2, destroy(answerer.0), None);
    told.take(outputs);
    assert_eq!(told.failed, [(offerer.0, Cause::PeerGone)]);

    // What the policy no longer allows was never the answerer's: nobody looks for it there.
    let mut bench = Bench::new();
    let (offerer, _, conversation) = waiting_offer(&mut bench);
    let apart = SameSubnet::new([(gid(0), "a".to_owned()), (gid(1), "b".to_owned())]);
    bench.broker.policy_changed(&apart);
    let outputs = bench.broker.take_outputs();
    let inspections = outputs
        .iter()
        .filter(|output| matches!(output, Output::Inspect { .. }));
    assert_eq!(inspections.count(), MAX_UNSETTLED_OF_DEVICE);
    assert!(!outputs.iter().any(|output| matches!(output, Output::Send { event: Event::Broken { conversation: of, .. }, .. } if *of == conversation)));
    let mut told = Told::default();
    told.take(outputs);
    assert!(told.failed.contains(&(offerer.0, Cause::Revoked)));
}

#[test]
fn offers_that_waited_and_ended_leave_room_for_as_many() {
    let mut bench = Bench::new();
    let (_, target, _) = waiting_offer(&mut bench);
    for round in 0..3 {
        let mut told = Told::default();
        let mut begun = Vec::new();
        let (second, third) = (bench.endpoint(2, 1), bench.endpoint(2, 1));
        for _ in 0..MAX_ENDPOINTS - MAX_UNSETTLED_OF_DEVICE - 1 {
            let (endpoint, _) = bench.endpoint(1, 0);
            for (_, peer) in [target, second, third] {
                bench.offer(1, endpoint, peer, &mut told);
            }
            begun.push(endpoint);
        }
        // The first waits still.
        let waiting = 3 * begun.len() - told.failed.len() + 1;
        assert_eq!((round, waiting), (round, MAX_WAITING));
        assert!(told.offers.is_empty());
        for endpoint in begun {
            bench.ask(1, Request::DestroyEndpoint { endpoint }, None);
        }
        for (endpoint, _) in [second, third] {
            bench.ask(2, Request::DestroyEndpoint { endpoint }, None);
        }
    }
}

/// What programs do; numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// An endpoint offers to another.
    Offer(usize, usize),
    /// All endpoints of a device offer to one.
    OfferAll(u8, usize),
    /// A program answers, or closes, some of what it is to answer.
    Settle(u8, usize, bool),
    /// An endpoint's program ends it and begins another.
    Renew(usize),
    /// A program ends, and another begins.
    Restart(u8),
}

const DEVICES: u8 = 6;
const ENDPOINTS: usize = 100;

fn step() -> impl Strategy<Value = Step> {
    // Most is about few endpoints, so that these are crowded.
    let crowded =
        (0..usize::from(DEVICES), 0..2_usize).prop_map(|(device, n)| device * ENDPOINTS + n);
    let endpoint = prop_oneof![crowded, 0..ENDPOINTS * usize::from(DEVICES)].boxed();
    prop_oneof![
        4 => (endpoint.clone(), endpoint.clone()).prop_map(|(from, to)| Step::Offer(from, to)),
        4 => (0..DEVICES, endpoint.clone()).prop_map(|(device, to)| Step::OfferAll(device, to)),
        4 => (0..DEVICES, 0..100_usize, any::<bool>())
            .prop_map(|(device, count, closes)| Step::Settle(device, count, closes)),
        4 => endpoint.prop_map(Step::Renew),
        1 => (0..DEVICES).prop_map(Step::Restart),
    ]
}

/// Programs that do anything honest, and their endpoints by device.
struct Crowd {
    bench: Bench,
    endpoints: Vec<(u32, Peer)>,
    /// The program of each device.
    programs: Vec<u64>,
}

impl Crowd {
    fn new() -> Self {
        let mut bench = Bench::of_devices(DEVICES);
        let devices = (0..DEVICES).flat_map(|device| [device; ENDPOINTS]);
        let endpoints = devices.map(|device| bench.endpoint(10 + u64::from(device), device.into()));
        Self {
            endpoints: endpoints.collect(),
            programs: (0..DEVICES).map(|device| 10 + u64::from(device)).collect(),
            bench,
        }
    }

    fn offer(&mut self, from: usize, to: usize) {
        let program = self.programs[from / ENDPOINTS];
        let (endpoint, peer) = (self.endpoints[from].0, self.endpoints[to].1);
        let told = &mut Told::default();
        self.bench.offer(program, endpoint, peer, told);
    }

    fn settle(&mut self, program: u64, count: usize, closes: bool) {
        let unsettled = self.bench.broker.unsettled_of(ProgramId(program));
        for (conversation, EndpointId(endpoint)) in unsettled.into_iter().take(count) {
            let (request, region) = if closes {
                let close = Request::Close {
                    endpoint,
                    conversation,
                };
                (close, None)
            } else {
                let answer = Request::Answer {
                    endpoint,
                    conversation,
                };
                (answer, Some("an answer"))
            };
            self.bench.ask(program, request, region);
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Offer(from, to) => self.offer(from, to),
            Step::OfferAll(device, to) => {
                let first = usize::from(device) * ENDPOINTS;
                for from in first..first + ENDPOINTS {
                    self.offer(from, to);
                }
            }
            Step::Settle(device, count, closes) => {
                self.settle(self.programs[usize::from(device)], count, closes);
            }
            Step::Renew(place) => {
                let device = place / ENDPOINTS;
                let endpoint = self.endpoints[place].0;
                let destroy = Request::DestroyEndpoint { endpoint };
                self.bench.ask(self.programs[device], destroy, None);
                self.begin(place);
            }
            Step::Restart(device) => {
                let device = usize::from(device);
                self.bench
                    .broker
                    .disconnected(ProgramId(self.programs[device]));
                self.programs[device] += u64::from(DEVICES);
                let program = ProgramId(self.programs[device]);
                self.bench.broker.connected(program, HOME);
                self.bench.broker.take_outputs();
                for place in device * ENDPOINTS..(device + 1) * ENDPOINTS {
                    self.begin(place);
                }
            }
        }
    }

    fn begin(&mut self, place: usize) {
        let device = place / ENDPOINTS;
        self.endpoints[place] = self.bench.endpoint(self.programs[device], device as u16);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_programs_do_offers_are_bounded_and_none_is_forgotten(
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut crowd = Crowd::new();
        for step in steps {
            crowd.take(step);
            crowd.bench.broker.check_offers();
        }
        // Programs that answer leave nothing waiting.
        let most = usize::from(DEVICES) * MAX_WAITING;
        for _ in 0..most {
            for device in 0..DEVICES {
                crowd.take(Step::Settle(device, usize::MAX, false));
            }
        }
        crowd.bench.broker.check_offers();
        for program in &crowd.programs {
            let unsettled = crowd.bench.broker.unsettled_of(ProgramId(*program));
            prop_assert!(unsettled.is_empty());
        }
    }
}
