//! Which operations a document has: the methods of its path items, in its order.

use std::rc::Rc;

use http::Method;
use indexmap::IndexMap;
use indexmap::map::Entry;
use serde_json::value::RawValue;

use super::Reader;
use super::tree::{Lost, Object, Version};

/// The most operations of one document; the largest known one has 22,000. What is beyond is left out.
const MAX_OPERATIONS: usize = 50_000;

/// The longest chain of path items that are references to path items.
const MAX_HOPS: usize = 8;

/// The fields of a path item that are operations in every version.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// Where an operation stands.
pub(super) struct Site<'a> {
    /// As it goes over the wire.
    pub(super) method: String,
    /// The path template.
    pub(super) path: Rc<str>,
    /// What its path item says for all of its operations.
    pub(super) item: Rc<Object<'a>>,
    /// The operation.
    pub(super) operation: &'a RawValue,
}

/// The operations of one path, by method, in the document's order.
type Found<'a> = IndexMap<String, Site<'a>>;

impl Site<'_> {
    /// What the function is within the document: `GET /users/{id}`.
    pub(super) fn origin(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl<'a> Reader<'a> {
    /// All operations.
    pub(super) fn sites(&mut self) -> Vec<Site<'a>> {
        let mut sites = Vec::new();
        self.site = "paths".into();
        let Some(&paths) = self.tree.top.get("paths") else { return sites };
        let paths = match self.tree.object(paths) {
            Ok(paths) => paths,
            Err(fault) => {
                self.complain(&fault.to_string());
                return sites;
            }
        };
        for (path, item) in paths {
            self.site.clone_from(&path);
            if sites.len() >= MAX_OPERATIONS {
                self.complain(&format!("left out with all that follows: more than {MAX_OPERATIONS} operations"));
                break;
            }
            if path.starts_with('/') {
                let mut found = Found::new();
                self.path_item(&path.into(), item, MAX_HOPS, &mut found);
                sites.extend(found.into_values());
            } else if !path.starts_with("x-") {
                self.complain("left out: a path begins with `/`");
            }
        }
        sites
    }

    /// The operations of one path item; one that is a reference has those of the other too.
    fn path_item(&mut self, path: &Rc<str>, raw: &'a RawValue, hops: usize, found: &mut Found<'a>) {
        let item = match self.tree.object(raw) {
            Ok(item) => Rc::new(item),
            Err(fault) => return self.complain(&format!("left out: {fault}")),
        };
        let site = |method: String, operation| Site { method, path: path.clone(), item: item.clone(), operation };
        for (key, &raw) in item.iter() {
            match key.as_str() {
                "$ref" => match self.other_item(raw, hops) {
                    Ok(other) => self.path_item(path, other, hops - 1, found),
                    Err(fault) => self.complain(&format!("left out: {fault}")),
                },
                "additionalOperations" if self.tree.version >= Version::V32 => {
                    for (method, operation) in self.additional(raw) {
                        self.add(site(method, operation), found);
                    }
                }
                key if is_method(key, self.tree.version) => self.add(site(key.to_ascii_uppercase(), raw), found),
                _ => {}
            }
        }
    }

    fn other_item(&mut self, raw: &RawValue, hops: usize) -> Result<&'a RawValue, Lost> {
        let target = self.tree.value(raw)?;
        let target = target.as_str().ok_or_else(|| Lost::Malformed("a `$ref` that is no text".into()))?;
        if hops == 0 {
            return Err(Lost::Circle(target.to_owned()));
        }
        let pointer = self.tree.pointer(target)?;
        self.tree.locate(&pointer)
    }

    /// OpenAPI 3.2: methods that have no field of their own.
    fn additional(&mut self, raw: &'a RawValue) -> Object<'a> {
        let mut operations = self.tree.object(raw).unwrap_or_else(|fault| {
            self.complain(&format!("additionalOperations left out: {fault}"));
            Object::new()
        });
        operations.retain(|method, _| {
            let fault = match Method::from_bytes(method.as_bytes()) {
                Err(_) => "no HTTP method",
                Ok(_) if is_method(&method.to_ascii_lowercase(), Version::V32) => "it has a field of its own",
                Ok(_) => return true,
            };
            self.complain(&format!("{method:?} left out: {fault}"));
            false
        });
        operations
    }

    fn add(&mut self, site: Site<'a>, found: &mut Found<'a>) {
        match found.entry(site.method.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(site)),
            Entry::Occupied(_) => self.complain(&format!("a second {} left out", site.method)),
        }
    }
}

fn is_method(key: &str, version: Version) -> bool {
    METHODS.contains(&key) || (key == "trace" && version >= Version::V30) || (key == "query" && version >= Version::V32)
}
