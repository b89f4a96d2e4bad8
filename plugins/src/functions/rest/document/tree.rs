//! A document's text, and its pieces by pointer. Nothing is parsed before it is asked for, and objects keep their order.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::{DocumentError, short_text, text};

/// An object whose members are not parsed yet, in the document's order. Of a repeated name the last value counts.
pub(super) type Object<'a> = IndexMap<String, &'a RawValue>;

/// The longest chain of references to references.
const MAX_HOPS: usize = 16;

/// The deepest place that a reference may name.
const MAX_POINTER: usize = 64;

/// How many times its own length a document may be parsed. Each level of it is looked through once for its members, and a schema
/// once more for what it refers to and once for each direction; real documents come to 12.
const PARSED_TIMES: usize = 16;

/// What may be parsed beyond that, in bytes: small documents may refer to one piece often.
const PARSED_MORE: usize = 16 << 20;

/// What one more argument costs, in the same bytes: about half of what it takes in its function.
pub(super) const ARGUMENT: usize = 512;

/// Which rules hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Version {
    /// Swagger 2.0.
    V2,
    /// OpenAPI 3.0.
    V30,
    /// OpenAPI 3.1.
    V31,
    /// OpenAPI 3.2, and what may follow it.
    V32,
}

/// Why a piece of the document cannot be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Lost {
    /// In another document.
    #[error("`$ref` into another document, which is not followed: {0}")]
    Foreign(String),
    /// Nowhere.
    #[error("`$ref` leads nowhere: {0}")]
    Dangling(String),
    /// To itself, or through too many others.
    #[error("`$ref` leads in a circle: {0}")]
    Circle(String),
    /// It is there and is not what it should be.
    #[error("{0}")]
    Malformed(String),
    /// The budget is spent.
    #[error("the document refers to its own parts too often")]
    Spent,
}

/// The document.
pub(super) struct Tree<'a> {
    root: &'a RawValue,
    /// Where it came from.
    pub(super) location: &'a Url,
    /// Its version.
    pub(super) version: Version,
    /// Its members.
    pub(super) top: Rc<Object<'a>>,
    /// What references are relative to: the location, or what `$self` says (3.2).
    base: Url,
    /// Objects and arrays that references went through, by pointer.
    seen: HashMap<String, Rc<Object<'a>>>,
    budget: usize,
}

impl<'a> Tree<'a> {
    /// The document `text`, valid JSON, which came from `location`.
    pub(super) fn new(text: &'a str, location: &'a Url) -> Result<Self, DocumentError> {
        let syntax = |error: serde_json::Error| DocumentError::Syntax(error.to_string());
        let root: &RawValue = serde_json::from_str(text).map_err(syntax)?;
        if !root.get().starts_with('{') {
            return Err(DocumentError::NotOpenApi);
        }
        let top: Object<'a> = serde_json::from_str(root.get()).map_err(syntax)?;
        let member = |name: &str| top.get(name).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        let version = version(member)?;
        let base =
            member("$self").and_then(|own| location.join(own.as_str()?).ok()).unwrap_or_else(|| location.clone());
        let budget = text.len() * PARSED_TIMES + PARSED_MORE;
        Ok(Self { root, location, version, top: Rc::new(top), base, seen: HashMap::new(), budget })
    }

