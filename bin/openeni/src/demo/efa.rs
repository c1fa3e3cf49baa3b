//! Two instances with an Elastic Fabric Adapter each run unmodified programs over it: libfabric's ping-pong, then an MPI
//! job, which a security group's rule cuts under load and lets work again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use eni_client::Ec2;
use serde::{Deserialize, Serialize};

use super::stage::{
    DemoError, PATIENCE, Stage, default_subnet, image, machine, wait, wait_running,
};
use super::timeline::milliseconds;
use crate::cli::{EfaOptions, Output};

/// A type with one adapter.
const INSTANCE_TYPE: &str = "c5n.18xlarge";
/// The MPI job.
const JOB: &str = include_str!("efa_job.py");
/// The interpreter that Debian's mpi4py is for.
const PYTHON: &str = "/usr/bin/python3";
/// Messages of each size in libfabric's ping-pong.
const PINGPONG_ROUNDS: &str = "100";
/// How long the job runs where it is to end by itself, and where the rule is to end it, in seconds.
const SHORT_JOB: &str = "1";
const LONG_JOB: &str = "60";
/// How long the job goes on before it is cut.
const STEADY: Duration = Duration::from_millis(300);

/// How fast a transfer went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Speed {
    /// One way, 64 bytes.
    latency_us: f64,
    /// One way, 1 MiB at a time.
    gigabytes_a_second: f64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Report {
    /// Sizes of messages that libfabric's ping-pong sent, with their data checked.
    pingpong_sizes: usize,
    mpi: Speed,
    /// From the answer of the call that revokes the rule to the end of the job.
    cut_ms: f64,
    /// The job's, when it was cut.
    exit_code: i32,
    mpi_again: Speed,
}

/// The two instances.
struct Scene {
    stage: Stage,
    group_id: String,
    instances: [String; 2],
    /// The second one's address for the ping-pong's own greeting.
    address: String,
    job: PathBuf,
    shell: PathBuf,
}

/// Runs the demonstration and prints what came of it. Must be called while the process has one thread.
pub(crate) fn run(options: &EfaOptions) -> Result<(), DemoError> {
    let tell = |line: &str| {
        if options.output == Output::Table {
            println!("{line}");
        }
    };
    check_libraries()?;
    let scene = Scene::set_up(Stage::set()?)?;
    let [first, second] = &scene.instances;
    tell(&format!(
        "two instances with an Elastic Fabric Adapter each: {first}, {second}"
    ));
    let pingpong_sizes = scene.pingpong()?;
    tell(&format!(
        "fi_pingpong -p efa                 {pingpong_sizes} sizes up to 1 MiB went and came back, their data checked"
    ));
    let mpi = scene.mpi()?;
    tell(&format!(
        "MPI job (OpenMPI, mtl/ofi, efa)    {}",
        mpi.render()
    ));
    let (cut, exit_code) = scene.cut()?;
    let cut_ms = milliseconds(cut);
    tell(&format!(
        "RevokeSecurityGroupIngress         the job, under load, ended with exit code {exit_code} after {cut_ms:.0} ms"
    ));
    scene.rule("AuthorizeSecurityGroupIngress")?;
    let mpi_again = scene.mpi()?;
    tell(&format!(
        "AuthorizeSecurityGroupIngress      {}",
        mpi_again.render()
    ));
    if options.output == Output::Json {
        let report = Report {
            pingpong_sizes,
            mpi,
            cut_ms,
            exit_code,
            mpi_again,
        };
        let json = serde_json::to_string(&report);
        println!(
            "{}",
            json.expect("reports have string keys and finite numbers")
        );
    }
    Ok(())
}

/// The demonstration is of nothing else.
fn check_libraries() -> Result<(), DemoError> {
    let directory = crate::dev::efa_libraries().map_err(machine("cannot find this program"))?;
    let missing = eni_efa_install::missing_libraries(&directory);
    if missing.is_empty() {
        return Ok(());
    }
    Err(DemoError::NoLibraries {
        missing: missing.join(" and "),
        directory,
    })
}

impl Speed {
    fn render(self) -> String {
        format!(
            "64 bytes {:>6.2} us one way, 1 MiB {:>6.2} GB/s",
            self.latency_us, self.gigabytes_a_second
        )
    }
}

