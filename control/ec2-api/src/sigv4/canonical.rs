//! The canonical request, streamed into its hash.

use std::borrow::Cow;

use eni_query::form_pairs;
use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};

/// Everything but the unreserved characters of RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// As [`RESERVED`], in a path, where the slash separates.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The parts of an HTTP request that a signature covers, as they arrived.
#[derive(Clone, Copy)]
pub struct RequestParts<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path of the request's target, still encoded.
    pub path: &'a str,
    /// The query of the request's target, still encoded, without the question mark.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl RequestParts<'_> {
    /// SHA-256 of the canonical request. `signed_headers` is the list as it was signed, `a;b`; `leave_out` names a query
    /// parameter that the signature cannot cover, because it is the signature.
    pub(super) fn hash(&self, signed_headers: &str, leave_out: Option<&str>) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.method);
        hash.update("\n");
        self.hash_path(&mut hash);
        hash.update("\n");
        self.hash_query(&mut hash, leave_out);
        hash.update("\n");
        for name in signed_headers.split(';') {
            hash.update(name);
            hash.update(":");
            self.hash_header(&mut hash, name);
            hash.update("\n");
        }
        hash.update("\n");
        hash.update(signed_headers);
        hash.update("\n");
        hash.update(hex::encode(Sha256::digest(self.body)));
        hash.finalize().into()
    }

    /// Dot segments and empty segments are resolved, then each byte is encoded once more (every service but S3).
    fn hash_path(&self, hash: &mut Sha256) {
        let mut segments: Vec<&str> = Vec::new();
        for segment in self.path.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                _ => segments.push(segment),
            }
        }
        if segments.is_empty() {
            hash.update("/");
            return;
        }
        for segment in segments {
            hash.update("/");
            for piece in percent_encode(segment.as_bytes(), RESERVED_IN_PATH) {
                hash.update(piece);
            }
        }
        if self.path.ends_with('/') {
            hash.update("/");
        }
    }

    /// The query is decoded as where its parameters are read (a plus is a space): what is signed is what is done.
    fn hash_query(&self, hash: &mut Sha256, leave_out: Option<&str>) {
        let mut pairs: Vec<_> = form_pairs(self.query.as_bytes())
            .filter(|(name, _)| leave_out.is_none_or(|left_out| left_out.as_bytes() != &**name))
            .map(|(name, value)| (encoded(name), encoded(value)))
            .collect();
        pairs.sort_unstable();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index > 0 {
                hash.update("&");
            }
            hash.update(name);
            hash.update("=");
            hash.update(value);
        }
    }

    /// All values of the header in order, joined by commas; surrounding white space dropped, inner runs made one space.
    fn hash_header(&self, hash: &mut Sha256, name: &str) {
        for (index, value) in self.headers.get_all(name).iter().enumerate() {
            if index > 0 {
                hash.update(",");
            }
            let mut words = value
                .as_bytes()
                .split(|byte| matches!(byte, b' ' | b'\t'))
                .filter(|word| !word.is_empty());
            if let Some(first) = words.next() {
                hash.update(first);
            }
            for word in words {
                hash.update(" ");
                hash.update(word);
            }
        }
    }
}

fn encoded(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte))
    {
        return bytes;
    }
    Cow::Owned(percent_encode(&bytes, RESERVED).to_string().into_bytes())
}
