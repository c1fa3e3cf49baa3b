//! Programs as distributions ship them, on our devices.

mod support;

use std::net::TcpListener;
use std::time::Duration;
use support::{Fabric, PATIENCE, Running, programs};

/// How soon the peer of a program that is gone must hear of it, on a machine that does much else.
const NOTICE: Duration = Duration::from_secs(5);

/// How soon an MPI job must have ended: its launcher waits for processes that it has told to go.
const JOB_NOTICE: Duration = Duration::from_secs(30);

/// How long a read of 8 MiB may take on a machine that does much else.
const READ_BOUND: Duration = Duration::from_secs(1);

#[test]
fn ibv_devinfo_shows_both_devices() {
    let fabric = Fabric::start();
    let said = Running::start(fabric.command("ibv_devinfo").arg("-v")).finish();
    for wanted in [
        "efa_0",
        "efa_1",
        "0x1d0f",
        "PORT_ACTIVE",
        "fe80:0000:0000:0000:0000:00ff:fe00:0001",
    ] {
        assert!(said.contains(wanted), "{wanted} in {said}");
    }
}

#[test]
fn fi_info_shows_both_devices_to_both_kinds_of_endpoint() {
    let fabric = Fabric::start();
    let said = Running::start(fabric.command("fi_info").args(["-p", "efa"])).finish();
    for domain in ["efa_0-rdm", "efa_1-rdm", "efa_0-dgrm", "efa_1-dgrm"] {
        assert!(
            said.contains(&format!("domain: {domain}")),
            "{domain} in {said}"
        );
    }
    assert!(!said.contains("no version information"), "{said}");
}

/// A port that was free a moment ago.
fn free_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("bound").port().to_string()
}

fn pingpong(endpoint: &str, suffix: &str, largest: &str, reorder: Option<&str>) {
    let fabric = Fabric::start();
    let port = free_port();
    let command = |device: &str| {
        let mut command = fabric.command("fi_pingpong");
        let domain = format!("{device}-{suffix}");
        command.args([
            "-p", "efa", "-e", endpoint, "-c", "-I", "20", "-S", largest, "-d", &domain,
        ]);
        if let Some(percent) = reorder {
            command.env("OPENENI_EFA_REORDER", percent);
        }
        command
    };
    let server = Running::start(command("efa_0").args(["-B", &port]));
    // The client tries once: the server must listen by then.
    wait_for_listener(&port);
    let client = Running::start(command("efa_1").args(["-P", &port, "127.0.0.1"]));
    for side in [client, server] {
        let said = side.finish();
        assert!(said.contains("=20") && !said.contains("rror"), "{said}");
    }
}

