//! The service: a socket, a thread that serves it, and the handle to both.

mod control;
mod inspector;
mod listener;
mod program;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use eni_efa_abi::Gid;
use parking_lot::Mutex;
use rustix::event::EventfdFlags;

use crate::broker::Device;
use crate::carrier::{DeviceCounters, Metrics, Report, UnderlayOptions};
use crate::policy::{Directory, Policy};
use control::Control;
use inspector::Finding;

/// What a service is to be.
#[derive(Debug)]
pub struct ServiceOptions {
    /// Where it listens.
    pub socket: PathBuf,
    /// The devices of this host.
    pub devices: Vec<Device>,
    /// Who may converse.
    pub policy: Arc<dyn Policy>,
    /// Where others live.
    pub directory: Arc<dyn Directory>,
    /// How to reach other hosts, where it is to.
    pub underlay: Option<UnderlayOptions>,
    /// Random: where queue pair numbers begin.
    pub seed: u64,
}

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The socket cannot be made there.
    #[error("cannot listen at {path}")]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another service listens there.
    #[error("a fabric service listens at {path} already")]
    Running {
        /// Where.
        path: PathBuf,
    },
    /// The kernel refused something else.
    #[error("cannot start the fabric service")]
    System(#[from] io::Error),
}

/// A running service. Dropped, it stops: every lane of every program ends.
#[derive(Debug)]
pub struct Service {
    socket: PathBuf,
    orders: Arc<Orders>,
    metrics: Metrics,
    thread: Option<JoinHandle<()>>,
}

/// Reads a service's counters. Those of a service that has stopped stay as they were.
#[derive(Clone, Debug)]
pub struct CounterReader(Metrics);

impl CounterReader {
    /// What was counted of each device since it came.
    pub fn read(&self) -> Vec<(Gid, DeviceCounters)> {
        let metrics = self.0.lock();
        metrics
            .iter()
            .map(|(gid, counters)| (*gid, counters.read()))
            .collect()
    }
}

/// What the handle wants of the thread.
#[derive(Debug)]
pub(crate) struct Orders {
    wake: OwnedFd,
    stop: AtomicBool,
    policy_changed: AtomicBool,
    devices: Mutex<Option<Vec<Device>>>,
    reports: Mutex<Vec<Report>>,
    /// Of which there are as many as programs at most.
    findings: Mutex<Vec<Finding>>,
}

/// The way from the carrier to the control thread.
#[derive(Clone, Debug)]
pub(crate) struct Reports(Arc<Orders>);

impl Reports {
    pub(crate) fn send(&self, reports: &mut Vec<Report>) {
        self.0.reports.lock().append(reports);
        self.0.wake();
    }
}

impl Orders {
    fn wake(&self) {
        // The counter is full where the thread has been woken already.
        let _woken = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Service {
    /// Starts a service: when this returns, programs can connect.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(options: ServiceOptions) -> Result<Self, StartError> {
        let listener = listener::listen(&options.socket)?;
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let orders = Arc::new(Orders {
            wake: wake.map_err(io::Error::from)?,
            stop: AtomicBool::new(false),
            policy_changed: AtomicBool::new(false),
            devices: Mutex::new(None),
            reports: Mutex::new(Vec::new()),
            findings: Mutex::new(Vec::new()),
        });
        let socket = options.socket.clone();
        let metrics = Metrics::default();
        let mut control =
            Control::new(options, listener, Arc::clone(&orders), Arc::clone(&metrics))?;
        let thread = thread::Builder::new()
            .name("fabric-control".to_owned())
            .spawn(move || control.run())?;
        Ok(Self {
            socket,
            orders,
            metrics,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The policy's answers may have changed: what it no longer allows ends now.
    pub fn policy_changed(&self) {
        self.orders.policy_changed.store(true, Ordering::Release);
        self.orders.wake();
    }

    /// What was counted of each device since it came.
    pub fn counters(&self) -> Vec<(Gid, DeviceCounters)> {
        self.counter_reader().read()
    }

    /// What reads the counters, for other threads.
    pub fn counter_reader(&self) -> CounterReader {
        CounterReader(Arc::clone(&self.metrics))
    }

    /// Sets the devices. Endpoints of those that are gone end.
    pub fn set_devices(&self, devices: Vec<Device>) {
        *self.orders.devices.lock() = Some(devices);
        self.orders.wake();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.orders.stop.store(true, Ordering::Release);
        self.orders.wake();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
        // Someone else may have removed it.
        let _removed = std::fs::remove_file(&self.socket);
    }
}
