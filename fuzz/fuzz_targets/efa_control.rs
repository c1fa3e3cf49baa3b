//! Control messages of three programs, as bytes, against the fabric's broker.
//!
//! Nothing may panic; nobody is told of an endpoint that is not its own; what is under way stays within limits.
#![no_main]

use std::collections::{HashMap, HashSet};

use eni_efa_abi::Gid;
use eni_efa_abi::control::{DeviceAttributes, Event, Request, decode, encode};
use eni_fabric::{
    Broker, Device, Isolated, Judges, NamespaceId, Output, ProgramId, Region, RegionIdentity,
    SameSubnet,
};
use libfuzzer_sys::fuzz_target;

const PROGRAMS: u64 = 3;
const HOME: NamespaceId = NamespaceId {
    device: 1,
    inode: 1,
};

fn device(number: u8) -> Device {
    Device {
        attributes: DeviceAttributes {
            name: format!("efa_{number}"),
            gid: Gid([number; 16]),
            mac: [number; 6],
            subnet: String::new(),
            node_guid: 0,
            max_transfer: 1,
            max_endpoints: 1,
            reaches_other_hosts: number == 2,
        },
        network_namespace: (number == 1).then_some(HOME),
    }
}

fuzz_target!(|input: &[u8]| {
    let policy = SameSubnet::new([0, 1, 2].map(|number| (Gid([number; 16]), String::new())));
    let judges = Judges {
        policy: &policy,
        directory: &Isolated,
    };
    let mut broker = Broker::<()>::new(0);
    broker.set_devices([0, 1, 2].map(device).into());
    for program in 0..PROGRAMS {
        broker.connected(ProgramId(program), HOME);
    }
    let mut owned: HashMap<u64, HashSet<u32>> = HashMap::new();
    let mut rest = input;
    // Each message follows its program, the number of its regions, and its length.
    while let [program, regions, length, tail @ ..] = rest {
        let (message, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let program = ProgramId(u64::from(*program) % (PROGRAMS + 1));
        match decode::<Request>(message) {
            Ok(request) => {
                let regions = (0..regions % 3).map(|inode| {
                    let identity = RegionIdentity {
                        device: 0,
                        inode: u64::from(inode),
                    };
                    Region { identity, file: () }
                });
                assert_eq!(decode(&encode(&request).unwrap()), Ok(request));
                broker.request(judges, program, request, regions.collect());
            }
            Err(_) if message.is_empty() => broker.policy_changed(&policy),
            // What cannot be read ends the connection.
            Err(_) => broker.disconnected(program),
        }
        for output in broker.take_outputs() {
            check(output, &mut owned);
        }
    }
});

fn check(output: Output<()>, owned: &mut HashMap<u64, HashSet<u32>>) {
    match output {
        Output::Send { program, event, .. } => {
            assert!(encode(&event).is_ok());
            let of = owned.entry(program.0).or_default();
            match event {
                Event::EndpointCreated { endpoint, .. } => assert!(of.insert(endpoint)),
                Event::Region { endpoint, .. }
                | Event::Broken { endpoint, .. }
                | Event::Remote { endpoint, .. }
                | Event::Nudge { endpoint } => {
                    assert!(of.contains(&endpoint));
                }
                // An offer of an endpoint that never was fails with the number that it gave.
                Event::Failed { .. }
                | Event::RemoteBroken { .. }
                | Event::Welcome { .. }
                | Event::AddressHandleCreated { .. }
                | Event::Refused { .. } => {}
            }
        }
        Output::Carry {
            program, endpoint, ..
        } => {
            owned.entry(program.0).or_default().insert(endpoint.0);
        }
        Output::Reach { .. } | Output::Ended { .. } | Output::Inspect { .. } => {}
    }
}
