//! Network ACLs, their entries and their associations.

mod association;
mod create;
mod delete;
mod describe;
mod description;
mod entry;
#[cfg(test)]
mod tests;
