//! Reads resources: the documents of one file, or of the files of a folder.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::resources::fields::{Field, Remarks, Severity};
use crate::resources::node::{self, At, Node, Value};
use crate::resources::upstream::{self, Surroundings};
use crate::sources::hosts::Target;

/// The largest file of resources.
const LARGEST_FILE: u64 = 4 << 20;
/// The most files of one folder.
const MOST_FILES: usize = 10_000;
/// What is read of a folder.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];
/// What is read.
const VERSION: &str = "gloo.solo.io/v1";
const UPSTREAM: &str = "Upstream";
/// Kinds of resources that are known and not read yet.
#[rustfmt::skip]
const OTHER_KINDS: &[&str] = &[
    "Gateway", "VirtualService", "RouteTable", "VirtualHostOption", "RouteOption", "ListenerOption", "HttpListenerOption",
    "UpstreamGroup", "Settings", "Proxy",
];

/// Something that is wrong with a resource: `file:line:column: message`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// The resource's name, where it says one.
    pub resource: Option<String>,
    /// Whether it costs the resource.
    pub severity: Severity,
    /// What is wrong, with the field's path.
    pub message: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mild = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, "{}:{}:{}: {mild}{}", self.file.display(), self.line, self.column, self.message)
    }
}

/// What a file or a folder holds.
#[derive(Default, Debug)]
pub(super) struct Content {
    pub(super) found: Vec<Found>,
    pub(super) complaints: Vec<Complaint>,
    seen: HashMap<Arc<str>, String>,
}

/// One document.
#[derive(Debug)]
pub(super) enum Found {
    /// A resource that is good.
    Good(Box<Target>),
    /// A resource that is refused, by its key.
    Refused(String),
    /// A text that cannot be read, an `Upstream` without a name, or a list that is cut off: nobody knows which resource that is.
    Unreadable,
}

/// Reads `path`, a file or a folder. An error means that there is nothing to read at all.
pub(super) fn read(path: &Path) -> io::Result<Content> {
    let mut content = Content::default();
    if path.is_dir() {
        for file in listed(path)? {
            content.read_file(&file);
        }
    } else {
        File::open(path)?;
        content.read_file(path);
    }
    Ok(content)
}

/// The resource files of a folder, in the order of their names. Hidden ones are left out: they are editors' and mounts' own.
fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let wanted =
            path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)));
        if wanted && !hidden && path.is_file() {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(io::Error::other(format!("the folder has more than {MOST_FILES} files")));
        }
    }
    files.sort();
    Ok(files)
}

impl Content {
    fn read_file(&mut self, file: &Path) {
        match content(file) {
            Ok(text) => self.read_text(file, &text),
            Err(error) => {
                self.found.push(Found::Unreadable);
                self.complain(file, None, At { line: 1, column: 1 }, Severity::Error, error.to_string());
            }
        }
    }

    /// Reads what `file` holds.
    pub(super) fn read_text(&mut self, file: &Path, text: &str) {
        for document in node::documents(text) {
            match document {
                Ok(node) => self.read_document(file, &node),
                Err(broken) => {
                    self.found.push(Found::Unreadable);
                    self.complain(file, None, broken.at, Severity::Error, broken.message);
                }
            }
        }
    }

    fn read_document(&mut self, file: &Path, node: &Node) {
        let mut remarks = Remarks::default();
        match is_list(node) {
            true => self.read_list(file, node, &mut remarks),
            false => self.read_resource(file, node, &mut remarks),
        }
        let resource = name(node).map(str::to_owned);
        for remark in remarks.0 {
            self.complain(file, resource.clone(), remark.at, remark.severity, remark.message);
        }
    }

    /// Reads the items of a list. Where it ends before them, or before its kind, more may have been in it.
    fn read_list(&mut self, file: &Path, node: &Node, remarks: &mut Remarks) {
        let Some(mut list) = Field::document(node).fields(remarks) else { return };
        let items = list.need("items", remarks).and_then(|items| items.items(remarks));
        list.need("kind", remarks);
        items.into_iter().flatten().for_each(|item| self.read_document(file, item.node));
        if remarks.refuse() {
            self.found.push(Found::Unreadable);
        }
    }

