//! Folders, each declared once: what is listed there is what is found there.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A value.
    Text(String),
    /// Names, those of folders with a slash at their end.
    Folder(Vec<String>),
}

/// An entry of a folder about an `S`.
pub(crate) enum Entry<S> {
    /// A value; `None` where there is none, and none is listed.
    Text(fn(&S) -> Option<String>),
    /// A folder; given the path in it. `None` for the folder itself means that there is none, and none is listed.
    Folder(fn(&S, &[&str]) -> Option<Node>),
}

/// Entries with their names, in the order in which they are listed.
pub(crate) type Entries<S> = [(&'static str, Entry<S>)];

/// What is at `path` in a folder. A folder without entries is none.
pub(crate) fn look<S>(entries: &Entries<S>, about: &S, path: &[&str]) -> Option<Node> {
    let Some((name, below)) = path.split_first() else {
        let names = entries.iter().filter_map(|(name, entry)| match entry {
            Entry::Text(text) => text(about).map(|_| (*name).to_owned()),
            Entry::Folder(folder) => folder(about, &[]).map(|_| format!("{name}/")),
        });
        let names: Vec<String> = names.collect();
        return (!names.is_empty()).then_some(Node::Folder(names));
    };
    let (_, entry) = entries.iter().find(|(known, _)| known == name)?;
    match entry {
        Entry::Text(text) if below.is_empty() => text(about).map(Node::Text),
        Entry::Text(_) => None,
        Entry::Folder(folder) => folder(about, below),
    }
}

/// A folder of values whose names are data.
pub(crate) fn look_among<'a>(
    values: impl Iterator<Item = (&'a str, String)>,
    path: &[&str],
) -> Option<Node> {
    match path {
        [] => {
            let names: Vec<String> = values.map(|(name, _)| name.to_owned()).collect();
            (!names.is_empty()).then_some(Node::Folder(names))
        }
        [wanted] => {
            let mut values = values;
            values
                .find(|(name, _)| name == wanted)
                .map(|(_, text)| Node::Text(text))
        }
        _ => None,
    }
}

/// Values, one a line.
pub(crate) fn joined(values: impl IntoIterator<Item = String>) -> String {
    values.into_iter().collect::<Vec<_>>().join("\n")
}
