//! OpenENI: EC2 network interfaces that carry packets.

mod cli;
mod directory;

fn main() {}
