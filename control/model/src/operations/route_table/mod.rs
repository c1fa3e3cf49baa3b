//! Route tables, their routes and their associations.

mod association;
mod create;
mod describe;
mod edge;
mod route;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use edge::without_gateway;
