//! Credentials that calls are made with, in memory alone: whoever gets them (sources, readers of secrets) puts them here under a name,
//! and bound calls read them there at each call. They are in no record, answer, log line or `Debug` text.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;

use crate::certificates::Certificates;

/// All credentials by name. Cheap to clone; every clone is the same keyring.
#[derive(Clone, Default, Debug)]
pub struct Keyring(Arc<Mutex<HashMap<Box<str>, Arc<Ring>>>>, Certificates);

impl Keyring {
    /// What TLS takes from Secrets.
    pub fn certificates(&self) -> &Certificates {
        &self.1
    }

    /// The place of the credentials called `name`, whether or not there are any yet.
    pub fn ring(&self, name: &str) -> Arc<Ring> {
        let mut rings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match rings.get(name) {
            Some(ring) => ring.clone(),
            None => rings.entry(name.into()).or_default().clone(),
        }
    }
}

/// The place of one name's credentials. They are replaced as a whole; reading them takes no lock.
#[derive(Default, Debug)]
pub struct Ring(ArcSwapOption<Keys>);

impl Ring {
    /// The newest credentials; `None` while there are none.
    pub fn keys(&self) -> Option<Arc<Keys>> {
        self.0.load_full()
    }

    /// Puts `keys` in the place of what there was.
    pub fn put(&self, keys: Option<Keys>) {
        self.0.store(keys.map(Arc::new));
    }
}

/// AWS credentials: a key's id and its secret, of a session where there is a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The access key's id. Not a secret by itself, and shown nowhere all the same.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token of temporary credentials.
    pub token: Option<String>,
    /// When they end.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("expires", &self.expires).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_place_and_secrets_are_not_shown() {
        let keyring = Keyring::default();
        let ring = keyring.ring("aws");
        assert_eq!(ring.keys(), None);
        let keys = Keys { id: "AKID".into(), secret: "hidden".into(), token: Some("hidden".into()), expires: None };
        keyring.clone().ring("aws").put(Some(keys.clone()));
        assert_eq!(ring.keys().as_deref(), Some(&keys));
        assert!(!format!("{keyring:?}").contains("hidden"));
    }
}
