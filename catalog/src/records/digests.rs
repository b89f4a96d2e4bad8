//! Many digests as one text, 32 digits each: a manifest may name thousands.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Digest;

/// Digests one after the other.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Digests(pub(crate) Vec<Digest>);

impl Digests {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digest| digest.fmt(f))
    }
}

impl Serialize for Digests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let (whole, rest) = text.as_bytes().as_chunks::<32>();
        if !rest.is_empty() {
            return Err(serde::de::Error::custom("a list of digests has 32 digits for each"));
        }
        let digest = |digits: &[u8; 32]| str::from_utf8(digits).ok()?.parse().ok();
        let digests: Option<_> = whole.iter().map(digest).collect();
        digests.map(Self).ok_or_else(|| serde::de::Error::custom("not digests"))
    }
}
