//! Programs between two hosts: network namespaces with a fabric service each.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use eni_fabric_bench::environment::Environment;
use eni_fabric_bench::place::{Place, Wire};

use crate::support::{PATIENCE, Running};

/// Carries EFA's largest datagram whole.
const MTU: u16 = 9_120;
/// How soon programs hear that a service or a host is gone (docs/EFA.md, "Endings"): 3 s, and what a busy machine takes.
const NOTICE: Duration = Duration::from_secs(3 + 7);

/// How long a read of 8 MiB may take on a machine that does much else.
const READ_BOUND: Duration = Duration::from_secs(2);

struct Hosts {
    place: Place,
    environment: Environment,
}

impl Hosts {
    fn start(lost: u16, late: u16) -> Self {
        let wire = Wire {
            mtu: MTU,
            lost,
            late,
        };
        let program = Path::new(env!("CARGO_BIN_EXE_eni-fabric-bench"));
        let place = Place::two_hosts(program, wire).unwrap();
        let tests = std::env::current_exe().unwrap();
        let libraries = tests.parent().unwrap();
        for library in ["libopeneni_efa.so", "libopeneni_fi.so"] {
            assert!(libraries.join(library).exists(), "cargo builds {library}");
        }
        let environment = Environment::new(&place, libraries).unwrap();
        Self { place, environment }
    }

    fn command(&self, side: usize, program: &Path) -> Command {
        let mut command = self.place.command(side, program);
        command.envs(self.environment.of(side).iter().cloned());
        command
    }

    /// Compiles a program of face A's tests.
    fn compile(&self, name: &str) -> PathBuf {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../efa/verbs/tests/programs");
        let to = self.place.directory().join(name);
        let compiler = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-O1", "-o"])
            .arg(&to)
            .arg(sources.join(name).with_extension("c"))
            .args(["-libverbs", "-lefa"])
            .status();
        assert!(compiler.unwrap().success());
        to
    }

    /// A program on both sides, in the middle of sending or receiving.
    fn conversation(&self, does: [&str; 2]) -> [Running; 2] {
        let peer = self.compile("peer");
        let mut sides = [0, 1].map(|side| {
            let mut command = self.command(side, &peer);
            Running::start(command.args(["efa_0", does[side]]))
        });
        let addresses = [sides[0].hear(), sides[1].hear()];
        sides[0].tell(&addresses[1]);
        sides[1].tell(&addresses[0]);
        for side in &mut sides {
            assert_eq!(side.hear(), "thousand");
        }
        sides
    }
}

/// libfabric's ping-pong of all sizes, which checks its data.
fn ping_pong(hosts: &Hosts, provider: &str, domain: &str) {
    let common = [
        "-p", provider, "-e", "rdm", "-c", "-I", "4", "-S", "all", "-d", domain,
    ];
    let program = Path::new("fi_pingpong");
    let server = Running::start(hosts.command(0, program).args(common));
    let deadline = Instant::now() + PATIENCE;
    let client = loop {
        let mut client = hosts.command(1, program);
        client.args(common).arg(hosts.place.address(0));
        let output = Running::start(&mut client).output();
        // The server may not listen yet.
        let refused = String::from_utf8_lossy(&output.stderr).contains("refused");
        if !refused || Instant::now() > deadline {
            break output;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(client.status.success(), "{provider}: {client:?}");
    let text = String::from_utf8_lossy(&client.stdout);
    for size in ["64 ", "4k ", "64k ", "1m "] {
        let has_size = text.lines().any(|line| line.starts_with(size));
        assert!(has_size, "{provider}: {size} is missing in {text}");
    }
    let server = server.output();
    assert!(server.status.success(), "{provider}: {server:?}");
}

#[test]
fn root_both_faces_find_no_fault_between_hosts_that_lose_and_reorder() {
    let hosts = Hosts::start(10, 300);
    ping_pong(&hosts, "efa", "efa_0-rdm");
    ping_pong(&hosts, "openeni", "efa_0");
}

#[test]
fn root_a_program_that_only_waits_hears_that_its_service_was_killed() {
    let mut hosts = Hosts::start(0, 0);
    let [mut sends, mut waits] = hosts.conversation(["send", "receive"]);
    sends.kill();
    hosts.place.kill_service(1).unwrap();
    // IBV_WC_LOC_QP_OP_ERR and EFA_IO_COMP_STATUS_LOCAL_ERROR_QP_INTERNAL_ERROR.
    assert_eq!(waits.hear_within(NOTICE), "status 2 vendor 2");
}

#[test]
fn root_both_programs_hear_soon_that_a_service_was_killed() {
    let mut hosts = Hosts::start(0, 0);
    let [mut far, mut near] = hosts.conversation(["both"; 2]);
    hosts.place.kill_service(1).unwrap();
    let killed = Instant::now();
    // As above.
    assert_eq!(near.hear_within(NOTICE), "status 2 vendor 2");
    // IBV_WC_RESP_TIMEOUT_ERR and EFA_IO_COMP_STATUS_LOCAL_ERROR_UNRESP_REMOTE.
    let heard = far.hear_within(NOTICE.saturating_sub(killed.elapsed()));
    assert_eq!(heard, "status 20 vendor 13");
}

#[test]
fn root_both_programs_hear_soon_that_their_hosts_are_cut_off() {
    let hosts = Hosts::start(0, 0);
    let sides = hosts.conversation(["both"; 2]);
    hosts.place.cut_link().unwrap();
    let cut = Instant::now();
    for mut side in sides {
        // As above.
        let heard = side.hear_within(NOTICE.saturating_sub(cut.elapsed()));
        assert_eq!(heard, "status 20 vendor 13");
    }
}

#[test]
fn root_nothing_is_left_of_two_hosts() {
    let hosts = Hosts::start(0, 0);
    let directory = hosts.place.directory().to_owned();
    drop(hosts);
    let left = std::fs::metadata(directory).unwrap_err();
    assert_eq!(left.kind(), ErrorKind::NotFound);
}

#[test]
fn root_memory_of_another_host_is_read_while_its_program_does_something_else() {
    let hosts = Hosts::start(0, 0);
    let program = hosts.compile("read");
    let mut target = Running::start(hosts.command(0, &program).args(["efa_0", "target"]));
    let mut reader = Running::start(hosts.command(1, &program).args(["efa_0", "initiator"]));
    let address = target.hear();
    for _ in 0..2 {
        reader.tell(&address);
        let milliseconds: u64 = reader.hear().parse().unwrap();
        assert!(
            milliseconds < READ_BOUND.as_millis() as u64,
            "{milliseconds} ms"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
