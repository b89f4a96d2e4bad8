//! A document as a tree of values that know their place in the file.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Options, Spanned};

/// The largest number of values in one document; resources are written by hand.
const MOST_NODES: usize = 50_000;
/// How deep they may lie.
const DEEPEST: usize = 64;

/// A place in a file, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct At {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl At {
    /// The place of what comes from no file.
    pub(crate) const NOWHERE: Self = Self { line: 0, column: 0 };
}

/// One value and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// What a value may be.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Flag(bool),
    /// A number that is whole and not negative.
    Count(u64),
    /// Any other number.
    Number,
    Text(String),
    List(Vec<Node>),
    /// In the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A field's name and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) at: At,
    pub(crate) name: String,
}

/// A fault of the text itself.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) at: At,
    pub(crate) message: String,
}

/// The documents of a text, each by itself, so that a broken one costs no other. Empty ones are left out. JSON is read as YAML, whose
/// flow style contains it.
pub(crate) fn documents(text: &str) -> Vec<Result<Node, Broken>> {
    let mut documents = Vec::new();
    let (mut start, mut first_line, mut line, mut offset) = (0, 0, 0, 0);
    for piece in text.split_inclusive('\n') {
        if is_separator(piece) {
            documents.extend(document(&text[start..offset], first_line));
            (start, first_line) = (offset + 3, line);
        }
        line += 1;
        offset += piece.len();
    }
    documents.extend(document(&text[start..], first_line));
    documents
}

/// `---` at a line's beginning, before its end or a space (YAML 1.2.2, 9.1.2).
fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// One document, `before` lines into its file.
fn document(text: &str, before: u64) -> Option<Result<Node, Broken>> {
    let is_content = |line: &str| !line.is_empty() && !line.starts_with(['#', '%']) && line != "...";
    if !text.lines().any(|line| is_content(line.trim())) {
        return None;
    }
    let read = serde_saphyr::from_str_with_options::<Node>(text, options());
    Some(match read {
        Ok(Node { value: Value::Null, .. }) => return None,
        Ok(mut node) => {
            node.shift(before);
            Ok(node)
        }
        Err(error) => {
            let at =
                error.location().map_or(At { line: 1, column: 1 }, |at| At { line: at.line(), column: at.column() });
            let message = error.without_snippet().to_string();
            // Its own account of the place counts from this document's beginning.
            let message = message.lines().next().unwrap_or_default();
            let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message).to_owned();
            Err(Broken { at: At { line: at.line.max(1) + before, column: at.column.max(1) }, message })
        }
    })
}

fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: MOST_NODES, max_depth: DEEPEST },
    }
}

impl Node {
    /// What came as JSON, from nowhere in particular.
    pub(crate) fn of_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Flag(*flag),
            Json::Number(number) => number.as_u64().map_or(Value::Number, Value::Count),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(Self::of_json).collect()),
            Json::Object(fields) => {
                let field = |(name, value): (&String, &Json)| {
                    (Key { at: At::NOWHERE, name: name.clone() }, Self::of_json(value))
                };
                Value::Map(fields.iter().map(field).collect())
            }
        };
        Self { at: At::NOWHERE, value }
    }

    /// The same as JSON, but for numbers that are not counts: no field that is read is such a one.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Number => serde_json::Value::Null,
            Value::Flag(flag) => (*flag).into(),
            Value::Count(count) => (*count).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            // What is nothing is not there.
            Value::Map(fields) => fields
                .iter()
                .filter(|(_, value)| !matches!(value.value, Value::Null))
                .map(|(key, value)| (key.name.clone(), value.to_json()))
                .collect(),
        }
    }

    fn shift(&mut self, lines: u64) {
        self.at.line += lines;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.shift(lines)),
            Value::Map(fields) => fields.iter_mut().for_each(|(key, value)| {
                key.at.line += lines;
                value.shift(lines);
            }),
            _ => {}
        }
    }

    /// What it is, for a person.
    pub(crate) fn described(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Flag(_) => "true or false",
            Value::Count(_) | Value::Number => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { at: At { line: referenced.line(), column: referenced.column() }, value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Flag(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Count(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Number, Value::Count))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(Spanned { value: name, referenced, .. }) = fields.next_key::<Spanned<String>>()? {
            let at = At { line: referenced.line(), column: referenced.column() };
            map.push((Key { at, name }, fields.next_value()?));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[&str]) {
        let got: Vec<_> = documents(text)
            .iter()
            .map(|document| match document {
                Ok(node) => format!("{}:{} {}", node.at.line, node.at.column, shown(node)),
                Err(broken) => format!("{}:{} broken", broken.at.line, broken.at.column),
            })
            .collect();
        assert_eq!(got, wanted, "{text}");
    }

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".into(),
            Value::Flag(flag) => flag.to_string(),
            Value::Count(count) => count.to_string(),
            Value::Number => "number".into(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(items) => format!("{:?}", items.iter().map(shown).collect::<Vec<_>>()),
            Value::Map(fields) => {
                let field = |(key, value): &(Key, Node)| {
                    format!("{}@{}:{}={}", key.name, key.at.line, key.at.column, shown(value))
                };
                fields.iter().map(field).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn values_know_their_place() {
        check("a: 1\nb: [x, -2, 1.5]\n", &[r#"1:1 a@1:1=1 b@2:1=["\"x\"", "number", "number"]"#]);
        check("{\"a\": {\"b\": true, \"c\": null}}", &["1:1 a@1:2=b@1:8=true c@1:19=null"]);
        check("a: yes\nb: \"1\"\n", &["1:1 a@1:1=\"yes\" b@2:1=\"1\""]);
    }

    #[test]
    fn documents_stand_alone() {
        check("", &[]);
        check("# nothing\n---\n# nothing\n---\n", &[]);
        check("---\na: 1\n---\nb: [\n---\nc: 3\n...\n", &["2:1 a@2:1=1", "4:4 broken", "6:1 c@6:1=3"]);
        check("a: 1\n--- \nb: 2", &["1:1 a@1:1=1", "3:1 b@3:1=2"]);
        check("a: |\n  ---\n  text\n", &["1:1 a@1:1=\"---\\ntext\\n\""]);
        check("a: 1\na: 2\n", &["2:1 broken"]);
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..9 {
            let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
        }
        assert!(documents(&text)[0].is_err());
        assert!(documents(&"[".repeat(10_000))[0].is_err());
    }
}
