//! The parameters of a request as a tree.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::string::String;
use alloc::vec::Vec;

use percent_encoding::utf8_percent_encode;

use crate::error::join;
use crate::form::{self, RESERVED, form_pairs};
use crate::{FromQuery, QueryError};

/// Parameters in one request. EC2 takes forms of up to a mebibyte; no operation needs more names than this.
pub const MAX_PARAMETERS: usize = 20_000;
/// Dots in one parameter's name. The deepest name in EC2's model has nine.
pub const MAX_DEPTH: usize = 16;
/// Stands for the number of a list's member in the pattern of a name.
pub const ANY_MEMBER: &str = "N";

/// A node: perhaps a value, perhaps children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryNode {
    value: Option<String>,
    children: BTreeMap<String, QueryNode>,
}

impl QueryNode {
    /// The value given for exactly this name.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Whether the name was given with an empty value and nothing below it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value() == Some("") && self.children.is_empty()
    }

    /// The node one name deeper.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(name)
    }

    /// The names one level deeper.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.children.keys().map(String::as_str)
    }

    /// Whether no value but empty ones is given, neither for the name nor below it.
    fn says_nothing(&self) -> bool {
        self.value().unwrap_or_default().is_empty()
            && self.children.values().all(Self::says_nothing)
    }

    fn remove_empty(&mut self, pattern: &[&str]) -> bool {
        let Some((first, rest)) = pattern.split_first() else {
            return self.says_nothing();
        };
        let mut none_is_left = true;
        self.children.retain(|name, child| {
            let is_number = || name.bytes().all(|byte| byte.is_ascii_digit());
            let is_alike = if *first == ANY_MEMBER {
                is_number()
            } else {
                name == first
            };
            if !is_alike {
                return true;
            }
            let is_empty = child.remove_empty(rest);
            none_is_left &= is_empty;
            let holds_others = child.value.is_some() || !child.children.is_empty();
            if rest.is_empty() {
                !is_empty
            } else {
                holds_others
            }
        });
        none_is_left
    }

    /// Reads the child `name` of the node at `path`. For derived readers.
    ///
    /// # Errors
    /// What reading `T` gives.
    pub fn read_child<T: FromQuery>(
        node: Option<&Self>,
        path: &str,
        name: &str,
    ) -> Result<T, QueryError> {
        T::from_query(node.and_then(|node| node.child(name)), &join(path, name))
    }

    /// As [`read_child`](Self::read_child), but an empty value is a value.
    ///
    /// # Errors
    /// What reading `T` gives.
    pub fn read_child_keeping_empty<T: FromQuery>(
        node: Option<&Self>,
        path: &str,
        name: &str,
    ) -> Result<T, QueryError> {
        T::keeping_empty(node.and_then(|node| node.child(name)), &join(path, name))
    }

    /// Refuses children that `known` does not know, and a value where only children are expected. For derived readers.
    ///
    /// # Errors
    /// [`QueryError::Unknown`] for the first unknown name.
    pub fn check_names(
        node: Option<&Self>,
        path: &str,
        known: impl Fn(&str) -> bool,
    ) -> Result<(), QueryError> {
        let Some(node) = node else { return Ok(()) };
        if let Some(value) = node.value().filter(|value| !value.is_empty()) {
            return Err(QueryError::invalid(path, value, "A structure is expected."));
        }
        match node.names().find(|name| !known(name)) {
            Some(name) => Err(QueryError::unknown(path, name)),
            None => Ok(()),
        }
    }
}

/// All parameters of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryTree {
    root: QueryNode,
    parameters: usize,
}

impl QueryTree {
    /// Builds the tree from decoded pairs.
    ///
    /// # Errors
    /// [`QueryError::MalformedForm`] for an empty name, a name given twice, or a form beyond the limits.
    pub fn from_pairs<N: AsRef<str>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, QueryError> {
        let mut tree = Self::default();
        for (name, value) in pairs {
            tree.insert(name.as_ref(), value.into())?;
        }
        Ok(tree)
    }

