//! What a region's data plane is filled with.

use eni_lower::{UPLINK_VPORT, lower};
use eni_pipeline::testing::MemoryTables;

use super::Region;

impl Region {
    /// Lets the next packet of each flow be decided anew, as it would be within a second: the kernel's time cannot be moved.
    pub(crate) fn forget_verdicts(&mut self) {
        self.epoch += 1;
        self.number_rows();
    }

    /// Fills the tables anew, as an agent does after every change.
    pub(super) fn lower(&mut self) {
        let (world, settings) = (&self.model.world, &self.model.region);
        let desired = lower(world, settings, &mut self.numbers, &mut self.vports);
        self.epoch += 1;
        self.endpoints = desired.endpoints;
        let tables = desired.tables;
        self.tables = MemoryTables {
            vports: tables.vports,
            mappings: tables.mappings,
            prefix_mappings: tables.prefix_mappings,
            public_addresses: tables.public_addresses,
            vpc_blocks: tables.vpc_blocks,
            macs: tables.macs,
            routes: tables.routes,
            nat_gateways: tables.nat_gateways,
            policies: tables.policies,
            remote_rules: tables.remote_rules,
            identity_rules: tables.identity_rules,
            port_rules: tables.port_rules,
            ..MemoryTables::default()
        };
        self.tables.globals.uplink_vport = UPLINK_VPORT;
        for eni in self.model.world.network_interfaces.iter() {
            let attachment = eni.attachment.as_ref();
            let vport = attachment.and_then(|one| self.vports.get(one.attachment_id));
            if let Some(row) = vport.and_then(|vport| self.tables.vports.get(&vport)) {
                let before = self.vpcs.insert(row.vpc, eni.vpc_id);
                assert!(before.is_none_or(|before| before == eni.vpc_id));
            }
        }
        self.number_rows();
    }

    fn number_rows(&mut self) {
        self.tables.globals.topology_generation = self.epoch;
        for row in self.tables.vports.values_mut() {
            row.generation = self.epoch;
        }
    }
}