    fn read_resource(&mut self, file: &Path, node: &Node, remarks: &mut Remarks) {
        let target = resource(node, remarks).filter(|_| !remarks.refuse());
        match target {
            None if !is_meant(node) => {}
            None => self.found.push(key(node).map_or(Found::Unreadable, Found::Refused)),
            Some(target) => match self.seen.get(&target.key) {
                Some(first) => remarks
                    .error(node.at, format!("Upstream {}: is described in {first} already, which counts", target.name)),
                None => {
                    self.seen.insert(target.key.clone(), format!("{}:{}", file.display(), node.at.line));
                    self.found.push(Found::Good(Box::new(target)));
                }
            },
        }
    }

    fn complain(&mut self, file: &Path, resource: Option<String>, at: At, severity: Severity, message: String) {
        let At { line, column } = at;
        self.complaints.push(Complaint { file: file.to_owned(), line, column, resource, severity, message });
    }
}

/// A file's text, if it is small enough to be one of resources.
fn content(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LARGEST_FILE {
        true => Err(io::Error::other(format!("the file is larger than {} MiB", LARGEST_FILE >> 20))),
        false => Ok(text),
    }
}

/// One resource, by its kind.
fn resource(node: &Node, remarks: &mut Remarks) -> Option<Target> {
    let at = node.at;
    let mut document = Field::document(node).fields(remarks)?;
    let version = document.need("apiVersion", remarks).and_then(|version| version.text(remarks));
    let kind = document.need("kind", remarks);
    let kind_at = kind.as_ref().map_or(at, |kind| kind.node.at);
    let (version, kind) = (version?, kind?.text(remarks)?);
    match (version.as_str(), kind.as_str()) {
        (VERSION, UPSTREAM) => {}
        (_, known) if version.ends_with(".solo.io/v1") && OTHER_KINDS.contains(&known) => {
            remarks
                .error(kind_at, format!("kind: {kind} of {version} is not read yet; Upstream of gloo.solo.io/v1 is"));
            return None;
        }
        _ => {
            remarks
                .error(kind_at, format!("kind: there is no {kind} of {version}; Upstream of gloo.solo.io/v1 is known"));
            return None;
        }
    }
    let metadata = document.need("metadata", remarks).and_then(|field| field.fields(remarks));
    let spec = document.take("spec");
    document.ignore(&["status"]);
    document.done(remarks);
    upstream::read(metadata?, spec.map(|spec| spec.node), at, &Surroundings::default(), remarks)
}

/// Whether a document is an `Upstream`, be its version or its kind misspelt. One of another kind says nothing of upstreams.
fn is_meant(node: &Node) -> bool {
    let [version, kind] = ["apiVersion", "kind"].map(|field| member(node, field).and_then(text_of));
    kind == Some(UPSTREAM) || (version == Some(VERSION) && kind.is_none_or(|kind| !OTHER_KINDS.contains(&kind)))
}

/// Whether a document is a `List`, as `kubectl get -o yaml` writes it: the items, and the kind after them.
fn is_list(node: &Node) -> bool {
    let has = |field| member(node, field).is_some();
    match member(node, "kind").and_then(text_of) {
        Some(kind) => kind == "List" || (kind.ends_with("List") && has("items")),
        None => has("apiVersion") && has("items"),
    }
}

/// The key of an `Upstream` whose other parts are wrong.
fn key(node: &Node) -> Option<String> {
    let namespace = member(node, "metadata").and_then(|metadata| member(metadata, "namespace")).and_then(text_of);
    Some(format!("{}/{}", namespace.unwrap_or_default(), name(node)?))
}

fn name(node: &Node) -> Option<&str> {
    member(member(node, "metadata")?, "name").and_then(text_of)
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(fields) => fields.iter().find(|(key, _)| key.name == name).map(|(_, value)| value),
        _ => None,
    }
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
