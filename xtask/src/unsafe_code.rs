//! `unsafe` lives in files named `sys.rs` only.
//!
//! The files are lexed, not searched, so that comments and strings may speak of it. Attributes such as
//! `#[unsafe(no_mangle)]` contain no unsafe code and pass.

use crate::repository::{self, Failure};
use proc_macro2::{TokenStream, TokenTree};
use std::ffi::OsStr;
use std::path::Path;
use std::str::FromStr;

/// Places outside `sys.rs` files that say `unsafe`, as `path:line` findings.
pub(crate) fn findings() -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for path in repository::rust_files()? {
        if path.file_name() == Some(OsStr::new("sys.rs")) {
            continue;
        }
        let source = repository::text(&path)?.unwrap_or_default();
        let lines = unsafe_lines(&path, &source)?;
        let finding = |line| {
            format!(
                "{}:{line}: unsafe code outside a sys.rs file",
                path.display()
            )
        };
        findings.extend(lines.into_iter().map(finding));
    }
    Ok(findings)
}

fn unsafe_lines(path: &Path, source: &str) -> Result<Vec<usize>, Failure> {
    let tokens = TokenStream::from_str(source).map_err(|error| Failure::Syntax {
        path: path.to_owned(),
        source: error.into(),
    })?;
    let mut lines = Vec::new();
    collect(tokens, false, &mut lines);
    Ok(lines)
}

fn collect(tokens: TokenStream, in_attribute: bool, lines: &mut Vec<usize>) {
    let mut after_hash = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                collect(group.stream(), in_attribute || after_hash, lines);
                after_hash = false;
            }
            TokenTree::Punct(punct) => {
                // `#![…]`: the mark stays while the exclamation mark passes.
                after_hash = punct.as_char() == '#' || (after_hash && punct.as_char() == '!');
            }
            TokenTree::Ident(ident) => {
                if ident == "unsafe" && !in_attribute {
                    lines.push(ident.span().start().line);
                }
                after_hash = false;
            }
            TokenTree::Literal(_) => after_hash = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let cases: [(&str, &[usize]); 5] = [
            ("fn f() { unsafe { g() } }", &[1]),
            ("// unsafe\nfn f() -> &'static str { \"unsafe\" }", &[]),
            ("#[unsafe(no_mangle)]\nfn f() {}", &[]),
            ("#![forbid(unsafe_code)]\n\nunsafe impl Send for X {}", &[3]),
            ("mod a {\n    fn f() { loop { unsafe { g() } } }\n}", &[2]),
        ];
        for (source, want) in cases {
            assert_eq!(
                unsafe_lines(Path::new("a.rs"), source).unwrap(),
                want,
                "{source}"
            );
        }
    }
}
