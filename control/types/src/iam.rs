//! Names, paths and ids of IAM.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no name or path, as IAM words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedIamText {
    /// It is empty.
    Empty,
    /// It is longer than so many characters.
    Long(usize),
    /// It has characters that a name does not have.
    NameCharacters,
    /// It is no path.
    Path,
}

impl MalformedIamText {
    /// IAM's text about the parameter `name` with this value.
    #[must_use]
    pub fn message(self, name: &str, value: &str) -> String {
        let constraint = |text: &str| {
            format!(
                "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have \
                 length {text}"
            )
        };
        match self {
            Self::Empty => constraint("greater than or equal to 1"),
            Self::Long(most) => constraint(&format!("less than or equal to {most}")),
            Self::NameCharacters => format!(
                "The specified value for {name} is invalid. It must contain only alphanumeric characters and/or the \
                 following: +=,.@_-"
            ),
            Self::Path => format!(
                "The specified value for {name} is invalid. It must begin and end with / and contain only alphanumeric \
                 characters and/or / characters."
            ),
        }
    }
}

impl fmt::Display for MalformedIamText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "it is empty",
            Self::Long(_) => "it is too long",
            Self::NameCharacters => "it has characters that no name has",
            Self::Path => "it is no path",
        })
    }
}

fn check_name(text: &str, most: usize) -> Result<(), MalformedIamText> {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if text.is_empty() {
        Err(MalformedIamText::Empty)
    } else if !text.bytes().all(is_of_name) {
        Err(MalformedIamText::NameCharacters)
    } else if text.len() > most {
        Err(MalformedIamText::Long(most))
    } else {
        Ok(())
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, |$text:ident| $check:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug)]
            pub struct $name(String);

            impl $name {
                /// As it was given.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }
            impl FromStr for $name {
                type Err = MalformedIamText;
                fn from_str($text: &str) -> Result<Self, MalformedIamText> {
                    $check?;
                    Ok(Self($text.to_owned()))
                }
            }
            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str(&self.0)
                }
            }
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(&self.0)
                }
            }
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }
            impl Ord for $name {
                fn cmp(&self, other: &Self) -> Ordering {
                    folded(&self.0).cmp(folded(&other.0))
                }
            }
            impl PartialOrd for $name {
                fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                    Some(self.cmp(other))
                }
            }
            impl PartialEq for $name {
                fn eq(&self, other: &Self) -> bool {
                    self.cmp(other) == Ordering::Equal
                }
            }
            impl Eq for $name {}
            impl Hash for $name {
                fn hash<H: Hasher>(&self, state: &mut H) {
                    folded(&self.0).for_each(|byte| state.write_u8(byte));
                }
            }
        )*
    };
}

fn folded(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().map(|byte| byte.to_ascii_lowercase())
}

texts! {
    /// A role's name. Names that differ in case only are the same (IAM API reference, `CreateRole`).
    RoleName, |text| check_name(text, 64);
    /// An instance profile's name; as with roles, case makes no other name.
    InstanceProfileName, |text| check_name(text, 128);
    /// A policy's name; as with roles, case makes no other name.
    PolicyName, |text| check_name(text, 128);
    /// Where an entity stands in the account: `/`, or names between slashes (IAM User Guide, "IAM identifiers").
    EntityPath, |text| {
        let is_of_path = |byte: u8| byte.is_ascii_graphic();
        let is_path = text.starts_with('/') && text.ends_with('/') && text.bytes().all(is_of_path);
        match text.len() {
            0 => Err(MalformedIamText::Empty),
            length if length > 512 => Err(MalformedIamText::Long(512)),
            _ if !is_path => Err(MalformedIamText::Path),
            _ => Ok(()),
        }
    };
}

/// Hands the names of the types of all these texts to the macro `for_each`.
#[macro_export]
macro_rules! each_iam_text {
    ($for_each:ident) => {
        $for_each! { RoleName, InstanceProfileName, PolicyName, EntityPath }
    };
}

