//! What a program has once: its connection to the fabric service, and its devices.

use eni_efa_client::{DeviceAttributes, Fabric};
use parking_lot::Mutex;
use std::sync::Arc;

static FABRIC: Mutex<Option<Arc<Fabric>>> = Mutex::new(None);

/// The connection to the service: made at the first call, and again after one that failed.
pub(crate) fn fabric() -> Option<Arc<Fabric>> {
    let mut fabric = FABRIC.lock();
    if fabric.is_none() {
        *fabric = Fabric::open().ok().map(Arc::new);
    }
    fabric.clone()
}

/// The devices that the program may open; none without a service, as on a machine without EFA.
pub(crate) fn devices() -> Vec<DeviceAttributes> {
    fabric()
        .map(|fabric| fabric.devices().to_vec())
        .unwrap_or_default()
}

/// Where programs look for a device's attributes: `$SYSFS_PATH`, else `/sys`, as in libibverbs.
pub(crate) fn sysfs_path() -> String {
    let path = std::env::var("SYSFS_PATH").unwrap_or_default();
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        "/sys".to_owned()
    } else {
        path.to_owned()
    }
}
