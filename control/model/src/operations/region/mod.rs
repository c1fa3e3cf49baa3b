//! The region itself: its name, its zones, and what the account may have in it.

mod account;
mod names;
mod regions;
#[cfg(test)]
mod tests;
mod zones;

/// The opt-in status of a region and of zones that every account may use.
const OPT_IN_NOT_REQUIRED: &str = "opt-in-not-required";