    /// Pays for parsing `bytes` once more, or for work like that. This bounds the work and the memory that a small document can ask for by
    /// referring to one large piece from many operations.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Lost> {
        let left = self.budget.checked_sub(bytes);
        // Once it is spent it stays so: what follows must not slip through piecemeal.
        self.budget = left.unwrap_or(0);
        left.map(drop).ok_or(Lost::Spent)
    }

    /// The piece `raw` as a value.
    pub(super) fn value(&mut self, raw: &RawValue) -> Result<Value, Lost> {
        self.charge(raw.get().len())?;
        serde_json::from_str(raw.get())
            .or_else(|_| serde_json::from_str(&text::repaired(raw.get())))
            .map_err(|error| Lost::Malformed(error.to_string()))
    }

    /// The members of `raw`; an error where it is no object.
    pub(super) fn object(&mut self, raw: &'a RawValue) -> Result<Object<'a>, Lost> {
        self.charge(raw.get().len())?;
        serde_json::from_str(raw.get()).map_err(|_| Lost::Malformed("no object where one has to be".into()))
    }

    /// The items of `raw`, none where it is null; an error where it is no array.
    pub(super) fn list(&mut self, raw: &'a RawValue) -> Result<Vec<&'a RawValue>, Lost> {
        self.charge(raw.get().len())?;
        let items: Option<Vec<&RawValue>> =
            serde_json::from_str(raw.get()).map_err(|_| Lost::Malformed("no array where one has to be".into()))?;
        Ok(items.unwrap_or_default())
    }

    /// The member `name` of the document, as a value.
    pub(super) fn top(&mut self, name: &str) -> Option<Value> {
        let raw = *self.top.get(name)?;
        self.value(raw).ok()
    }

    /// `raw`, or what it refers to.
    pub(super) fn resolve(&mut self, raw: &'a RawValue) -> Result<&'a RawValue, Lost> {
        let mut raw = raw;
        let mut reference = None;
        for _ in 0..MAX_HOPS {
            self.charge(raw.get().len())?;
            reference = match serde_json::from_str::<Reference>(raw.get()) {
                Ok(Reference { target: Some(Value::String(target)) }) => Some(target),
                _ => return Ok(raw),
            };
            let pointer = self.pointer(reference.as_deref().unwrap_or_default())?;
            raw = self.locate(&pointer)?;
        }
        Err(Lost::Circle(reference.unwrap_or_default()))
    }

    /// The pointer that the reference `target` names, if it is into this document: decoded, but for `~0` and `~1`.
    pub(super) fn pointer(&self, target: &str) -> Result<String, Lost> {
        let fragment = match target.split_once('#') {
            Some(("", fragment)) => fragment,
            Some((document, fragment)) if self.is_own(document) => fragment,
            None if self.is_own(target) => "",
            _ => return Err(Lost::Foreign(target.to_owned())),
        };
        let pointer = percent_decode_str(fragment).decode_utf8_lossy();
        match pointer.is_empty() || pointer.starts_with('/') {
            true => Ok(pointer.into_owned()),
            false => Err(Lost::Dangling(target.to_owned())),
        }
    }

    /// Whether `document`, a reference without its fragment, is this document by its own address.
    fn is_own(&self, document: &str) -> bool {
        self.base.join(document).is_ok_and(|url| url == self.base || url == *self.location)
    }

    /// What is at `pointer`.
    pub(super) fn locate(&mut self, pointer: &str) -> Result<&'a RawValue, Lost> {
        if pointer.matches('/').count() > MAX_POINTER {
            return Err(Lost::Dangling(format!("#{pointer}")));
        }
        let Some((parent, name)) = pointer.rsplit_once('/') else { return Ok(self.root) };
        let name = name.replace("~1", "/").replace("~0", "~");
        self.members(parent)?.get(&name).copied().ok_or_else(|| Lost::Dangling(format!("#{pointer}")))
    }

    /// The members of the object or array at `pointer`.
    fn members(&mut self, pointer: &str) -> Result<Rc<Object<'a>>, Lost> {
        if pointer.is_empty() {
            return Ok(self.top.clone());
        }
        if let Some(members) = self.seen.get(pointer) {
            return Ok(members.clone());
        }
        let raw = self.locate(pointer)?;
        self.charge(raw.get().len())?;
        let members = match serde_json::from_str::<Object<'a>>(raw.get()) {
            Ok(members) => members,
            Err(_) => serde_json::from_str::<Vec<&'a RawValue>>(raw.get())
                .map(|items| items.into_iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect())
                .map_err(|_| Lost::Dangling(format!("#{pointer}")))?,
        };
        let members = Rc::new(members);
        self.seen.insert(pointer.to_owned(), members.clone());
        Ok(members)
    }
}

/// A Reference Object as far as it matters.
#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "$ref")]
    target: Option<Value>,
}

fn version(member: impl Fn(&str) -> Option<Value>) -> Result<Version, DocumentError> {
    let said = |name| member(name).as_ref().and_then(short_text);
    let Some(version) = said("openapi").or_else(|| said("swagger")) else {
        return match said("swaggerVersion") {
            Some(version) => Err(DocumentError::Version(version)),
            None => Err(DocumentError::NotOpenApi),
        };
    };
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(2)), None | Some(Ok(0))) => Ok(Version::V2),
        (Some(Ok(3)), None | Some(Ok(0))) => Ok(Version::V30),
        (Some(Ok(3)), Some(Ok(1))) => Ok(Version::V31),
        (Some(Ok(3)), Some(Ok(_))) => Ok(Version::V32),
        _ => Err(DocumentError::Version(version)),
    }
}