impl Default for EntityPath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// A text that is no unique id of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no unique id of this kind")]
pub struct MalformedUniqueId;

/// Characters behind the prefix of a unique id.
const UNIQUE_CHARACTERS: usize = 17;
/// Base32 (RFC 4648, 6), of which unique ids are made.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

macro_rules! unique_ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name([u8; UNIQUE_CHARACTERS]);

            impl $name {
                /// The id made of these random bits.
                #[must_use]
                pub fn from_random(bits: [u64; 2]) -> Self {
                    Self(unique(bits))
                }
            }
            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str($prefix)?;
                    self.0.iter().try_for_each(|byte| write!(formatter, "{}", char::from(*byte)))
                }
            }
            impl FromStr for $name {
                type Err = MalformedUniqueId;
                fn from_str(text: &str) -> Result<Self, MalformedUniqueId> {
                    let characters = text.strip_prefix($prefix).ok_or(MalformedUniqueId)?;
                    let bytes: [u8; UNIQUE_CHARACTERS] =
                        characters.as_bytes().try_into().map_err(|_| MalformedUniqueId)?;
                    let all = bytes.iter().all(|byte| BASE32.contains(byte));
                    all.then_some(Self(bytes)).ok_or(MalformedUniqueId)
                }
            }
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }
        )*
    };
}

fn unique(bits: [u64; 2]) -> [u8; UNIQUE_CHARACTERS] {
    let mut rest = u128::from(bits[0]) << 64 | u128::from(bits[1]);
    [(); UNIQUE_CHARACTERS].map(|()| {
        let digit = (rest & 31) as usize;
        rest >>= 5;
        BASE32[digit]
    })
}

// IAM User Guide, "Unique identifiers".
unique_ids! {
    /// A role's unique id: another role of the same name has another.
    RoleId, "AROA";
    /// An instance profile's unique id.
    InstanceProfileId, "AIPA";
    /// A managed policy's unique id.
    PolicyId, "ANPA";
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_and_paths_have_iams_form() {
        let long = "a".repeat(65);
        for (text, want) in [
            ("web", Ok(())),
            ("Web+=,.@_-1", Ok(())),
            ("", Err(MalformedIamText::Empty)),
            ("a b", Err(MalformedIamText::NameCharacters)),
            ("a/b", Err(MalformedIamText::NameCharacters)),
            ("ä", Err(MalformedIamText::NameCharacters)),
            (long.as_str(), Err(MalformedIamText::Long(64))),
        ] {
            assert_eq!(text.parse::<RoleName>().map(drop), want, "{text}");
        }
        assert!(long.parse::<PolicyName>().is_ok());
        for (text, want) in [
            ("/", Ok(())),
            ("/a/", Ok(())),
            ("/a/b/", Ok(())),
            ("", Err(MalformedIamText::Empty)),
            ("a/", Err(MalformedIamText::Path)),
            ("/a", Err(MalformedIamText::Path)),
            ("/a b/", Err(MalformedIamText::Path)),
        ] {
            assert_eq!(text.parse::<EntityPath>().map(drop), want, "{text}");
        }
    }

    #[test]
    fn case_makes_no_other_name() {
        let [one, other]: [RoleName; 2] = ["Web", "wEB"].map(|text| text.parse().unwrap());
        assert_eq!(one, other);
        assert_eq!(one.to_string(), "Web", "a name is kept as it was given");
        assert!(one < "wec".parse().unwrap());
    }

    #[test]
    fn a_unique_id_is_its_prefix_and_17_characters() {
        let id = RoleId::from_random([u64::MAX, 1]);
        let text = id.to_string();
        assert_eq!(text.len(), 21);
        assert_eq!(text.parse(), Ok(id));
        for text in ["", "AROA", "AIPAAAAAAAAAAAAAAAAAA", "AROAaAAAAAAAAAAAAAAAA"] {
            assert_eq!(text.parse::<RoleId>(), Err(MalformedUniqueId), "{text}");
        }
    }
}
