//! Schemas that have a place of their own in the document become definitions: each is read once, however many operations refer to it.
//!
//! A definition is called as it is in the document; a name that a URI fragment or a JSON pointer would have to escape gets other
//! characters, and a place without a name (`#/paths/…/schema`) one made of its pointer. Where `readOnly` or `writeOnly`, in it or in
//! what it refers to, makes input and output differ, it is kept twice, and the output's is called `NAME-output`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::tree::{Lost, Tree};
use super::{Direction, Reader};

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
        let unescaped = path.unwrap_or("document").replace("~1", "/").replace("~0", "~");
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let wanted: String = unescaped.chars().map(|c| if safe(c) { c } else { '-' }).chain(suffix.chars()).collect();
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
            let site = std::mem::replace(&mut self.site, format!("schema {name}"));
            let schema = match self.tree.locate(&pointer).and_then(|raw| self.tree.value(raw)) {
                Ok(schema) => self.schema(schema, direction),
                Err(Lost::Spent) => return Err(Lost::Spent),
                Err(fault) => {
                    self.complain(&format!("any value is taken: {fault}"));
                    Value::Bool(true)
                }
            };
            self.definitions.made.insert(name, schema);
            self.site = site;
        }
        Ok(())
    }

    /// Whether what is at `pointer` differs between input and output. Walks everything that it reaches, once.
    fn directed(&mut self, pointer: &str) -> Result<bool, Lost> {
        if let Some(known) = self.definitions.directed.get(pointer) {
            return Ok(*known);
        }
        let mut reached = vec![pointer.to_owned()];
        let mut known = HashSet::from([pointer.to_owned()]);
        let mut at = 0;
        while let Some(here) = reached.get(at).cloned() {
            let links = match self.links(&here) {
                Err(fault) if at == 0 => return Err(fault),
                other => other.unwrap_or_default(),
            };
            if links.marked || self.definitions.directed.get(&here) == Some(&true) {
                self.definitions.directed.insert(pointer.to_owned(), true);
                return Ok(true);
            }
            let settled = |to: &&String| self.definitions.directed.get(*to) != Some(&false);
            reached.extend(links.to.iter().filter(settled).filter(|to| known.insert((*to).clone())).cloned());
            at += 1;
        }
        self.definitions.directed.extend(reached.into_iter().map(|pointer| (pointer, false)));
        Ok(false)
    }

    /// What the schema at `pointer` says of others.
    pub(super) fn links(&mut self, pointer: &str) -> Result<Rc<Links>, Lost> {
        if let Some(links) = self.definitions.links.get(pointer) {
            return Ok(links.clone());
        }
        let raw = self.tree.locate(pointer)?;
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
