//! Names of libibverbs's enumerations, and its small services.

pub(crate) mod sys;

use std::ffi::CStr;

/// `enum ibv_wc_status`, in order; the texts are libibverbs's.
const STATUSES: [&CStr; 24] = [
    c"success",
    c"local length error",
    c"local QP operation error",
    c"local EE context operation error",
    c"local protection error",
    c"Work Request Flushed Error",
    c"memory management operation error",
    c"bad response error",
    c"local access error",
    c"remote invalid request error",
    c"remote access error",
    c"remote operation error",
    c"transport retry counter exceeded",
    c"RNR retry counter exceeded",
    c"local RDD violation error",
    c"remote invalid RD request",
    c"aborted error",
    c"invalid EE context number",
    c"invalid EE context state",
    c"fatal error",
    c"response timeout error",
    c"general error",
    c"TM error",
    c"TM software rendezvous",
];

/// `enum ibv_node_type` from 1 on.
const NODES: [&CStr; 7] = [
    c"InfiniBand channel adapter",
    c"InfiniBand switch",
    c"InfiniBand router",
    c"iWARP NIC",
    c"usNIC",
    c"usNIC UDP",
    c"unspecified",
];

/// `enum ibv_port_state`.
const PORT_STATES: [&CStr; 6] = [
    c"no state change (NOP)",
    c"DOWN",
    c"INIT",
    c"ARMED",
    c"ACTIVE",
    c"active deferred",
];

const UNKNOWN: &CStr = c"unknown";

/// `enum ibv_rate` with its factor of 2.5 Gb/s and its Mb/s.
const RATES: [(i32, i32, i32); 20] = [
    (2, 1, 2_500),
    (5, 2, 5_000),
    (3, 4, 10_000),
    (6, 8, 20_000),
    (4, 12, 30_000),
    (7, 16, 40_000),
    (8, 24, 60_000),
    (9, 32, 80_000),
    (10, 48, 120_000),
    (11, 5, 14_062),
    (12, 45, 112_500),
    (13, 22, 56_250),
    (14, 68, 168_750),
    (15, 10, 25_781),
    (16, 40, 103_125),
    (17, 80, 206_250),
    (18, 120, 309_375),
    (19, 11, 28_125),
    (20, 20, 53_125),
    (21, 160, 425_000),
];

/// The name with a number that counts from `first`.
fn name(names: &'static [&'static CStr], number: i32, first: i32) -> &'static CStr {
    let index = number
        .checked_sub(first)
        .and_then(|index| usize::try_from(index).ok());
    index
        .and_then(|index| names.get(index))
        .copied()
        .unwrap_or(UNKNOWN)
}
