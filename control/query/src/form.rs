//! The form encoding (`application/x-www-form-urlencoded`) that requests arrive in.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::QueryError;

/// What is not encoded when a form is written: the unreserved characters of RFC 3986, 2.3.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// `text` with all but the unreserved characters of RFC 3986 encoded, as IAM answers policy documents.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).collect()
}

/// The decoded names and values of a form, in order. A plus is a space; a percent sign that no two hexadecimal digits
/// follow stands for itself; empty pairs are passed over.
pub fn form_pairs(form: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    form.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let split = pair.iter().position(|byte| *byte == b'=');
            let (name, value) =
                split.map_or((pair, [].as_slice()), |at| (&pair[..at], &pair[at + 1..]));
            (decoded(name), decoded(value))
        })
}

fn decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'+') {
        return percent_decode(bytes).into();
    }
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

/// The text in `bytes`, if an answer can repeat it.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, QueryError> {
    let malformed = |reason| QueryError::MalformedForm { reason };
    let text = core::str::from_utf8(bytes)
        .map_err(|_| malformed("The request is not encoded in UTF-8"))?;
    if text.chars().all(is_xml_character) {
        Ok(text)
    } else {
        Err(malformed("The request contains a control character"))
    }
}

/// Whether XML 1.0 (2.2) has a way to write the character, without which no answer could contain it.
fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
