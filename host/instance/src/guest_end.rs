//! How a guest has ended itself: what it asked of its first process, or of the kernel.

use std::fs;
use std::io;
use std::path::Path;

use eni_plan::GuestEnd;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::run_directory::GUEST_END;

/// Exit codes of the first process, for what it was asked.
const POWERED_OFF: i32 = 10;
const REBOOTED: i32 = 11;

/// Signals by which a guest's programs ask the first process: busybox' `halt`, `poweroff` and `reboot` send these (busybox,
/// `init/halt.c`).
pub(crate) const ASKING_SIGNALS: [Signal; 3] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGTERM];

/// The exit code with which the first process does what a signal asks; none for others.
pub(crate) fn exit_code(signal: u32) -> Option<i32> {
    let signal = i32::try_from(signal)
        .ok()
        .and_then(|number| Signal::try_from(number).ok())?;
    match signal {
        Signal::SIGUSR1 | Signal::SIGUSR2 => Some(POWERED_OFF),
        Signal::SIGTERM => Some(REBOOTED),
        _ => None,
    }
}

/// What the end of the first process says; none where it did not end by the guest's will.
///
/// In a process namespace, reboot(2) ends the first process by SIGHUP for a reboot, by SIGINT for a halt or power-off (Linux,
/// `reboot_pid_ns`).
pub(crate) fn of_status(status: WaitStatus) -> Option<GuestEnd> {
    match status {
        WaitStatus::Exited(_, POWERED_OFF) | WaitStatus::Signaled(_, Signal::SIGINT, _) => {
            Some(GuestEnd::PoweredOff)
        }
        WaitStatus::Exited(_, REBOOTED) | WaitStatus::Signaled(_, Signal::SIGHUP, _) => {
            Some(GuestEnd::Rebooted)
        }
        _ => None,
    }
}

/// Writes down how the boot `boot_count` has ended.
pub(crate) fn write(directory: &Path, boot_count: u64, end: GuestEnd) -> io::Result<()> {
    let (path, new) = (directory.join(GUEST_END), directory.join("end.new"));
    let word = match end {
        GuestEnd::PoweredOff => "powered-off",
        GuestEnd::Rebooted => "rebooted",
    };
    fs::write(&new, format!("{boot_count} {word}\n"))?;
    fs::rename(new, path)
}

/// How the guest has ended the boot `boot_count`, if it has.
pub(crate) fn read(directory: &Path, boot_count: u64) -> Option<GuestEnd> {
    let text = fs::read_to_string(directory.join(GUEST_END)).ok()?;
    let (number, word) = text.trim().split_once(' ')?;
    if number.parse() != Ok(boot_count) {
        return None;
    }
    match word {
        "powered-off" => Some(GuestEnd::PoweredOff),
        "rebooted" => Some(GuestEnd::Rebooted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn the_kernels_and_the_first_process_s_words_are_understood() {
        let pid = Pid::from_raw(7);
        let signaled = |signal| of_status(WaitStatus::Signaled(pid, signal, false));
        assert_eq!(signaled(Signal::SIGINT), Some(GuestEnd::PoweredOff));
        assert_eq!(signaled(Signal::SIGHUP), Some(GuestEnd::Rebooted));
        assert_eq!(signaled(Signal::SIGKILL), None);
        let exited = |code| of_status(WaitStatus::Exited(pid, code));
        assert_eq!([exited(0), exited(1)], [None, None]);
        let asked = ASKING_SIGNALS.map(|signal| exit_code(signal as u32).and_then(exited));
        let (off, again) = (Some(GuestEnd::PoweredOff), Some(GuestEnd::Rebooted));
        assert_eq!(asked, [off, off, again]);
        assert_eq!(exit_code(Signal::SIGCHLD as u32), None);
    }

    #[test]
    fn an_end_is_of_one_boot() {
        let directory = tempfile::tempdir().unwrap();
        let read = |boot_count| read(directory.path(), boot_count);
        assert_eq!(read(1), None);
        for end in [GuestEnd::PoweredOff, GuestEnd::Rebooted] {
            write(directory.path(), 3, end).unwrap();
            assert_eq!((read(3), read(4)), (Some(end), None));
        }
    }
}
