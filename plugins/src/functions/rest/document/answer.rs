//! The schema of what an operation answers: the first JSON of its 2xx responses, of `default` where there are none.

use serde_json::Value;
use serde_json::value::RawValue;

use super::body::media_name;
use super::tree::{Lost, Object, Version};
use super::{Direction, Reader};
use crate::functions::rest::call::is_json;

impl<'a> Reader<'a> {
    /// The schema of the answer of `operation`, if it says one. What is wrong with responses costs only this.
    pub(super) fn answer(&mut self, operation: &Object<'a>) -> Option<Value> {
        let mut responses = self.tree.object(operation.get("responses")?).ok()?;
        responses.sort_unstable_keys();
        let success = |code: &&String| code.starts_with('2');
        let codes: Vec<String> = match responses.keys().any(|code| success(&code)) {
            true => responses.keys().filter(success).cloned().collect(),
            false => vec!["default".to_owned()],
        };
        for code in codes {
            match self.response(operation, responses.get(&code)?) {
                Ok(Some(schema)) => return Some(self.schema(schema, Direction::Output)),
                Ok(None) => {}
                Err(fault) => self.complain(&format!("the response {code} is not read: {fault}")),
            }
        }
        None
    }

    /// The schema of the JSON of one response.
    fn response(&mut self, operation: &Object<'a>, raw: &'a RawValue) -> Result<Option<Value>, Lost> {
        let raw = self.tree.resolve(raw)?;
        let response = self.tree.object(raw)?;
        if self.tree.version == Version::V2 {
            let produces = self.media_types(operation, "produces");
            let json = produces.is_empty() || produces.iter().any(|name| is_json(&media_name(name)));
            return response.get("schema").filter(|_| json).map(|raw| self.tree.value(raw)).transpose();
        }
        let Some(content) = response.get("content") else { return Ok(None) };
        let content = self.tree.object(content)?;
        let json = || content.iter().filter(|(name, _)| is_json(&media_name(name)));
        // A range that JSON is in is the last choice.
        let Some((_, media)) = json().find(|(name, _)| !name.contains('*')).or_else(|| json().next()) else {
            return Ok(None);
        };
        let media = self.tree.resolve(media)?;
        self.tree.object(media)?.get("schema").map(|raw| self.tree.value(raw)).transpose()
    }
}
