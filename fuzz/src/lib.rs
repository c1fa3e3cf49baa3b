//! What fuzzers share.

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What it is.
    pub kind: u8,
    /// How it is done.
    pub argument: u8,
    /// With what, at most 255 bytes.
    pub bytes: &'a [u8],
}

/// A fuzzer's input as steps: kind, argument and length in a byte each, then the bytes, as far as there are so many.
pub fn steps(input: &[u8]) -> impl Iterator<Item = Step<'_>> {
    let mut rest = input;
    std::iter::from_fn(move || {
        let [kind, argument, length, tail @ ..] = rest else {
            return None;
        };
        let (bytes, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        Some(Step {
            kind: *kind,
            argument: *argument,
            bytes,
        })
    })
}
