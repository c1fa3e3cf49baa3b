//! What the flows of a NAT gateway cost while nothing happens to them: the turns of their collection.

use std::io;
use std::path::Path;
use std::time::Instant;

use comfy_table::Table;
use eni_abi::{Connection, NatEntry, NatKey, Ports};
use eni_bpf_loader::{DataPlane, mount_bpffs, unmount_bpffs};
use eni_netlink::Namespace;
use eni_wire::{Ipv4, Port, protocol};
use serde::Serialize;

const GATEWAY: u32 = 1;
/// Turns that are timed: each ten of them begin a walk at least.
const TURNS: usize = 40;

/// The times of the turns with so many flows.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Turns {
    flows: u32,
    mean_ms: f64,
    longest_ms: f64,
    /// The time of the turns that have removed all of them when they had expired.
    removal_ms: f64,
}

/// Times the collection of gateways with so many flows, none of which has expired, and then all.
pub(crate) fn measure(directory: &Path, flows: &[u32]) -> io::Result<Vec<Turns>> {
    let (path, pins) = (directory.join("fabric"), directory.join("bpf"));
    let fabric = Namespace::create(&path).map_err(io::Error::other)?;
    mount_bpffs(&pins).map_err(io::Error::other)?;
    let turns = fabric.run(|| {
        let data_plane = DataPlane::open(&pins).map_err(io::Error::other)?;
        flows
            .iter()
            .map(|count| turns(&data_plane, *count))
            .collect()
    });
    unmount_bpffs(&pins).map_err(io::Error::other)?;
    Namespace::delete(&path).map_err(io::Error::other)?;
    turns.map_err(io::Error::other)?
}

fn turns(data_plane: &DataPlane, flows: u32) -> io::Result<Turns> {
    let maps = &data_plane.nat_maps;
    maps.create(GATEWAY).map_err(io::Error::other)?;
    fill(data_plane, flows, u64::MAX)?;
    let times = timed(data_plane)?;
    fill(data_plane, flows, 1)?;
    let removal = timed(data_plane)?;
    let left = maps.entries(GATEWAY).map_err(io::Error::other)?;
    if !left.is_empty() {
        return Err(io::Error::other(format!("{} entries are left", left.len())));
    }
    Ok(Turns {
        flows,
        mean_ms: times.iter().sum::<f64>() / times.len() as f64,
        longest_ms: times.iter().copied().fold(0.0, f64::max),
        removal_ms: removal.iter().sum(),
    })
}

/// The milliseconds of each turn.
fn timed(data_plane: &DataPlane) -> io::Result<Vec<f64>> {
    (0..TURNS)
        .map(|_| {
            let began = Instant::now();
            let collected = data_plane.nat_maps.collect_expired();
            collected.map_err(io::Error::other)?;
            Ok(began.elapsed().as_secs_f64() * 1e3)
        })
        .collect()
}

/// Gives the gateway flows that last until `expires_ns`, each to a destination that is counted as another's.
fn fill(data_plane: &DataPlane, flows: u32, expires_ns: u64) -> io::Result<()> {
    for number in 0..flows {
        let [_, block, host, port] = number.to_be_bytes().map(u16::from);
        let (port, remote) = (Port::new(1_024 + port), Port::new(443));
        let sender = Ipv4::from(std::net::Ipv4Addr::new(10, block as u8, host as u8, 1));
        let outward = NatKey {
            kind: NatKey::OUTWARD,
            protocol: u32::from(protocol::TCP),
            way: NatKey::BY_INTERNET,
            local: sender,
            remote: sender,
            ports: Ports::new(port, remote),
        };
        let entry = NatEntry {
            connection: Connection {
                expires_ns,
                ..Connection::default()
            },
            address: sender,
            port,
            ..NatEntry::default()
        };
        let inward = outward.opposite(&entry, remote);
        for key in [outward, inward] {
            let inserted = data_plane.nat_maps.insert(GATEWAY, &key, &entry);
            inserted.map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// One row for each number of flows.
pub(crate) fn table(turns: &[Turns]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "flows",
        "a turn, mean ms",
        "the longest ms",
        "all expired: removed in ms",
    ]);
    for turns in turns {
        table.add_row([
            turns.flows.to_string(),
            format!("{:.2}", turns.mean_ms),
            format!("{:.2}", turns.longest_ms),
            format!("{:.1}", turns.removal_ms),
        ]);
    }
    table
}
