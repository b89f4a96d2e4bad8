//! References to shared definitions: `{"$ref": "#/$defs/NAME"}`, deeper pointers too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const PREFIX: &str = "#/$defs/";

/// The definitions that `schema` refers to itself. A reference that stands where a value of another meaning may stand (an example)
/// counts too: one definition too many does no harm.
pub(crate) fn refs(schema: &Value, known: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                let target = members.get("$ref").and_then(Value::as_str);
                found.extend(target.and_then(|target| definition(target, &known)));
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// The name of the known definition that a reference points to or into. A reference is a URI's fragment that holds a JSON pointer
/// (RFC 6901, section 6), so a name may be percent-encoded; one that is not is taken as it stands.
fn definition(target: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let token = target.strip_prefix(PREFIX)?.split('/').next()?;
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    let plain = unescape(token);
    if known(&plain) {
        return Some(plain);
    }
    let decoded = percent_encoding::percent_decode_str(token).decode_utf8().ok()?;
    Some(unescape(&decoded)).filter(|name| known(name))
}

/// What each definition refers to, so that the definitions that a schema reaches are found without looking into a schema twice.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    direct: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Reach<'a> {
    /// Looks into all `definitions`.
    pub(crate) fn new(definitions: &'a BTreeMap<String, Value>) -> Self {
        let known = |name: &str| definitions.contains_key(name);
        Self { direct: definitions.iter().map(|(name, schema)| (name.as_str(), refs(schema, known))).collect() }
    }

    /// All definitions that the schemas reach, directly or not.
    pub(crate) fn from<'s>(&self, schemas: impl IntoIterator<Item = &'s Value>) -> BTreeSet<&'a str> {
        let known = |name: &str| self.direct.contains_key(name);
        let mut open: Vec<String> = schemas.into_iter().flat_map(|schema| refs(schema, known)).collect();
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            if let Some((&name, next)) = self.direct.get_key_value(name.as_str())
                && reached.insert(name)
            {
                open.extend(next.iter().cloned());
            }
        }
        reached
    }
}
