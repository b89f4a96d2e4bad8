//! Keys as bytes: the order of the bytes is the order of the keys, so that every ordered store lists a space, and within it
//! an upstream, in one sweep. A text that something follows ends in two zero bytes; a zero byte of its own is followed by `0xff`.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Key, Keys, Space};
use crate::model::{Digest, UpstreamId};

const END: [u8; 2] = [0, 0];
const ESCAPED: u8 = 0xff;

impl Space {
    /// Every space, in order.
    pub const ALL: [Self; 7] =
        [Self::Meta, Self::Manifest, Self::Function, Self::Blob, Self::Endpoints, Self::History, Self::Event];

    /// The first byte of all its keys.
    pub fn tag(self) -> u8 {
        match self {
            Self::Meta => b'0',
            Self::Manifest => b'1',
            Self::Function => b'2',
            Self::Blob => b'3',
            Self::Endpoints => b'4',
            Self::History => b'5',
            Self::Event => b'6',
        }
    }

    /// All its keys.
    pub fn keys(self) -> Keys {
        vec![self.tag()]..vec![self.tag() + 1]
    }
}

impl Key {
    /// The key as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.space().tag()];
        match self {
            Self::Meta => {}
            Self::Manifest(id) | Self::Endpoints(id) => bytes.extend_from_slice(id.as_str().as_bytes()),
            Self::Function(id, digest) | Self::Blob(id, digest) => {
                push_text(&mut bytes, id.as_str());
                bytes.extend_from_slice(digest.as_bytes());
            }
            Self::History(id, name) => {
                push_text(&mut bytes, id.as_str());
                bytes.extend_from_slice(name.as_bytes());
            }
            Self::Event(revision, n) => {
                bytes.extend_from_slice(&revision.to_be_bytes());
                bytes.extend_from_slice(&n.to_be_bytes());
            }
        }
        bytes
    }

    /// The key that [`Key::to_bytes`] made these bytes of; `None` for others.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        let space = Space::ALL.into_iter().find(|space| space.tag() == tag)?;
        Some(match space {
            Space::Meta => rest.is_empty().then_some(Self::Meta)?,
            Space::Manifest => Self::Manifest(id(rest)?),
            Space::Endpoints => Self::Endpoints(id(rest)?),
            Space::Function | Space::Blob => {
                let (upstream, digest) = split_text(rest)?;
                let digest = Digest::from(<[u8; 16]>::try_from(digest).ok()?);
                match space {
                    Space::Function => Self::Function(id(&upstream)?, digest),
                    _ => Self::Blob(id(&upstream)?, digest),
                }
            }
            Space::History => {
                let (upstream, name) = split_text(rest)?;
                Self::History(id(&upstream)?, Arc::from(str::from_utf8(name).ok()?))
            }
            Space::Event => {
                let (revision, n) = rest.split_first_chunk::<8>()?;
                Self::Event(u64::from_be_bytes(*revision), u32::from_be_bytes(n.try_into().ok()?))
            }
        })
    }
}

fn id(bytes: &[u8]) -> Option<UpstreamId> {
    str::from_utf8(bytes).ok().map(UpstreamId::from)
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        bytes.push(byte);
        if byte == 0 {
            bytes.push(ESCAPED);
        }
    }
    bytes.extend_from_slice(&END);
}

/// The text at the beginning of `bytes`, and what follows it.
fn split_text(bytes: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    if bytes.get(end + 1) == Some(&0) {
        return Some((Cow::Borrowed(&bytes[..end]), &bytes[end + 2..]));
    }
    let mut text = Vec::new();
    let mut rest = bytes;
    loop {
        let zero = rest.iter().position(|&byte| byte == 0)?;
        text.extend_from_slice(&rest[..zero]);
        match *rest.get(zero + 1)? {
            ESCAPED => text.push(0),
            0 => return Some((Cow::Owned(text), &rest[zero + 2..])),
            _ => return None,
        }
        rest = &rest[zero + 2..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Key> {
        let text = "[\0a-c\u{ff}]{0,3}";
        let id = text.prop_map(|t| UpstreamId::from(t.as_str()));
        let digest = any::<[u8; 16]>().prop_map(Digest::from);
        prop_oneof![
            Just(Key::Meta),
            id.clone().prop_map(Key::Manifest),
            id.clone().prop_map(Key::Endpoints),
            (id.clone(), digest.clone()).prop_map(|(id, digest)| Key::Function(id, digest)),
            (id.clone(), digest).prop_map(|(id, digest)| Key::Blob(id, digest)),
            (id, text).prop_map(|(id, name)| Key::History(id, name.into())),
            (0..3_u64, 0..3_u32).prop_map(|(revision, n)| Key::Event(revision, n)),
            any::<(u64, u32)>().prop_map(|(revision, n)| Key::Event(revision, n)),
        ]
    }

    proptest! {
        #[test]
        fn bytes_are_ordered_as_keys_and_come_back(a in key(), b in key()) {
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(Key::from_bytes(&a.to_bytes()), Some(a));
        }

        #[test]
        fn foreign_bytes_are_no_key_or_the_same_one(bytes in proptest::collection::vec(prop_oneof![Just(0), Just(0xff), b'0'..b'8'], 0..24)) {
            if let Some(key) = Key::from_bytes(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }
}