/// How many sizes `fi_pingpong` tells of: a row for each, which begins with its bytes.
fn sizes(printed: &str) -> usize {
    let begins_with_digit = |row: &&str| row.starts_with(|first: char| first.is_ascii_digit());
    printed.lines().filter(begins_with_digit).count()
}

impl Scene {
    fn set_up(stage: Stage) -> Result<Self, DemoError> {
        let ec2 = &stage.ec2;
        let group_id = ec2
            .call(
                "CreateSecurityGroup",
                &[
                    ("GroupName", "hpc"),
                    ("GroupDescription", "All traffic among its members"),
                ],
            )?
            .first("groupId")?;
        // The outbound rule that a new group begins with names no group, and lets no OS-bypass traffic out.
        rule(ec2, "AuthorizeSecurityGroupEgress", &group_id)?;
        rule(ec2, "AuthorizeSecurityGroupIngress", &group_id)?;
        let launched = ec2.call(
            "RunInstances",
            &[
                ("ImageId", &image(ec2)?),
                ("InstanceType", INSTANCE_TYPE),
                ("MinCount", "2"),
                ("MaxCount", "2"),
                ("NetworkInterface.1.DeviceIndex", "0"),
                ("NetworkInterface.1.InterfaceType", "efa"),
                ("NetworkInterface.1.SubnetId", &default_subnet(ec2)?),
                ("NetworkInterface.1.SecurityGroupId.1", &group_id),
            ],
        )?;
        let instances: [String; 2] = launched
            .all("instanceId")
            .try_into()
            .map_err(|_| DemoError::Nonsense("two instances"))?;
        for id in &instances {
            wait_running(ec2, id)?;
        }
        let described = ec2.call("DescribeInstances", &[("InstanceId.1", &instances[1])])?;
        let address = described.first("privateIpAddress")?;
        let directory = stage.region.data_directory();
        let job = directory.join("job.py");
        fs::write(&job, JOB).map_err(machine("cannot write the job"))?;
        let shell = remote_shell(&stage.program, directory)?;
        Ok(Self {
            group_id,
            instances,
            address,
            job,
            shell,
            stage,
        })
    }

    /// A command in an instance.
    fn command(&self, instance: usize, command: &[&str]) -> Command {
        let mut exec = Command::new(&self.stage.program);
        exec.args(["exec", "--data-dir"])
            .arg(self.stage.region.data_directory())
            .args([&self.instances[instance], "--"])
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        exec
    }

    /// `fi_pingpong` in an instance, by itself on a processor if there are two.
    fn pingpong_end(&self, instance: usize, server: &[&str]) -> Command {
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let processor = (instance % processors).to_string();
        let common = [
            "taskset",
            "-c",
            &processor,
            "fi_pingpong",
            "-p",
            "efa",
            "-e",
            "rdm",
            "-v",
            "-I",
            PINGPONG_ROUNDS,
        ];
        self.command(instance, &[&common, server].concat())
    }

    fn pingpong(&self) -> Result<usize, DemoError> {
        const WHAT: &str = "cannot run fi_pingpong (Debian has it in libfabric-bin)";
        let server = self.pingpong_end(1, &[]).spawn().map_err(machine(WHAT))?;
        let mut server = Ended::new(server);
        // The server listens a moment after it was started; the client that finds nobody ends at once.
        let printed = wait("a ping-pong", || {
            let mut client = self.pingpong_end(0, &[&self.address]);
            let output = client.output().map_err(machine(WHAT))?;
            if server.exit_code()?.is_some_and(|code| code != 0) {
                return Err(DemoError::Wrong {
                    what: "fi_pingpong",
                    said: String::from_utf8_lossy(&output.stderr).into_owned(),
                });
            }
            Ok(output.status.success().then_some(output.stdout))
        })?;
        match sizes(&String::from_utf8_lossy(&printed)) {
            0 => Err(DemoError::Nonsense("a ping-pong")),
            sizes => Ok(sizes),
        }
    }

