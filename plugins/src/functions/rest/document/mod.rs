//! Reads OpenAPI documents: Swagger 2.0, OpenAPI 3.0, 3.1 and 3.2, in JSON or YAML, into a [`Description`].
//!
//! **What it promises.** The functions are exactly the operations of `paths`, in the document's order; webhooks and callbacks are none.
//! An operation that is wrong costs itself only and is complained of; so does a part of it that can be done without (a parameter
//! whose `$ref` leads nowhere). References into other documents are not followed: a schema there is any value.
//!
//! **The way.** Bytes become one JSON text (`text`, `yaml`), which stays as it is: `tree::Tree` finds pieces of it by pointer, in
//! the order in which they stand, and only what an operation needs is ever parsed. `paths` lists the operations; `operation` makes
//! a function of one, from its parameters, body, answer, server and security scheme. Swagger 2.0 is turned into the shape of 3.0
//! piece by piece on the way (`swagger`). Schemas become JSON Schema 2020-12 (`schema`, `keywords`); those with a name become
//! definitions, kept once (`definitions`).
//!
//! **What `openapiv3` is for**: the structure of parameters, encodings and security schemes, of which it knows the allowed values
//! and the defaults. It reads each of them alone, with a placeholder for the schema: its schema type is that of 3.0 and strict, and
//! its maps would come in another order through [`serde_json::Value`]. What its types lack (`in: querystring`,
//! `style: cookie`, `tsv`, an `explode` that was not said) is dealt with beside it in `structure`.
//!
//! **Limits.** Nesting to [`serde_json`]'s 128 levels; text that is parsed again and again because many operations refer to it is
//! paid from a budget (`Tree::charge`); YAML has limits of its own.

mod answer;
mod body;
mod definitions;
mod keywords;
mod operation;
mod parameters;
mod paths;
pub(super) mod properties;
mod schema;
mod security;
mod server;
mod structure;
mod swagger;
mod text;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

use catalog::model::Description;
use serde_json::Value;
use url::Url;

use self::definitions::Definitions;
use self::tree::Tree;

/// The most complaints kept of one document; a document with more has one fault many times.
const MAX_COMPLAINTS: usize = 100;

/// Reads the document `bytes`, which came from `location` (relative servers are resolved against it). Takes long for a large
/// document: up to a second for each 10 MB.
pub fn read(bytes: &[u8], location: &Url) -> Result<Description, DocumentError> {
    let text = text::json(bytes)?;
    let tree = Tree::new(&text, location)?;
    let mut reader = Reader::new(tree);
    let mut functions = Vec::new();
    for site in reader.sites() {
        reader.site = site.origin();
        match reader.function(&site) {
            Ok(function) => functions.push(function),
            Err(fault) => reader.complain(&format!("left out: {fault}")),
        }
    }
    let definitions = reader.definitions.finish();
    Ok(Description { functions, definitions, attachments: Vec::new(), complaints: reader.complaints })
}

/// Why a text yields no functions at all.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DocumentError {
    /// It says nothing of `openapi` or `swagger`.
    #[error("no OpenAPI document")]
    NotOpenApi,
    /// It is broken JSON or YAML; the text says where.
    #[error("{0}")]
    Syntax(String),
    /// A version that is not read.
    #[error("version {0} of OpenAPI is not read: only 2.0, 3.0, 3.1 and 3.2 are")]
    Version(String),
}

/// Whether a schema says what goes in or what comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Direction {
    /// Arguments: without `readOnly` properties.
    Input,
    /// Results: without `writeOnly` properties.
    Output,
}

/// One document being read. Its methods stand in the file of what they read.
struct Reader<'a> {
    tree: Tree<'a>,
    definitions: Definitions,
    complaints: Vec<String>,
    /// What is being read, for complaints: `GET /pets`.
    site: String,
}

impl<'a> Reader<'a> {
    fn new(tree: Tree<'a>) -> Self {
        Self { tree, definitions: Definitions::default(), complaints: Vec::new(), site: String::new() }
    }

    /// Notes what is wrong with what is being read.
    fn complain(&mut self, what: &str) {
        let complaint = format!("{}: {what}", self.site);
        if self.complaints.len() < MAX_COMPLAINTS && !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }
}

/// A short text, also where YAML read it as a number or a truth value.
fn short_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A truth value, also where it stands as text.
fn truth(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(true))) || matches!(value, Some(Value::String(text)) if text == "true")
}
