//! Whom an instance's programs trust: those that the host's trust, and the region's authority.
//!
//! One file for all instances, which every boot finds by a name of its own: a region that is started again makes a new one, and
//! those that run keep theirs.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use crate::RunDirectory;

/// Where distributions keep the certificates that programs trust: Debian's and Alpine's, Fedora's two, SUSE's, and the one that
/// LibreSSL and Go look for.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// The file, in the run directory and in that of each instance.
const NAME: &str = "ca-certificates.crt";
/// Those who do not look there by themselves are told: the AWS CLI and boto3, OpenSSL, Python's Requests, Node.js.
const VARIABLES: [&str; 4] = [
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
];

/// Writes what instances of this region trust: the first of the host's bundles, and the certificate of the region's authority.
pub(crate) fn write(run: &RunDirectory, authority: &str) -> io::Result<()> {
    let host = BUNDLES.into_iter().find_map(|path| fs::read(path).ok());
    let mut bundle = host.unwrap_or_default();
    if !bundle.is_empty() && !bundle.ends_with(b"\n") {
        bundle.push(b'\n');
    }
    bundle.extend(authority.as_bytes());
    let (path, new) = (
        run.path().join(NAME),
        run.path().join("ca-certificates.new"),
    );
    fs::write(&new, bundle)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o444))?;
    fs::rename(new, path)
}

/// Gives the instance of this directory what was written last. Without that it has the host's.
pub(crate) fn give(run: &RunDirectory, directory: &Path) -> io::Result<()> {
    let own = directory.join(NAME);
    match fs::remove_file(&own) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::hard_link(run.path().join(NAME), own) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        linked => linked,
    }
}

/// What tells the programs of the instance of this directory where to look.
pub(crate) fn variables(directory: &Path) -> Vec<(&'static str, OsString)> {
    let own = directory.join(NAME);
    if !own.exists() {
        return Vec::new();
    }
    let seen = places().into_iter().next().unwrap_or(own);
    VARIABLES
        .map(|name| (name, seen.clone().into_os_string()))
        .into()
}

/// In the mount namespace of the instance of this directory: its bundle takes the place of the host's.
pub(crate) fn mount_over(directory: &Path) -> io::Result<()> {
    let own = directory.join(NAME);
    if !own.exists() {
        return Ok(());
    }
    let none: Option<&str> = None;
    let shared = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    for place in places() {
        mount(Some(&own), &place, none, MsFlags::MS_BIND, none)?;
        // The file is the other instances' as well.
        mount(none, &place, none, shared, none)?;
    }
    Ok(())
}

/// The host's bundles, each file once: one name may lead to another.
fn places() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut places = Vec::new();
    for place in BUNDLES.map(PathBuf::from) {
        if let Ok(file) = fs::canonicalize(&place)
            && file.is_file()
            && !files.contains(&file)
        {
            files.push(file);
            places.push(place);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_comes_after_those_that_the_host_trusts() {
        let data = tempfile::tempdir().unwrap();
        let run = RunDirectory::of(data.path()).unwrap();
        let instance = run.path().join("i");
        fs::create_dir_all(&instance).unwrap();
        give(&run, &instance).unwrap();
        assert_eq!(variables(&instance), []);
        for authority in ["first\n", "second\n"] {
            write(&run, authority).unwrap();
            give(&run, &instance).unwrap();
            let bundle = fs::read_to_string(instance.join(NAME)).unwrap();
            assert!(bundle.ends_with(&format!("\n{authority}")) || bundle == authority);
        }
        let names: Vec<_> = variables(&instance).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, VARIABLES);
    }
}