/// Waits until someone listens, without connecting: the server takes one connection.
fn wait_for_listener(port: &str) {
    let port: u16 = port.parse().expect("a port");
    let wanted = format!(":{port:04X} ");
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
        // State 0A is LISTEN.
        if sockets
            .lines()
            .any(|line| line.contains(&wanted) && line.contains(" 0A "))
        {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "somebody listens");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn fi_pingpong_checks_reliable_messages_of_all_sizes() {
    pingpong("rdm", "rdm", "all", None);
}

#[test]
fn fi_pingpong_checks_unreliable_datagrams() {
    pingpong("dgram", "dgrm", "1024", None);
}

#[test]
fn fi_pingpong_finds_no_fault_with_a_third_of_all_records_out_of_order() {
    pingpong("rdm", "rdm", "all", Some("30"));
}

/// An MPI job of two processes, on the devices.
fn job(fabric: &Fabric, arguments: &[&str], reorder: Option<&str>) -> Running {
    let mut command = fabric.command("mpirun");
    if let Some(percent) = reorder {
        command.env("OPENENI_EFA_REORDER", percent);
    }
    command
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .args([
            "-np",
            "2",
            "--oversubscribe",
            "--mca",
            "btl_base_warn_component_unused",
            "0",
        ])
        .args([
            "--mca",
            "pml",
            "cm",
            "--mca",
            "mtl",
            "ofi",
            "--mca",
            "mtl_ofi_provider_include",
            "efa",
        ])
        // Debian's, which has mpi4py. Run as a module it ends the job when one process fails.
        .args(["/usr/bin/python3", "-m", "mpi4py"])
        .arg(programs().join("exchange.py"))
        .args(arguments);
    Running::start(&mut command)
}

fn exchange(reorder: Option<&str>) {
    let fabric = Fabric::start();
    let said = job(&fabric, &["2"], reorder).finish();
    assert!(said.contains("exchanged 20"), "{said}");
}

#[test]
fn an_mpi_job_ends_when_its_processes_may_not_converse_any_more() {
    let fabric = Fabric::start();
    let mut job = job(&fabric, &["1000000", "turns"], None);
    assert_eq!(job.line(PATIENCE), "underway");
    fabric.policy.forbid();
    fabric.service.policy_changed();
    assert!(!job.ends_within(JOB_NOTICE), "it fails");
}

#[test]
fn an_mpi_job_exchanges_what_it_sends() {
    exchange(None);
}

#[test]
fn an_mpi_job_exchanges_what_it_sends_with_a_third_of_all_records_out_of_order() {
    exchange(Some("30"));
}

/// A sender on `efa_0` and a receiver on `efa_1`, in the middle of their conversation, and the receiver's address.
fn conversation(fabric: &Fabric) -> (Running, Running, String) {
    let peer = fabric.compile("peer");
    let mut sender = Running::start(fabric.command(&peer).args(["efa_0", "send"]));
    let mut receiver = Running::start(fabric.command(&peer).args(["efa_1", "receive"]));
    let (from, to) = (sender.line(PATIENCE), receiver.line(PATIENCE));
    receiver.tell(&from);
    sender.tell(&to);
    for side in [&sender, &receiver] {
        assert_eq!(side.line(PATIENCE), "thousand");
    }
    (sender, receiver, to)
}

#[test]
fn a_sender_hears_soon_that_its_peer_was_killed() {
    let fabric = Fabric::start();
    let (sender, mut receiver, _) = conversation(&fabric);
    receiver.kill();
    // IBV_WC_REM_INV_RD_REQ_ERR and EFA_IO_COMP_STATUS_REMOTE_ERROR_BAD_DEST_QPN.
    assert_eq!(sender.line(NOTICE), "status 15 vendor 9");
}

#[test]
fn a_sender_hears_soon_that_it_may_not_send_any_more() {
    let fabric = Fabric::start();
    let (sender, _receiver, address) = conversation(&fabric);
    fabric.policy.forbid();
    fabric.service.policy_changed();
    // IBV_WC_REM_ABORT_ERR and EFA_IO_COMP_STATUS_REMOTE_ERROR_ABORT for what was underway, IBV_WC_GENERAL_ERR and
    // EFA_IO_COMP_STATUS_REMOTE_ERROR_BAD_ADDRESS for what is sent later.
    let heard = sender.line(NOTICE);
    assert!(
        ["status 16 vendor 8", "status 21 vendor 7"].contains(&heard.as_str()),
        "{heard}"
    );
    let peer = fabric.compile("peer");
    let mut late = Running::start(fabric.command(&peer).args(["efa_0", "send"]));
    late.line(PATIENCE);
    late.tell(&address);
    assert_eq!(late.line(PATIENCE), "refused");
}

#[test]
fn a_child_of_fork_is_refused_at_once_and_does_its_parent_no_harm() {
    let fabric = Fabric::start();
    let program = fabric.compile("fork");
    let said = Running::start(fabric.command(&program).arg("efa_0")).finish();
    assert_eq!(said.trim(), "unharmed");
}

/// A target of one host's reads that never polls is read all the same. Were it to poll, 8 MiB would take a few
/// milliseconds; the bound is for a busy machine.
#[test]
fn memory_is_read_while_its_program_does_something_else() {
    let fabric = Fabric::start();
    let program = fabric.compile("read");
    let target = Running::start(fabric.command(&program).args(["efa_0", "target"]));
    let mut reader = Running::start(fabric.command(&program).args(["efa_1", "initiator"]));
    let address = target.line(PATIENCE);
    // The second time the lane is there, and whoever stood in has gone.
    for _ in 0..2 {
        reader.tell(&address);
        let said = reader.line(PATIENCE);
        let milliseconds: u64 = said.parse().expect("the right bytes");
        assert!(milliseconds < READ_BOUND.as_millis() as u64, "{said} ms");
        std::thread::sleep(Duration::from_millis(20));
    }
}
