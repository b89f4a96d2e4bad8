//! Credentials that calls are made with, in memory alone: whoever gets them (sources, readers of secrets) puts them here under a name,
//! and bound calls read them there at each call. They are in no record, answer, log line or `Debug` text.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use catalog::model::Aws;

use crate::certificates::Certificates;
use crate::places::{Place, Places};

/// All credentials by name, and what TLS takes from Secrets. Cheap to clone; every clone is the same keyring.
#[derive(Clone, Default, Debug)]
pub struct Keyring {
    keys: Places<Keys>,
    certificates: Certificates,
}

/// The place of one name's credentials.
pub type Ring = Place<Keys>;

impl Keyring {
    /// The place of the keys that an upstream in AWS is called with: those of its configured credential.
    pub fn aws(&self, aws: &Aws) -> Arc<Ring> {
        self.ring(&format!("aws/{}", aws.identity))
    }

    /// What TLS takes from Secrets.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The place of the credentials called `name`, whether or not there are any yet.
    pub fn ring(&self, name: &str) -> Arc<Ring> {
        self.keys.place(name)
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
    fn secrets_are_not_shown() {
        let keys = Keys { id: "AKID".into(), secret: "hidden".into(), token: Some("hidden".into()), expires: None };
        assert_eq!(format!("{keys:?}"), "Keys { expires: None, .. }");
    }
}
