//! Schemas that have a place of their own in the document become definitions: each is read once, however many operations refer to it.
//!
//! A definition is called as it is in the document. A name that a URI fragment or a JSON pointer would have to escape gets other
//! characters and a hash, and so does a place without a name (`#/paths/…/schema`). Where `readOnly` or `writeOnly`, in it or in
//! what it refers to, makes input and output differ, it is kept twice, and the output's is called `NAME-output`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use catalog::model::Digest;
use serde_json::Value;

use super::tree::{Lost, Tree};
use super::{Direction, Reader};

/// The most schemas that are referred to. The largest known document has a fifth of that.
const MAX_DEFINITIONS: usize = 32_768;

/// The definitions made so far, and those still to be made.
#[derive(Default)]
pub(super) struct Definitions {
    made: BTreeMap<String, Value>,
    names: HashMap<(String, Option<Direction>), String>,
    taken: HashSet<String>,
    waiting: Vec<Waiting>,
    links: HashMap<String, Rc<Links>>,
    directed: HashMap<String, bool>,
    /// The properties that do not go in a direction, of the object schemas at pointers that others are composed of.
    pub(super) hidden: HashMap<(String, Direction), Rc<BTreeSet<String>>>,
}

/// A definition that has a name and is not read yet.
struct Waiting {
    name: String,
    pointer: String,
    direction: Direction,
}

/// What a schema says that decides how others refer to it.
#[derive(Default)]
pub(super) struct Links {
    /// It is read-only itself.
    pub(super) read_only: bool,
    /// It is write-only itself.
    pub(super) write_only: bool,
    /// Something in it is one of both.
    marked: bool,
    /// The pointers that it refers to.
    to: Vec<String>,
}

impl Definitions {
    /// Those that are read.
    pub(super) fn made(&self) -> &BTreeMap<String, Value> {
        &self.made
    }

    /// All.
    pub(super) fn finish(self) -> BTreeMap<String, Value> {
        self.made
    }

    /// A free name for what is at `pointer`.
    fn name(&mut self, pointer: &str, suffix: &str) -> String {
        let path = ["/components/schemas/", "/definitions/", "/components/", "/"]
            .iter()
            .find_map(|place| pointer.strip_prefix(place));
        let said = path.unwrap_or("document").replace("~1", "/").replace("~0", "~");
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let mut wanted: String = said.chars().map(|c| if safe(c) { c } else { '-' }).collect();
        if wanted != said || wanted.is_empty() {
            wanted = format!("{wanted}-{}", Digest::of([pointer.as_bytes()]).short(8));
        }
        wanted.push_str(suffix);
        let mut name = wanted.clone();
        let mut others = 1;
        while !self.taken.insert(name.clone()) {
            others += 1;
            name = format!("{wanted}-{others}");
        }
        name
    }
}

impl Reader<'_> {
    /// The name of the definition at `pointer`, which is there after [`Reader::define`]. An error where nothing is there.
    pub(super) fn definition(&mut self, pointer: &str, direction: Direction) -> Result<String, Lost> {
        let kept = self.directed(pointer)?.then_some(direction);
        let key = (pointer.to_owned(), kept);
        if let Some(name) = self.definitions.names.get(&key) {
            return Ok(name.clone());
        }
        self.tree.locate(pointer)?;
        let suffix = if kept == Some(Direction::Output) { "-output" } else { "" };
        let name = self.definitions.name(pointer, suffix);
        self.definitions.waiting.push(Waiting { name: name.clone(), pointer: pointer.to_owned(), direction });
        self.definitions.names.insert(key, name.clone());
        Ok(name)
    }

    /// Reads all definitions that have been named, and those that they name.
    pub(super) fn define(&mut self) -> Result<(), Lost> {
        while let Some(Waiting { name, pointer, direction }) = self.definitions.waiting.pop() {
            let raw = self.tree.locate(&pointer)?;
            let site = std::mem::replace(&mut self.site, format!("schema {name}"));
            let read = self.tree.value(raw).map(|schema| self.schema(schema, direction));
            let schema = match read {
                Err(Lost::Spent) => Err(Lost::Spent),
                Err(fault) => {
                    self.complain(&format!("any value is taken: {fault}"));
                    Ok(Value::Bool(true))
                }
                read => read,
            };
            self.site = site;
            self.definitions.made.insert(name, schema?);
        }
        Ok(())
    }

    /// Whether what is at `pointer` differs between input and output. Settles that for everything that it reaches, each once.
    fn directed(&mut self, pointer: &str) -> Result<bool, Lost> {
        if let Some(known) = self.definitions.directed.get(pointer) {
            return Ok(*known);
        }
        self.links(pointer)?;
        let mut reached = vec![pointer.to_owned()];
        let mut referrers: HashMap<String, Vec<String>> = HashMap::from([(pointer.to_owned(), Vec::new())]);
        let mut differ = Vec::new();
        let mut at = 0;
        while let Some(here) = reached.get(at).cloned() {
            at += 1;
            let links = self.links(&here).unwrap_or_default();
            if links.marked || links.to.iter().any(|to| self.definitions.directed.get(to) == Some(&true)) {
                differ.push(here.clone());
            }
            for to in links.to.iter().filter(|to| !self.definitions.directed.contains_key(*to)) {
                let known = referrers.entry(to.clone()).or_insert_with(|| {
                    reached.push(to.clone());
                    Vec::new()
                });
                known.push(here.clone());
            }
        }
        self.definitions.directed.extend(reached.into_iter().map(|pointer| (pointer, false)));
        // What refers to one that differs differs too.
        while let Some(here) = differ.pop() {
            if self.definitions.directed.insert(here.clone(), true) != Some(true) {
                differ.extend(referrers.remove(&here).unwrap_or_default());
            }
        }
        Ok(self.definitions.directed[pointer])
    }

    /// What the schema at `pointer` says of others.
    pub(super) fn links(&mut self, pointer: &str) -> Result<Rc<Links>, Lost> {
        if let Some(links) = self.definitions.links.get(pointer) {
            return Ok(links.clone());
        }
        let raw = self.tree.locate(pointer)?;
        if self.definitions.links.len() >= MAX_DEFINITIONS {
            return Err(Lost::Malformed(format!("`$ref` leads to one more schema than {MAX_DEFINITIONS}")));
        }
        let mut links = Links::default();
        // One that cannot be parsed refers to nothing; it is complained of when it is read.
        if let Ok(schema) = self.tree.value(raw) {
            links.read_only = schema["readOnly"] == true;
            links.write_only = schema["writeOnly"] == true;
            links.collect(&schema, &self.tree);
        }
        let links = Rc::new(links);
        self.definitions.links.insert(pointer.to_owned(), links.clone());
        Ok(links)
    }
}

impl Links {
    fn collect(&mut self, value: &Value, tree: &Tree<'_>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    match (key.as_str(), value) {
                        ("readOnly" | "writeOnly", Value::Bool(true)) => self.marked = true,
                        ("$ref", Value::String(target)) => self.to.extend(tree.pointer(target).ok()),
                        _ => self.collect(value, tree),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, tree)),
            _ => {}
        }
    }
}
