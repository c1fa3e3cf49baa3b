//! OpenENI: EC2 network interfaces that carry packets.

fn main() {}
