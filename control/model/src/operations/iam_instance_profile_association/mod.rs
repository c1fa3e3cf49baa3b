//! Which instance has which instance profile.

mod associate;
mod describe;
mod disassociate;
mod named;
#[cfg(test)]
mod tests;

pub(crate) use describe::shown_at;
