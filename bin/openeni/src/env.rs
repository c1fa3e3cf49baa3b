//! `openeni env`: what a shell needs to reach the region.

use crate::cli::DATA_DIRECTORY_VARIABLE;
use crate::dev::quoted;
use crate::directory::{Directory, DirectoryError};

/// Lines for `eval`. But for the paths, values hold no character that a shell reads otherwise: the key pair is letters and digits.
pub(crate) fn exports(directory: &Directory) -> Result<String, DirectoryError> {
    let endpoint = directory.endpoint()?;
    let key_pair = directory.key_pair()?;
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.url()),
        ("AWS_ACCESS_KEY_ID", key_pair.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", key_pair.secret_access_key),
        ("AWS_REGION", endpoint.region.clone()),
        ("AWS_DEFAULT_REGION", endpoint.region),
        (
            DATA_DIRECTORY_VARIABLE,
            quoted(&directory.path().to_string_lossy()),
        ),
        (
            "OPENENI_AUTHORITY",
            quoted(&directory.authority().to_string_lossy()),
        ),
        (
            "OPENENI_IDENTITY",
            quoted(&directory.identity().to_string_lossy()),
        ),
    ];
    let exports = variables
        .iter()
        .map(|(name, value)| format!("export {name}={value}\n"));
    // A token left over from other credentials would be sent along, and the region issues none.
    Ok(exports
        .chain(["unset AWS_SESSION_TOKEN\n".into()])
        .collect())
}
