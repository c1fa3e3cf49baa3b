//! `nft`, for as long as it may take.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{UplinkError, machine};

/// Where `nft` is on machines whose root has not these directories in its PATH, as after `su`.
const SYSTEM_PROGRAMS: &str = "/usr/sbin:/sbin";
/// How long it may take: a transaction waits for others, and takes milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// Runs `nft` with these commands on its standard input.
pub(super) fn nft(arguments: &[&str], commands: &str) -> Result<(), UplinkError> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut nft = Command::new("nft");
    nft.env("PATH", format!("{path}:{SYSTEM_PROGRAMS}"));
    run(nft.args(arguments), commands, PATIENCE)
}

/// Runs `program`; kills it if it has not ended in time.
pub(super) fn run(
    program: &mut Command,
    input: &str,
    patience: Duration,
) -> Result<(), UplinkError> {
    let failed = || machine("cannot run nft");
    let child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => UplinkError::NoNft,
        _ => failed()(source),
    })?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let input = input.to_owned();
    // Neither pipe may hold up the clock.
    thread::spawn(move || {
        // A program that has ended without reading says why.
        stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))
    });
    let said = thread::spawn(move || {
        let mut said = String::new();
        let read = stderr.map(|mut stderr| stderr.read_to_string(&mut said));
        read.transpose().map(|_| said)
    });
    let status = wait(&mut child, patience).map_err(failed())?;
    match status {
        None => Err(UplinkError::NftHangs),
        Some(status) if status.success() => Ok(()),
        Some(_) => Err(UplinkError::Nft {
            said: match said.join() {
                Ok(Ok(said)) => said.trim().into(),
                _ => String::from("not why"),
            },
        }),
    }
}

fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(POLL);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<(), UplinkError> {
        run(Command::new("sh").args(["-c", script]), "input\n", patience)
    }

    #[test]
    fn what_hangs_is_ended() {
        let began = Instant::now();
        let ended = shell("exec sleep 60", Duration::from_millis(100));
        assert!(matches!(ended, Err(UplinkError::NftHangs)), "{ended:?}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_it_says_is_told() {
        assert!(shell("read word && test $word = input", PATIENCE).is_ok());
        let Err(UplinkError::Nft { said }) = shell("echo no such thing >&2; exit 1", PATIENCE)
        else {
            panic!("it failed")
        };
        assert_eq!(said, "no such thing");
    }
}
