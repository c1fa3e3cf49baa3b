//! A software EFA device at the binary interface of libibverbs and libefa.
//!
//! Programs that are built for an Elastic Fabric Adapter (libfabric's `efa` provider, and through it MPI) find this
//! library in place of libibverbs and libefa, under both of their names. Behind it stand `eni-efa-device`, which
//! decides, and `eni-efa-client`, which carries. Everything happens in the program's own calls: posting sends at once
//! what the lanes take, polling a completion queue moves everything else. Only for a program that leaves unread what others
//! wrote does a thread stand in.
//!
//! Locks: a completion queue's from `start_poll` to `end_poll`, a send queue's from `wr_start` to `wr_complete` (as in
//! rdma-core's provider), and the opened device's within one call. They are taken in this order.

mod address;
mod bindings;
mod completion_queue;
mod context;
mod device;
mod ffi;
mod fork;
mod lane;
mod latch;
mod memory;
mod names;
mod program;
mod queue_pair;
mod stand_in;
mod unsupported;
