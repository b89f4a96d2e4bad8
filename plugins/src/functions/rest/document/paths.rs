//! Which operations a document has: the methods of its path items, in its order.

use std::rc::Rc;

use http::Method;
use serde_json::value::RawValue;

use super::Reader;
use super::tree::{Lost, Object, Version};

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
            match path.starts_with('/') {
                true => self.path_item(&path.into(), item, MAX_HOPS, &mut sites),
                false if path.starts_with("x-") => {}
                false => self.complain("left out: a path begins with `/`"),
            }
        }
        sites
    }

    /// The operations of one path item; one that is a reference has those of the other too.
    fn path_item(&mut self, path: &Rc<str>, raw: &'a RawValue, hops: usize, sites: &mut Vec<Site<'a>>) {
        let item = match self.tree.object(raw) {
            Ok(item) => Rc::new(item),
            Err(fault) => return self.complain(&format!("left out: {fault}")),
        };
        for (key, &raw) in item.iter() {
            match key.as_str() {
                "$ref" => match self.other_item(raw, hops) {
                    Ok(other) => self.path_item(path, other, hops - 1, sites),
                    Err(fault) => self.complain(&format!("left out: {fault}")),
                },
                "additionalOperations" if self.tree.version >= Version::V32 => self.additional(path, &item, raw, sites),
                key if is_method(key, self.tree.version) => {
                    self.push(
                        Site {
                            method: key.to_ascii_uppercase(),
                            path: path.clone(),
                            item: item.clone(),
                            operation: raw,
                        },
                        sites,
                    );
                }
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
    fn additional(&mut self, path: &Rc<str>, item: &Rc<Object<'a>>, raw: &'a RawValue, sites: &mut Vec<Site<'a>>) {
        let operations = match self.tree.object(raw) {
            Ok(operations) => operations,
            Err(fault) => return self.complain(&format!("additionalOperations left out: {fault}")),
        };
        for (method, operation) in operations {
            let known = is_method(&method.to_ascii_lowercase(), Version::V32);
            match Method::from_bytes(method.as_bytes()) {
                Ok(_) if !known => self.push(Site { method, path: path.clone(), item: item.clone(), operation }, sites),
                Ok(_) => self.complain(&format!("{method} left out: it has a field of its own")),
                Err(_) => self.complain(&format!("{method:?} left out: no HTTP method")),
            }
        }
    }

    fn push(&mut self, site: Site<'a>, sites: &mut Vec<Site<'a>>) {
        let same = |other: &&Site<'_>| other.path == site.path;
        if sites.iter().rev().take_while(same).any(|other| other.method == site.method) {
            return self.complain(&format!("a second {} left out", site.method));
        }
        sites.push(site);
    }
}

fn is_method(key: &str, version: Version) -> bool {
    METHODS.contains(&key) || (key == "trace" && version >= Version::V30) || (key == "query" && version >= Version::V32)
}
