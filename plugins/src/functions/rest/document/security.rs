//! What security schemes mean for arguments: an `apiKey` is one; all others are in `Authorization`, which passes by itself.

use serde_json::Value;

use super::Reader;
use super::structure;
use super::tree::{Object, Version};
use crate::functions::rest::binding::Place;

/// The most keys of one operation.
const MAX_KEYS: usize = 16;

impl<'a> Reader<'a> {
    /// Place and name of each key that `operation` may be called with: those of all its alternatives, each once.
    pub(super) fn api_key_names(&mut self, operation: &Object<'a>) -> Vec<(Place, String)> {
        let required = match operation.get("security") {
            Some(raw) => self.tree.value(raw).ok(),
            None => self.tree.top("security"),
        };
        let Some(Value::Array(alternatives)) = required else { return Vec::new() };
        let mut keys = Vec::new();
        for name in alternatives.iter().filter_map(Value::as_object).flat_map(|alternative| alternative.keys()) {
            if let Some(key) = self.api_key(name).filter(|key| keys.len() < MAX_KEYS && !keys.contains(key)) {
                keys.push(key);
            }
        }
        keys
    }

    fn api_key(&mut self, scheme: &str) -> Option<(Place, String)> {
        let scheme = scheme.replace('~', "~0").replace('/', "~1");
        let pointer = match self.tree.version {
            Version::V2 => format!("/securityDefinitions/{scheme}"),
            _ => format!("/components/securitySchemes/{scheme}"),
        };
        let raw = self.tree.locate(&pointer).and_then(|raw| self.tree.resolve(raw)).ok()?;
        structure::api_key(&self.tree.value(raw).ok()?)
    }
}
