//! Counters, summed over CPUs.

use crate::DataPlaneError;
use crate::sys::Raw;
use aya::maps::{Map, MapData, PerCpuArray};
use eni_abi::{DropReason, Traffic, counter_index, map};

/// The two counter maps.
pub(crate) struct Counters {
    drops: PerCpuArray<MapData, u64>,
    traffic: PerCpuArray<MapData, Raw<Traffic>>,
}

impl Counters {
    pub(crate) fn new(drops: Map, traffic: Map) -> Result<Self, DataPlaneError> {
        Ok(Self {
            drops: PerCpuArray::try_from(drops).map_err(drops_failed)?,
            traffic: PerCpuArray::try_from(traffic).map_err(traffic_failed)?,
        })
    }

    /// Drops of `vport` by reason; reasons without drops are left out.
    pub(crate) fn drops(&self, vport: u32) -> Result<Vec<(DropReason, u64)>, DataPlaneError> {
        let mut drops = Vec::new();
        for reason in DropReason::ALL {
            let values = self
                .drops
                .get(&counter_index(vport, *reason), 0)
                .map_err(drops_failed)?;
            let sum: u64 = values.iter().sum();
            if sum > 0 {
                drops.push((*reason, sum));
            }
        }
        Ok(drops)
    }

    pub(crate) fn traffic(&self, vport: u32) -> Result<Traffic, DataPlaneError> {
        let values = self.traffic.get(&vport, 0).map_err(traffic_failed)?;
        let mut sum = Traffic::default();
        for Raw(value) in values.iter() {
            sum.ingress_packets += value.ingress_packets;
            sum.ingress_bytes += value.ingress_bytes;
            sum.egress_packets += value.egress_packets;
            sum.egress_bytes += value.egress_bytes;
        }
        Ok(sum)
    }

    /// Sets all counters of `vport` to zero, for its next interface.
    pub(crate) fn reset(&mut self, vport: u32) -> Result<(), DataPlaneError> {
        for reason in DropReason::ALL {
            let index = counter_index(vport, *reason);
            let zeroes = zeroes_like(&self.drops.get(&index, 0).map_err(drops_failed)?, 0)?;
            self.drops.set(index, zeroes, 0).map_err(drops_failed)?;
        }
        let zeroes = zeroes_like(
            &self.traffic.get(&vport, 0).map_err(traffic_failed)?,
            Raw(Traffic::default()),
        )?;
        self.traffic.set(vport, zeroes, 0).map_err(traffic_failed)
    }
}

fn zeroes_like<T: aya::Pod>(
    values: &aya::maps::PerCpuValues<T>,
    zero: T,
) -> Result<aya::maps::PerCpuValues<T>, DataPlaneError> {
    aya::maps::PerCpuValues::try_from(vec![zero; values.len()]).map_err(|source| {
        DataPlaneError::Io {
            call: "count CPUs",
            path: "/sys/devices/system/cpu/possible".into(),
            source,
        }
    })
}

fn drops_failed(source: aya::maps::MapError) -> DataPlaneError {
    DataPlaneError::Map {
        map: map::COUNTERS,
        source,
    }
}

fn traffic_failed(source: aya::maps::MapError) -> DataPlaneError {
    DataPlaneError::Map {
        map: map::TRAFFIC,
        source,
    }
}