    /// Adds the parameters of an encoded form, save those whose name `leave_out` picks.
    ///
    /// # Errors
    /// As [`from_pairs`](Self::from_pairs), and for text that is not UTF-8 or that XML cannot repeat.
    pub fn add_form(
        &mut self,
        form: &[u8],
        leave_out: impl Fn(&str) -> bool,
    ) -> Result<(), QueryError> {
        for (name, value) in form_pairs(form) {
            let name = form::text(&name)?;
            if !leave_out(name) {
                self.insert(name, form::text(&value)?.to_owned())?;
            }
        }
        Ok(())
    }

    /// The parameters as an encoded form, sorted by name.
    #[must_use]
    pub fn to_form(&self) -> String {
        let mut form = String::new();
        write_form(&self.root, "", &mut form);
        form
    }

    fn insert(&mut self, name: &str, value: String) -> Result<(), QueryError> {
        if self.parameters >= MAX_PARAMETERS {
            return Err(QueryError::MalformedForm {
                reason: "The request has too many parameters",
            });
        }
        self.parameters += 1;
        if name.split('.').count() > MAX_DEPTH {
            return Err(QueryError::MalformedForm {
                reason: "A parameter name is nested too deeply",
            });
        }
        let mut node = &mut self.root;
        for part in name.split('.') {
            if part.is_empty() {
                return Err(QueryError::MalformedForm {
                    reason: "A parameter name is empty",
                });
            }
            node = match node.children.entry(part.to_owned()) {
                Entry::Occupied(occupied) => occupied.into_mut(),
                Entry::Vacant(vacant) => vacant.insert(QueryNode::default()),
            };
        }
        match node.value.replace(value) {
            Some(_) => Err(QueryError::MalformedForm {
                reason: "A parameter is given more than once",
            }),
            None => Ok(()),
        }
    }

    /// Takes a top-level parameter out of the tree and reads it, such as `Option<String>` for `Action`.
    ///
    /// # Errors
    /// What reading `T` gives.
    pub fn take<T: FromQuery>(&mut self, name: &str) -> Result<T, QueryError> {
        T::from_query(self.root.children.remove(name).as_ref(), name)
    }

    /// Takes out every parameter whose name is as `pattern` (`NetworkInterface.N.Ipv4Prefix`) and that is given with
    /// empty values only. Whether none as the pattern is left.
    #[must_use]
    pub fn remove_empty(&mut self, pattern: &str) -> bool {
        let parts: Vec<&str> = pattern.split('.').collect();
        self.root.remove_empty(&parts)
    }

    /// Reads the whole request.
    ///
    /// # Errors
    /// What reading `T` gives.
    pub fn read<T: FromQuery>(&self) -> Result<T, QueryError> {
        T::from_query(Some(&self.root), "")
    }

    /// A number that two requests share only if all their parameters are equal (FNV-1a, 128 bits). It is what makes a
    /// client token used twice with other parameters an error.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let mut hash = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        hash.node(&self.root);
        hash.0
    }
}

fn write_form(node: &QueryNode, name: &str, form: &mut String) {
    if let Some(value) = node.value() {
        if !form.is_empty() {
            form.push('&');
        }
        form.extend(utf8_percent_encode(name, RESERVED));
        form.push('=');
        form.extend(utf8_percent_encode(value, RESERVED));
    }
    for (part, child) in &node.children {
        write_form(child, &join(name, part), form);
    }
}

struct Fnv(u128);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().copied().chain([0xff]) {
            self.0 =
                (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn node(&mut self, node: &QueryNode) {
        // An empty value is not an absent one.
        match node.value() {
            Some(value) => self.bytes(value.as_bytes()),
            None => self.bytes(&[0xfd]),
        }
        for (name, child) in &node.children {
            self.bytes(name.as_bytes());
            self.node(child);
        }
        self.bytes(&[0xfe]);
    }
}
