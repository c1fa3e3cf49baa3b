//! Tables of the pipeline's tests, in the kernel.

mod layout_7;

pub use layout_7::ReleasedDataPlane;

use std::collections::{BTreeMap, BTreeSet};

use eni_abi::Vport;
use eni_pipeline::testing::MemoryTables;

use crate::{DataPlane, DataPlaneError};

/// Writes all of `tables`, the globals last.
///
/// # Errors
/// [`DataPlaneError::Map`].
pub fn fill(data_plane: &mut DataPlane, tables: &MemoryTables) -> Result<(), DataPlaneError> {
    refill(data_plane, &MemoryTables::default(), tables)
}

/// Writes what is other in `after` than in `before`, and removes what is not there any more; the globals last.
///
/// # Errors
/// [`DataPlaneError::Map`].
pub fn refill(
    data_plane: &mut DataPlane,
    before: &MemoryTables,
    after: &MemoryTables,
) -> Result<(), DataPlaneError> {
    let known = instances(before);
    let new: Vec<u32> = instances(after).difference(&known).copied().collect();
    data_plane.instance_maps.create(&new)?;
    for gateway in after.nat_gateways.keys() {
        data_plane.nat_maps.create(*gateway)?;
    }
    let to = &mut data_plane.tables;
    each_change(&before.vports, &after.vports, |vport, row| {
        to.replace_vport(*vport, row.unwrap_or(&Vport::default()))
    })?;
    macro_rules! tables {
        ($($name:ident)+) => {$(
            each_change(&before.$name, &after.$name, |key, row| match row {
                Some(row) => to.$name.insert(key, row),
                None => to.$name.remove(key).map(|_| ()),
            })?;
        )+};
    }
    tables! {
        nat_gateways mappings prefix_mappings public_addresses vpc_blocks macs routes policies remote_rules identity_rules port_rules
    }
    to.globals.set(0, &after.globals)
}

/// The instances that rows name.
fn instances(tables: &MemoryTables) -> BTreeSet<u32> {
    let named = tables.vports.values().map(|row| row.instance);
    named.filter(|instance| *instance != 0).collect()
}

/// Calls `change` for each key whose value is another one, or none, in `after`.
fn each_change<K: Ord, V: PartialEq>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    mut change: impl FnMut(&K, Option<&V>) -> Result<(), DataPlaneError>,
) -> Result<(), DataPlaneError> {
    for key in before.keys().filter(|key| !after.contains_key(key)) {
        change(key, None)?;
    }
    for (key, value) in after {
        if before.get(key) != Some(value) {
            change(key, Some(value))?;
        }
    }
    Ok(())
}
