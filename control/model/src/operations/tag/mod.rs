//! Tags of resources of every kind.

mod change;
mod describe;
mod taggable;
#[cfg(test)]
mod tests;
