//! Repository checks and builds.

fn main() {}
