//! Private keys as OpenSSH writes them, without a passphrase (openssh-portable, `PROTOCOL.key`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::wire::{lines, string};

const MAGIC: &[u8] = b"openssh-key-v1\0";
const LINE: usize = 70;
/// What the private part is filled up to.
const BLOCK: usize = 8;

/// A key of its public and private parts. `check` stands there twice, by which a wrong passphrase would be found.
/// Without the end of its last line OpenSSH does not read it.
pub(crate) fn write(public: &[u8], private: &[u8], check: u32) -> String {
    let check = check.to_be_bytes();
    let no_comment = string(b"");
    let mut secret = [check.as_slice(), &check, private, &no_comment].concat();
    let padding = secret.len().next_multiple_of(BLOCK) - secret.len();
    secret.extend((1..).take(padding));
    let key = [
        MAGIC,
        &string(b"none"),
        &string(b"none"),
        &string(b""),
        &1_u32.to_be_bytes(),
        &string(public),
        &string(&secret),
    ];
    let text = STANDARD.encode(key.concat());
    let text = lines(&text, LINE).join("\n");
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----\n")
}
