//! User data of instances.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an instance is given to boot with, as its programs see it. Calls and the stored form write it in base64. Its copies
/// share the bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserData(Arc<[u8]>);

impl UserData {
    /// As calls answer it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

/// How much there is: it may hold secrets.
impl fmt::Debug for UserData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UserData({} bytes)", self.0.len())
    }
}

impl Deref for UserData {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for UserData {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

/// From base64. Only the text that [`UserData::to_base64`] gives is taken, so that what is stored stays as it was.
impl FromStr for UserData {
    type Err = base64::DecodeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: Vec<u8> = STANDARD.decode(text)?;
        Ok(Self(bytes.into()))
    }
}

impl Serialize for UserData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for UserData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_was(text in "[A-Za-z0-9+/]{0,9}={0,2}") {
            if let Ok(read) = text.parse::<UserData>() {
                prop_assert_eq!(read.to_base64(), text);
            }
        }
    }
}
