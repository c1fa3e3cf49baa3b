//! Private keys as PuTTY writes them, without a passphrase: version 2, which all of its versions read (PuTTY User Manual, C, "PPK
//! file format", and C.5 there, "PPK version 2").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

use crate::Parts;
use crate::wire::{lines, string};

const LINE: usize = 64;
const ENCRYPTION: &str = "none";
/// The key of the code over a file is the digest of this, and of the passphrase behind it.
const MAC_KEY: &[u8] = b"putty-private-key-file-mac-key";

/// The file of a key with this comment.
pub(crate) fn write(parts: &Parts, comment: &str) -> String {
    // A comment is a line.
    let comment: String = comment
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    let covered = [
        parts.algorithm.as_bytes(),
        ENCRYPTION.as_bytes(),
        comment.as_bytes(),
        &parts.public,
        &parts.putty,
    ];
    let mut code = Vec::new();
    // HMAC takes keys of any length.
    if let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&Sha1::digest(MAC_KEY)) {
        covered.iter().for_each(|part| mac.update(&string(part)));
        code.extend(mac.finalize().into_bytes());
    }
    let (public, private) = (
        STANDARD.encode(&parts.public),
        STANDARD.encode(&parts.putty),
    );
    let (public, private) = (lines(&public, LINE), lines(&private, LINE));
    format!(
        "PuTTY-User-Key-File-2: {algorithm}\nEncryption: {ENCRYPTION}\nComment: {comment}\n\
        Public-Lines: {}\n{}\nPrivate-Lines: {}\n{}\nPrivate-MAC: {}",
        public.len(),
        public.join("\n"),
        private.len(),
        private.join("\n"),
        hex::encode(code),
        algorithm = parts.algorithm,
    )
}
