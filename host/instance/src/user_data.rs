//! What user data is, and why it is not run.

use std::io;
use std::path::Path;

/// What begins each format that cloud-init knows besides scripts (cloud-init's "User-data formats"; EC2 User Guide, "Run
/// commands when you launch an EC2 instance with user data input").
const FORMATS: [(&[u8], &str); 10] = [
    (b"#cloud-config", "cloud-config"),
    (b"#include", "an include file"),
    (b"#cloud-boothook", "a cloud boothook"),
    (b"#upstart-job", "an upstart job"),
    (b"#part-handler", "a part handler"),
    (b"## template:", "a template"),
    (b"Content-Type:", "a MIME archive"),
    (b"MIME-Version:", "a MIME archive"),
    (b"\x1f\x8b", "compressed"),
    (b"<", "a script for Windows"),
];

/// What user data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Empty,
    /// It begins with `#!`, and its first line names what runs it.
    Script,
    /// Not ours to read; says what it seems to be.
    Unsupported(String),
}

impl Kind {
    pub(crate) fn of(user_data: &[u8]) -> Self {
        if user_data.is_empty() {
            return Self::Empty;
        }
        if user_data.starts_with(b"#!") {
            return Self::Script;
        }
        let begins = |head: &[u8]| {
            let there = user_data.get(..head.len()).unwrap_or_default();
            there.eq_ignore_ascii_case(head)
        };
        let format = FORMATS.iter().find(|(head, _)| begins(head));
        Self::Unsupported(match format {
            Some((_, format)) => {
                format!("it is {format}, which is not supported: give a script that begins with #!")
            }
            None => "it does not begin with #!".into(),
        })
    }
}

/// Why a script was not started, where the system's word for it misleads.
pub(crate) fn not_started(user_data: &[u8], error: &io::Error) -> String {
    let line = user_data.split(|byte| *byte == b'\n').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let words = line
        .trim_start_matches("#!")
        .trim_start_matches([' ', '\t']);
    let interpreter = words.split([' ', '\t']).next().unwrap_or_default();
    if interpreter.trim().is_empty() {
        return "its first line names no interpreter".into();
    }
    if interpreter.ends_with('\r') {
        return "its lines end as on Windows (carriage return and line feed)".into();
    }
    match error.kind() {
        io::ErrorKind::NotFound if !Path::new(interpreter).exists() => {
            format!("its interpreter {interpreter} is not there")
        }
        io::ErrorKind::PermissionDenied => {
            format!("its interpreter {interpreter} cannot be executed")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_script_is_named() {
        for (user_data, want) in [
            (
                &b"#cloud-config\npackages: []\n"[..],
                "it is cloud-config, ",
            ),
            (
                b"Content-Type: multipart/mixed; boundary=x\n",
                "it is a MIME archive, ",
            ),
            (b"mime-version: 1.0\n", "it is a MIME archive, "),
            (b"\x1f\x8b\x08", "it is compressed, "),
            (b"<powershell>", "it is a script for Windows, "),
            (b"echo hello", "it does not begin with #!"),
            (b"\n#!/bin/sh\n", "it does not begin with #!"),
        ] {
            let Kind::Unsupported(what) = Kind::of(user_data) else {
                panic!("{want}")
            };
            assert!(what.starts_with(want), "{what}");
        }
        assert_eq!(Kind::of(b""), Kind::Empty);
        assert_eq!(Kind::of(b"#!/bin/sh"), Kind::Script);
    }

    #[test]
    fn a_script_that_does_not_start_says_why() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        for (user_data, want) in [
            (
                "#!/no/such/shell -e\n",
                "its interpreter /no/such/shell is not there",
            ),
            (
                "#! /no/such/shell",
                "its interpreter /no/such/shell is not there",
            ),
            (
                "#!/bin/sh\r\ntrue\r\n",
                "its lines end as on Windows (carriage return and line feed)",
            ),
            ("#!\n", "its first line names no interpreter"),
        ] {
            assert_eq!(not_started(user_data.as_bytes(), &missing), want);
        }
    }
}
