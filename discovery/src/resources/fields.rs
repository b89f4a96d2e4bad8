//! Reads the fields of a map by name: what is known is taken, the rest is an error. Each complaint has the field's path and its place.

use super::node::{At, Key, Node, Value};

/// Whether a complaint costs the resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The resource works without what is complained about.
    Warning,
    /// The resource is refused.
    Error,
}

/// Something that is wrong at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Remark {
    pub(crate) at: At,
    pub(crate) severity: Severity,
    pub(crate) message: String,
}

/// Everything that is wrong with one document.
#[derive(Default, Debug)]
pub(crate) struct Remarks(pub(crate) Vec<Remark>);

/// The most remarks about one document; one that is wrong throughout is some other kind of file.
const MOST_REMARKS: usize = 50;

impl Remarks {
    pub(crate) fn error(&mut self, at: At, message: impl Into<String>) {
        self.push(at, Severity::Error, message.into());
    }

    pub(crate) fn warning(&mut self, at: At, message: impl Into<String>) {
        self.push(at, Severity::Warning, message.into());
    }

    /// Whether the document is refused.
    pub(crate) fn refuse(&self) -> bool {
        self.errors() > 0
    }

    /// How much is wrong that costs the resource.
    pub(crate) fn errors(&self) -> usize {
        self.0.iter().filter(|remark| remark.severity == Severity::Error).count()
    }

    fn push(&mut self, at: At, severity: Severity, message: String) {
        if self.0.len() < MOST_REMARKS {
            self.0.push(Remark { at, severity, message });
        }
    }
}

/// One field: its value and its path.
#[derive(Clone, Debug)]
pub(crate) struct Field<'n> {
    pub(crate) path: String,
    pub(crate) node: &'n Node,
}

/// The fields of a map that were not read yet.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    path: String,
    pub(crate) at: At,
    left: Vec<&'n (Key, Node)>,
}

impl<'n> Field<'n> {
    /// A whole document.
    pub(crate) fn document(node: &'n Node) -> Self {
        Self { path: String::new(), node }
    }

    /// Its fields. What is nothing has none.
    pub(crate) fn fields(self, remarks: &mut Remarks) -> Option<Fields<'n>> {
        let (path, at) = (self.path.clone(), self.node.at);
        match &self.node.value {
            Value::Map(fields) => Some(Fields { path, at, left: fields.iter().collect() }),
            Value::Null => Some(Fields { path, at, left: Vec::new() }),
            _ => {
                self.is_no("a map", remarks);
                None
            }
        }
    }

    /// Its items. What is nothing has none.
    pub(crate) fn items(self, remarks: &mut Remarks) -> Option<Vec<Field<'n>>> {
        let item = |(at, node)| Field { path: format!("{}[{at}]", self.path), node };
        match &self.node.value {
            Value::List(items) => Some(items.iter().enumerate().map(item).collect()),
            Value::Null => Some(Vec::new()),
            _ => {
                self.is_no("a list", remarks);
                None
            }
        }
    }

    /// A text that is not empty.
    pub(crate) fn text(self, remarks: &mut Remarks) -> Option<String> {
        match &self.node.value {
            Value::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => {
                self.is_no("a text that is not empty", remarks);
                None
            }
        }
    }

    /// A text as labels have it: numbers and flags are taken as they are written.
    pub(crate) fn label(self, remarks: &mut Remarks) -> Option<String> {
        match &self.node.value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.is_no("a text; put it in quotes", remarks);
                None
            }
        }
    }

    /// True or false.
    pub(crate) fn flag(self, remarks: &mut Remarks) -> Option<bool> {
        match self.node.value {
            Value::Flag(flag) => Some(flag),
            _ => {
                self.is_no("true or false", remarks);
                None
            }
        }
    }

    /// Complains that it is something else than what is wanted.
    pub(crate) fn is_no(&self, wanted: &str, remarks: &mut Remarks) {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        remarks.error(self.node.at, format!("{path}: must be {wanted}, is {}", self.node.described()));
    }

    /// Where what lies under it by these names is; where it is itself, if there is no such thing.
    pub(crate) fn place(&self, names: &[&str]) -> At {
        let found = names.iter().try_fold(self.node, |node, name| match &node.value {
            Value::Map(fields) => fields.iter().find(|(key, _)| key.name == *name).map(|(_, value)| value),
            _ => None,
        });
        found.unwrap_or(self.node).at
    }
}

impl<'n> Fields<'n> {
    /// The field `name`, unless it is absent or nothing.
    pub(crate) fn take(&mut self, name: &str) -> Option<Field<'n>> {
        let at = self.left.iter().position(|(key, _)| key.name == name)?;
        let (_, node) = self.left.remove(at);
        (!matches!(node.value, Value::Null)).then(|| Field { path: self.path(name), node })
    }

    /// The field `name`, which must be there.
    pub(crate) fn need(&mut self, name: &str, remarks: &mut Remarks) -> Option<Field<'n>> {
        let field = self.take(name);
        if field.is_none() {
            remarks.error(self.at, format!("{}: is missing", self.path(name)));
        }
        field
    }

    /// All that are left, whatever they are called.
    pub(crate) fn rest(self) -> impl Iterator<Item = (&'n Key, Field<'n>)> {
        let path = self.path;
        self.left.into_iter().map(move |(key, node)| (key, Field { path: joined(&path, &key.name), node }))
    }

    /// These fields are known and mean nothing here.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        self.left.retain(|(key, _)| !names.contains(&&*key.name));
    }

    /// Whatever is left is unknown.
    pub(crate) fn done(self, remarks: &mut Remarks) {
        for (key, _) in self.left {
            remarks.error(key.at, format!("{}: is not a known field", joined(&self.path, &key.name)));
        }
    }

    fn path(&self, name: &str) -> String {
        joined(&self.path, name)
    }
}

/// `name` under `path`; a name that would read as several parts stands in brackets.
pub(crate) fn joined(path: &str, name: &str) -> String {
    let plain = !name.contains(['.', '[', '"', '/']);
    match (path.is_empty(), plain) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
        (false, false) => format!("{path}[{name:?}]"),
    }
}