    /// Starts the job and gives it with its first line.
    fn start_job(&self, seconds: &str) -> Result<(Ended, mpsc::Receiver<String>), DemoError> {
        let [first, second] = &self.instances;
        let mut job = Command::new("mpirun")
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .args(["-np", "2", "--host", &format!("{first}:1,{second}:1")])
            .args(["--mca", "plm_rsh_agent"])
            .arg(&self.shell)
            .args(["--mca", "plm_rsh_no_tree_spawn", "1"])
            // Debian's configuration leaves libfabric out unless told.
            .args([
                "--mca", "pml", "cm", "--mca", "mtl", "ofi", "--mca", "btl", "self",
            ])
            .args([
                "--mca",
                "mtl_ofi_provider_include",
                "efa",
                "--bind-to",
                "none",
            ])
            // An exception in one rank must end the job: without this it waits for the others in MPI_Finalize.
            .args([PYTHON, "-m", "mpi4py"])
            .arg(&self.job)
            .arg(seconds)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(machine("cannot run mpirun (Debian has it in openmpi-bin)"))?;
        let (send, lines) = mpsc::channel();
        if let Some(printed) = job.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(printed).lines().map_while(Result::ok) {
                    // Whoever listened may have heard enough.
                    let _ = send.send(line);
                }
            });
        }
        Ok((Ended::new(job), lines))
    }

    fn mpi(&self) -> Result<Speed, DemoError> {
        let (mut job, lines) = self.start_job(SHORT_JOB)?;
        let code = wait("the end of the MPI job", || job.exit_code())?;
        let printed: Vec<String> = lines.iter().collect();
        let wrong = |said: String| DemoError::Wrong {
            what: "the MPI job",
            said,
        };
        if code != 0 {
            return Err(wrong(format!("exit code {code} {}", printed.join("\n"))));
        }
        let last = printed
            .last()
            .and_then(|line| serde_json::from_str(line).ok());
        last.ok_or_else(|| wrong(printed.join("\n")))
    }

    /// Revokes the rule under load. Gives how long the job then went on, and its exit code.
    fn cut(&self) -> Result<(Duration, i32), DemoError> {
        let (mut job, lines) = self.start_job(LONG_JOB)?;
        let first = lines.recv_timeout(PATIENCE);
        first.map_err(|_| DemoError::Late("the job's first exchange"))?;
        thread::sleep(STEADY);
        self.rule("RevokeSecurityGroupIngress")?;
        let revoked = Instant::now();
        let code = wait("the end of the job that was cut", || job.exit_code())?;
        if code == 0 {
            return Err(DemoError::Wrong {
                what: "the job that was cut",
                said: "it ended as if nothing had been".to_owned(),
            });
        }
        Ok((revoked.elapsed(), code))
    }

    fn rule(&self, action: &str) -> Result<(), DemoError> {
        rule(&self.stage.ec2, action, &self.group_id)
    }
}

/// Adds or removes the rule that lets a group's members reach each other.
fn rule(ec2: &Ec2, action: &str, group_id: &str) -> Result<(), DemoError> {
    ec2.call(
        action,
        &[
            ("GroupId", group_id),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.Groups.1.GroupId", group_id),
        ],
    )?;
    Ok(())
}

/// What `mpirun` starts its daemons by instead of ssh: called with an instance's id and a command.
fn remote_shell(program: &Path, directory: &Path) -> Result<PathBuf, DemoError> {
    let path = directory.join("remote-shell");
    let script = format!(
        "#!/bin/sh\ninstance=$1\nshift\nexec '{}' exec --data-dir '{}' \"$instance\" -- sh -c \"$*\"\n",
        program.display(),
        directory.display()
    );
    let write = || {
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
    };
    write().map_err(machine("cannot write the remote shell"))?;
    Ok(path)
}

/// A process that ends with this value.
struct Ended(Child);

impl Ended {
    fn new(child: Child) -> Self {
        Self(child)
    }

    /// Its exit code once it has ended; 255 for one that a signal ended.
    fn exit_code(&mut self) -> Result<Option<i32>, DemoError> {
        let status = self
            .0
            .try_wait()
            .map_err(machine("cannot watch a process"))?;
        Ok(status.map(|status| status.code().unwrap_or(255)))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_that_fi_pingpong_tells_of_are_counted() {
        let printed = "bytes   #sent   #ack     total       time     MB/sec    usec/xfer   Mxfers/sec\n\
                       64      1k      =1k      125k        0.00s     80.00       0.80       1.25\n\
                       1m      1k      =1k      1.9g        0.12s  17000.00      61.68       0.02\n";
        assert_eq!(sizes(printed), 2);
        assert_eq!(sizes("no route to host\n"), 0);
    }
}
