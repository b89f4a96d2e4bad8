//! Tables of the traps that real documents set, and snapshots of small whole ones.

mod bodies;
mod corrupted;
mod limits;
mod operations;
mod parameters;
mod schemas;
mod servers;
mod texts;
mod versions;

use std::collections::BTreeMap;

use catalog::model::Description;
use serde_json::{Value, json};
use url::Url;

use super::{DocumentError, Reader, tree::Tree};

/// Where the documents of these tests are said to come from.
fn location() -> Url {
    Url::parse("http://upstream.example/docs/openapi.json").unwrap()
}

fn read(document: &Value) -> Description {
    read_text(&document.to_string()).unwrap()
}

fn read_text(text: &str) -> Result<Description, DocumentError> {
    super::read(text.as_bytes(), &location())
}

/// What was read of each operation, as JSON: `{"binding", "parameters", "bodies", "output"}`, the schemas in the order of the binding.
struct Shapes {
    of: BTreeMap<String, Value>,
    definitions: BTreeMap<String, Value>,
    complaints: Vec<String>,
}

impl Shapes {
    fn of(document: &Value) -> Self {
        let (text, location) = (document.to_string(), location());
        let mut reader = Reader::new(Tree::new(&text, &location).unwrap());
        let mut of = BTreeMap::new();
        for site in reader.sites() {
            reader.site = site.origin();
            let fields = reader.tree.object(site.operation).unwrap();
            let shape = reader.shape(&site, &fields).unwrap();
            let read = json!({
                "binding": shape.operation,
                "parameters": shape.parts.parameters,
                "bodies": shape.parts.bodies,
                "output": shape.output,
            });
            of.insert(site.origin(), read);
        }
        Self { of, definitions: reader.definitions.finish(), complaints: reader.complaints }
    }

    /// The one operation that there is.
    fn only(&self) -> &Value {
        assert_eq!(self.of.len(), 1);
        self.of.values().next().unwrap()
    }
}

/// A document of that version with one operation, `POST /things/{id}`, which says `fields`; `others` are further members of the document.
fn document(version: &str, fields: Value, others: Value) -> Value {
    let key = if version.starts_with('2') { "swagger" } else { "openapi" };
    let mut document = json!({ key: version, "info": {}, "paths": { "/things/{id}": { "post": fields } } });
    document.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    document
}
