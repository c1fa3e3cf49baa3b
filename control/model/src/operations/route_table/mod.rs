//! Route tables, their routes and their associations.

mod association;
mod create;
mod describe;
mod route;
mod target;
#[cfg(test)]
mod tests;
