//! Tables of the pipeline's tests, in the kernel.

use eni_pipeline::testing::MemoryTables;

use crate::{DataPlane, DataPlaneError};

/// Writes all of `tables`, the globals last.
///
/// # Errors
/// [`DataPlaneError::Map`].
pub fn fill(data_plane: &mut DataPlane, tables: &MemoryTables) -> Result<(), DataPlaneError> {
    let to = &mut data_plane.tables;
    for (vport, row) in &tables.vports {
        to.replace_vport(*vport, row)?;
    }
    for (key, row) in &tables.mappings {
        to.mappings.insert(key, row)?;
    }
    for (address, row) in &tables.public_addresses {
        to.public_addresses.insert(address, row)?;
    }
    for (key, row) in &tables.vpc_blocks {
        to.vpc_blocks.insert(key, row)?;
    }
    for (key, vport) in &tables.macs {
        to.macs.insert(key, vport)?;
    }
    for (key, route) in &tables.routes {
        to.routes.insert(key, route)?;
    }
    for (policy, row) in &tables.policies {
        to.policies.insert(policy, row)?;
    }
    for (key, rules) in &tables.remote_rules {
        to.remote_rules.insert(key, rules)?;
    }
    for (key, rules) in &tables.identity_rules {
        to.identity_rules.insert(key, rules)?;
    }
    for (key, rules) in &tables.port_rules {
        to.port_rules.insert(key, rules)?;
    }
    to.globals.set(0, &tables.globals)
}
