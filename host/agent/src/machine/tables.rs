//! Steps of the packet tables: a few system calls each, none of which waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use eni_abi::{InternetBlock, LpmKey, Plain};
use eni_bpf_loader::{DataPlaneError, HashTable, LpmTable, NatMaps, Programs, Tables};
use eni_plan::{Observed, Step, TableChange};

use crate::announce::Speaker;
use crate::uplink::HostRoutes;
use crate::{AgentError, log_failure};

/// What writes the packet tables.
pub(crate) struct TablesPart {
    tables: Tables,
    nat_maps: Arc<NatMaps>,
    programs: Arc<Programs>,
    speaker: Arc<Speaker>,
    host_routes: HostRoutes,
}

/// Whether the host has a way to the block of a row of [`eni_abi::VpcBlockKey::on_internet`]; what others say does not matter.
fn leads(row: &u32) -> bool {
    !InternetBlock::from_row(*row).is_closed
}

impl TablesPart {
    /// The host gets its routes for the rows that an earlier process has written.
    pub(crate) fn new(
        tables: Tables,
        nat_maps: Arc<NatMaps>,
        programs: Arc<Programs>,
        speaker: Speaker,
        host_routes: HostRoutes,
    ) -> Result<Self, AgentError> {
        for (key, row) in tables.vpc_blocks.entries()? {
            let followed = host_routes.follow(&key, leads(&row));
            log_failure("route to a VPC's block", followed);
        }
        Ok(Self {
            tables,
            nat_maps,
            programs,
            speaker: Arc::new(speaker),
            host_routes,
        })
    }

    /// The programs' counters, and where they are attached.
    pub(crate) fn programs(&self) -> Arc<Programs> {
        Arc::clone(&self.programs)
    }

    /// What speaks to guests.
    pub(crate) fn speaker(&self) -> Arc<Speaker> {
        Arc::clone(&self.speaker)
    }

    /// The tables' contents; nothing of the devices.
    pub(crate) fn observe(&self) -> Result<Observed, AgentError> {
        let tables = &self.tables;
        let rows = (0..).zip(tables.vports.values()?);
        Ok(Observed {
            globals: tables.globals.get(0)?,
            tables: eni_plan::Tables {
                vports: rows.filter(|(_, row)| *row != Default::default()).collect(),
                mappings: all(&tables.mappings)?,
                prefix_mappings: all_prefixes(&tables.prefix_mappings)?,
                public_addresses: all(&tables.public_addresses)?,
                vpc_blocks: all_prefixes(&tables.vpc_blocks)?,
                macs: all(&tables.macs)?,
                routes: all_prefixes(&tables.routes)?,
                nat_gateways: all(&tables.nat_gateways)?,
                policies: all(&tables.policies)?,
                remote_rules: all_prefixes(&tables.remote_rules)?,
                identity_rules: all(&tables.identity_rules)?,
                port_rules: all_prefixes(&tables.port_rules)?,
            },
            ..Observed::default()
        })
    }

    /// Does one step ([`Step::is_of_tables`]); others are not its business.
    pub(crate) fn apply(&mut self, step: &Step) -> Result<(), AgentError> {
        match step {
            Step::Cut(vport, row) | Step::WriteVport(vport, row) => {
                self.tables.replace_vport(*vport, row)?;
            }
            Step::Table(change) => self.change_table(change)?,
            Step::WriteGlobals(globals) => self.tables.globals.set(0, globals)?,
            // Guests have been told.
            Step::Announce(told) => self.tables.mappings.insert(&told.key, &told.mapping)?,
            Step::Forget(vport, row) => {
                let instance = self.tables.vports.get(*vport)?.instance;
                self.programs.forget_connections(instance, *vport)?;
                self.programs.reset_counters(*vport)?;
                self.tables.replace_vport(*vport, row)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn change_table(&mut self, change: &TableChange) -> Result<(), DataPlaneError> {
        let tables = &mut self.tables;
        match change {
            // What it remembers is there before its row, which is a wait of 10 to 20 ms, once in its life; and goes later.
            TableChange::NatGateway(number, row) => {
                if row.is_some() {
                    self.nat_maps.create(*number)?;
                }
                set(&mut tables.nat_gateways, number, row.as_ref())?;
                if row.is_none() {
                    self.nat_maps.forget(*number);
                }
                Ok(())
            }
            TableChange::Mapping(key, row) => set(&mut tables.mappings, key, row.as_ref()),
            TableChange::PrefixMapping(key, row) => {
                set_prefix(&mut tables.prefix_mappings, key, row.as_ref())
            }
            TableChange::PublicAddress(key, row) => {
                set(&mut tables.public_addresses, key, row.as_ref())
            }
            TableChange::VpcBlock(key, row) => {
                let leads = row.as_ref().is_some_and(leads);
                let follow = || {
                    let followed = self.host_routes.follow(key, leads);
                    log_failure("route to a VPC's block", followed);
                };
                if !leads {
                    follow();
                }
                set_prefix(&mut tables.vpc_blocks, key, row.as_ref())?;
                if leads {
                    follow();
                }
                Ok(())
            }
            TableChange::Mac(key, row) => set(&mut tables.macs, key, row.as_ref()),
            TableChange::Route(key, row) => set_prefix(&mut tables.routes, key, row.as_ref()),
            TableChange::Policy(key, row) => set(&mut tables.policies, key, row.as_ref()),
            TableChange::RemoteRule(key, row) => {
                set_prefix(&mut tables.remote_rules, key, row.as_ref())
            }
            TableChange::IdentityRule(key, row) => {
                set(&mut tables.identity_rules, key, row.as_ref())
            }
            TableChange::PortRule(key, row) => {
                set_prefix(&mut tables.port_rules, key, row.as_ref())
            }
        }
    }
}

fn all<K: Plain + Ord, V: Plain>(
    table: &HashTable<K, V>,
) -> Result<BTreeMap<K, V>, DataPlaneError> {
    Ok(table.entries()?.into_iter().collect())
}

fn all_prefixes<K: Plain + Ord, V: Plain>(
    table: &LpmTable<K, V>,
) -> Result<BTreeMap<LpmKey<K>, V>, DataPlaneError> {
    Ok(table.entries()?.into_iter().collect())
}

fn set<K: Plain, V: Plain>(
    table: &mut HashTable<K, V>,
    key: &K,
    row: Option<&V>,
) -> Result<(), DataPlaneError> {
    match row {
        Some(row) => table.insert(key, row),
        None => table.remove(key).map(drop),
    }
}

fn set_prefix<K: Plain, V: Plain>(
    table: &mut LpmTable<K, V>,
    key: &LpmKey<K>,
    row: Option<&V>,
) -> Result<(), DataPlaneError> {
    match row {
        Some(row) => table.insert(key, row),
        None => table.remove(key).map(drop),
    }
}
