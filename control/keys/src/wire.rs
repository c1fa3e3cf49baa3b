//! How SSH writes what keys are made of (RFC 4251, 5).

/// A string with its length.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), bytes].concat()
}

/// A number that is not negative, of its big-endian bytes: without leading zeros, but for the one that says that it is not negative.
pub(crate) fn mpint(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0);
    let bytes = bytes
        .get(first.unwrap_or(bytes.len())..)
        .unwrap_or_default();
    match bytes.first() {
        Some(first) if first & 0x80 != 0 => string(&[&[0], bytes].concat()),
        _ => string(bytes),
    }
}

/// Text in lines of so many characters, each with its end.
pub(crate) fn lines(text: &str, length: usize) -> Vec<&str> {
    let mut rest = text;
    let mut lines = Vec::new();
    while let Some((line, after)) = rest.split_at_checked(length) {
        lines.push(line);
        rest = after;
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_examples_of_rfc_4251_have_them() {
        assert_eq!(mpint(&[]), [0, 0, 0, 0]);
        assert_eq!(mpint(&[0, 0]), [0, 0, 0, 0]);
        let large = [0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7];
        assert_eq!(
            mpint(&[&[0], large.as_slice()].concat()),
            [&[0, 0, 0, 8], large.as_slice()].concat()
        );
        assert_eq!(mpint(&[0x80]), [0, 0, 0, 2, 0, 0x80]);
    }

    #[test]
    fn the_last_line_may_be_shorter() {
        assert_eq!(lines("abcde", 2), ["ab", "cd", "e"]);
        assert_eq!(lines("abcd", 2), ["ab", "cd"]);
        assert_eq!(lines("", 2), [""; 0]);
    }
}
