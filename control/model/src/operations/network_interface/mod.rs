//! Network interfaces.

mod assign;
mod assign_ipv6;
pub(crate) mod attach;
pub(crate) mod attribute;
mod create;
mod delete;
pub(crate) mod description;
mod detach;
pub(crate) mod efa;
mod ena_srd;
mod filter;
pub(crate) mod ipv6_addresses;
pub(crate) mod limits;
pub(crate) mod prefixes;
pub(crate) mod private_addresses;
pub(crate) mod specification;
#[cfg(test)]
mod tests;
