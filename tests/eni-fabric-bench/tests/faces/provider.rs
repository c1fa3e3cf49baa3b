//! The provider under libfabric's own programs, under MPI, and when a peer dies. Nothing here needs root.

use std::time::{Duration, Instant};

use crate::support::{Fabric, PATIENCE, Running, free_port, run};

#[test]
fn fi_info_lists_the_devices_and_without_a_service_nothing() {
    let fabric = Fabric::one_host();
    let listed = run(fabric.command(0, "fi_info").args(["-p", "openeni"]));
    assert!(listed.status.success(), "{listed:?}");
    let text = String::from_utf8_lossy(&listed.stdout);
    for name in ["domain: efa_0", "domain: efa_1", "FI_EP_RDM"] {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
    // A name that it cannot resolve leads nowhere.
    let listed = run(fabric
        .command(0, "fi_info")
        .args(["-p", "openeni", "-n", "127.0.0.1"]));
    assert!(!listed.status.success(), "{listed:?}");
    let mut lonely = fabric.command(0, "fi_info");
    lonely
        .args(["-p", "openeni"])
        .env("OPENENI_FABRIC_SOCKET", "/nonexistent");
    let listed = run(&mut lonely);
    assert!(!listed.status.success());
    assert!(!String::from_utf8_lossy(&listed.stdout).contains("openeni"));
}

/// Every size that fi_pingpong knows, with its check of the data.
fn ping_pong(fabric: &Fabric) {
    let port = free_port().to_string();
    let command = |side| {
        let mut command = fabric.command(side, "fi_pingpong");
        command.args(["-p", "openeni", "-e", "rdm", "-c", "-I", "10"]);
        command.args(["-d", &fabric.domain(side)]);
        command
    };
    let mut server = Running::start(command(0).args(["-B", &port]));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let client = run(command(1).args(["-P", &port, "127.0.0.1"]));
        let said = String::from_utf8_lossy(&client.stderr).into_owned();
        // The server may not listen yet.
        if said.contains("refused") && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        }
        assert!(client.status.success(), "{client:?}");
        let text = String::from_utf8_lossy(&client.stdout);
        for size in ["64 ", "4k ", "64k ", "1m "] {
            assert!(
                text.lines().any(|line| line.starts_with(size)),
                "{size} is missing in {text}"
            );
        }
        break;
    }
    assert!(server.wait().success());
}

#[test]
fn fi_pingpong_checks_its_data_within_a_host() {
    ping_pong(&Fabric::one_host());
}

#[test]
fn fi_pingpong_checks_its_data_between_two_hosts() {
    ping_pong(&Fabric::two_hosts());
}

/// Point to point at lengths around all borders, a collective, and matched probes.
const MPI_JOB: &str = r#"
from mpi4py import MPI
world = MPI.COMM_WORLD
rank, size = world.rank, world.size
for length in (0, 1, 64, 8928, 8929, 16384, 16385, 300000, 3 << 20):
    there, back = bytearray([rank + 1]) * length, bytearray(length)
    world.Sendrecv(there, (rank + 1) % size, 5, back, (rank - 1) % size, 5)
    assert back == bytearray([(rank - 1) % size + 1]) * length, length
assert world.allreduce(rank) == size * (size - 1) // 2
if rank == 0:
    seen = set()
    for _ in range(1, size):
        status = MPI.Status()
        message = world.mprobe(source=MPI.ANY_SOURCE, tag=7, status=status)
        assert message.recv() == [status.source] * 9000
        seen.add(status.source)
    assert seen == set(range(1, size))
    print("intact")
else:
    world.send([rank] * 9000, 0, tag=7)
"#;

#[test]
fn an_mpi_job_runs_over_the_provider() {
    let fabric = Fabric::one_host();
    let mut job = fabric.command(0, "mpirun");
    job.args([
        "--oversubscribe",
        "-np",
        "3",
        "--mca",
        "pml",
        "cm",
        "--mca",
        "mtl",
        "ofi",
    ]);
    job.args([
        "--mca",
        "mtl_ofi_provider_include",
        "openeni",
        "--mca",
        "btl_base_warn_component_unused",
        "0",
    ]);
    job.args(["/usr/bin/python3", "-c", MPI_JOB]);
    job.env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    // Neither graphics cards nor Intel's fabric are looked for.
    job.env("HWLOC_COMPONENTS", "-gl")
        .env("PSM2_DEVICES", "self");
    job.env("TMPDIR", fabric.directory());
    let job = run(&mut job);
    assert!(job.status.success(), "{job:?}");
    assert!(
        String::from_utf8_lossy(&job.stdout).contains("intact"),
        "{job:?}"
    );
}

/// How long a survivor may take to learn that its peer is gone.
const BOUND: Duration = Duration::from_secs(2);

/// Two sides that know each other; the first leads.
fn sides(fabric: &Fabric, options: &[&str]) -> [Running; 2] {
    let mut sides = [0, 1].map(|side| {
        let mut command = fabric.command(side, env!("CARGO_BIN_EXE_eni-fabric-bench"));
        let domain = fabric.domain(side);
        command.args(["side", "--provider", "openeni", "--domain", &domain]);
        command.args(options);
        if side == 0 {
            command.arg("--leads");
        }
        Running::start(&mut command)
    });
    let addresses = [sides[0].hear(), sides[1].hear()];
    sides[0].tell(&addresses[1]);
    sides[1].tell(&addresses[0]);
    sides
}

/// Far longer than a test: a side is in the middle of something when something happens to it.
const LONG: [&str; 2] = ["--milliseconds", "600000"];

#[test]
fn both_sides_of_a_conversation_that_is_revoked_get_errors_in_time() {
    for options in [&LONG[..], &["--milliseconds", "600000", "--completions"]] {
        let mut fabric = Fabric::one_host();
        let mut sides = sides(&fabric, options);
        std::thread::sleep(Duration::from_millis(500));
        fabric.forbid();
        let forbidden = Instant::now();
        for side in &mut sides {
            assert!(!side.wait().success(), "this is no end");
            let said = side.complaint();
            assert!(
                said.contains("completion: Software caused connection abort"),
                "{said}"
            );
        }
        assert!(
            forbidden.elapsed() < BOUND,
            "it took {:?}",
            forbidden.elapsed()
        );
    }
}

#[test]
fn a_message_that_the_peer_has_not_read_fails_when_the_conversation_is_revoked() {
    let mut fabric = Fabric::one_host();
    let [mut leader, mut other] = sides(&fabric, &["--ignored", "--completions"]);
    assert_eq!(leader.hear().trim(), "sent");
    fabric.forbid();
    assert!(!leader.wait().success(), "nobody has read it");
    let said = leader.complaint();
    assert!(
        said.contains("completion: Software caused connection abort"),
        "{said}"
    );
    other.tell("");
    assert!(other.wait().success());
}

#[test]
fn the_survivor_of_a_killed_peer_gets_an_error_in_time() {
    let fabric = Fabric::one_host();
    let mut sides = sides(&fabric, &LONG);
    // Long enough to be under way; were it not, the survivor would have to notice all the same.
    std::thread::sleep(Duration::from_millis(500));
    sides[1].kill();
    let killed = Instant::now();
    let status = sides[0].wait();
    assert!(
        !status.success(),
        "the survivor must not take this for an end"
    );
    assert!(killed.elapsed() < BOUND, "it took {:?}", killed.elapsed());
    let said = sides[0].complaint();
    assert!(
        said.contains("completion: Connection reset by peer"),
        "{said}"
    );
}
