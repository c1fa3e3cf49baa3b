//! Network ACLs, their entries and their associations.

mod association;
mod create;
mod describe;
mod entry;
#[cfg(test)]
mod tests;
