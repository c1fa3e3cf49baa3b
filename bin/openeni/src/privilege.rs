//! Who may run what.

use std::fs;

/// What the commands do that make networks, enter namespaces and load eBPF programs (capabilities(7)). CAP_SYS_ADMIN
/// includes CAP_BPF.
const CAPABILITIES: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN")];
/// `/proc/PID/uid_map` of the first user namespace: all ids, as they are (user_namespaces(7)).
const ALL_IDS: [&str; 3] = ["0", "0", "4294967295"];

/// Why this process may not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRoot {
    /// An ordinary user.
    #[error("`openeni {0}` needs root: run it with sudo")]
    User(&'static str),
    /// Root without the right to do it, as in most containers.
    #[error(
        "`openeni {command}` needs root with all capabilities, and {missing} is missing here: run it outside of the \
         container, or in a privileged one"
    )]
    Capability {
        command: &'static str,
        missing: &'static str,
    },
    /// Root of less than the machine.
    #[error(
        "`openeni {0}` needs the machine's root, and this is the root of a user namespace: run it outside of that"
    )]
    UserNamespace(&'static str),
}

/// Whether this process may do what `command` does; said at once, rather than by the first thing that fails.
pub(crate) fn need_root(command: &'static str) -> Result<(), NotRoot> {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    judge(
        command,
        nix::unistd::geteuid().is_root(),
        &read("status"),
        &read("uid_map"),
    )
}

/// What cannot be read is not held against the process.
fn judge(command: &'static str, is_root: bool, status: &str, uid_map: &str) -> Result<(), NotRoot> {
    if !is_root {
        return Err(NotRoot::User(command));
    }
    let map: Vec<&str> = uid_map.split_whitespace().collect();
    if !map.is_empty() && map != ALL_IDS {
        return Err(NotRoot::UserNamespace(command));
    }
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let missing = CAPABILITIES
        .iter()
        .find(|(bit, _)| effective.is_some_and(|mask| mask & (1 << bit) == 0));
    match missing {
        Some((_, missing)) => Err(NotRoot::Capability { command, missing }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_not_is_told_why() {
        let (all, docker) = ("CapEff:\t000001ffffffffff\n", "CapEff:\t00000000a80425fb\n");
        let (first, inner) = ("         0          0 4294967295\n", "0 1000 1\n");
        let missing = |missing| {
            Err(NotRoot::Capability {
                command: "dev",
                missing,
            })
        };
        for (is_root, status, map, want) in [
            (true, all, first, Ok(())),
            (true, "", "", Ok(())),
            (false, all, first, Err(NotRoot::User("dev"))),
            (true, all, inner, Err(NotRoot::UserNamespace("dev"))),
            (true, docker, first, missing("CAP_NET_ADMIN")),
            (
                true,
                "CapEff:\t0000000000001000\n",
                first,
                missing("CAP_SYS_ADMIN"),
            ),
        ] {
            assert_eq!(judge("dev", is_root, status, map), want, "{status} {map}");
        }
    }
}
