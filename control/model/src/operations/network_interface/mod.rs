//! Network interfaces.

mod assign;
pub(crate) mod attach;
pub(crate) mod attribute;
mod create;
mod delete;
pub(crate) mod description;
mod detach;
pub(crate) mod efa;
mod ena_srd;
mod filter;
pub(crate) mod limits;
pub(crate) mod private_addresses;
pub(crate) mod specification;
#[cfg(test)]
mod tests;
