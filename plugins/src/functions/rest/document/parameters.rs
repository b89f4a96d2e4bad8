//! The parameters of an operation: what it and its path item declare, what its path needs and what its security schemes add.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::paths::Site;
use super::tree::{ARGUMENT, Lost, Object, Version};
use super::{Direction, Reader, structure, swagger};
use crate::functions::rest::binding::{Parameter, Place, Style};
use crate::functions::rest::call::{is_argument, of_template};

/// The longest text about a parameter that goes into its schema, in bytes: shared parameters are repeated in each function.
const MAX_TEXT: usize = 1024;

/// The most parameters of one operation, and the most names of a path. Larger ones are made by machines that went wrong.
const MAX_PARAMETERS: usize = 1024;

/// A parameter and the schema of its value.
pub(super) type Declared = (Parameter, Value);

impl<'a> Reader<'a> {
    /// What path item and operation declare, the operation's own instead of the item's where both have it. One that cannot be
    /// had is complained of and left out.
    pub(super) fn declared(
        &mut self,
        site: &Site<'a>,
        operation: &Object<'a>,
    ) -> Result<Vec<Map<String, Value>>, Lost> {
        let mut declared: Vec<Map<String, Value>> = Vec::new();
        for raw in [site.item.get("parameters"), operation.get("parameters")].into_iter().flatten() {
            let all = self.tree.list(raw)?;
            if all.len() > MAX_PARAMETERS {
                return Err(Lost::Malformed(format!("more than {MAX_PARAMETERS} parameters")));
            }
            self.tree.charge(all.len() * ARGUMENT)?;
            for raw in all {
                let Some(parameter) = self.one_declared(raw) else { continue };
                let same = |other: &Map<String, Value>| {
                    other.get("name") == parameter.get("name") && other.get("in") == parameter.get("in")
                };
                match declared.iter_mut().find(|other| same(other)) {
                    Some(other) => *other = parameter,
                    None => declared.push(parameter),
                }
            }
        }
        Ok(declared)
    }

    fn one_declared(&mut self, raw: &'a RawValue) -> Option<Map<String, Value>> {
        match self.tree.resolve(raw).and_then(|raw| self.tree.value(raw)) {
            Ok(Value::Object(parameter)) => return Some(parameter),
            Ok(_) => self.complain("a parameter that is no object is left out"),
            Err(fault) => self.complain(&format!("a parameter is left out: {fault}")),
        }
        None
    }

    /// The parameters that are arguments, with their schemas. Each variable of the path is one, declared or not; so is each of the
    /// query that some documents write behind the path (`/find?name={name}`), whatever place it is declared for.
    pub(super) fn parameters(
        &mut self,
        site: &Site<'a>,
        operation: &Object<'a>,
        declared: Vec<Map<String, Value>>,
    ) -> Vec<Declared> {
        let path = of_template(&site.path);
        let query = site.path[path.len()..].split('#').next().unwrap_or_default();
        let (in_path, in_query) = (template_names(path), template_names(query));
        let mut parameters = Vec::new();
        for declared in declared {
            let Some((mut parameter, schema)) = self.parameter(declared) else { continue };
            let name = parameter.name.as_str();
            match parameter.place {
                Place::Path if in_path.contains(&name) => {}
                Place::Path if in_query.contains(&name) => {
                    parameter = Parameter { required: true, ..usual(Place::Query, name) };
                }
                Place::Path => {
                    self.complain(&format!("the path parameter {name} is left out: it is not in the path"));
                    continue;
                }
                Place::Header if !is_argument(name) => continue,
                _ => {}
            }
            parameters.push((parameter, schema));
        }
        for (place, names) in [(Place::Path, in_path), (Place::Query, in_query)] {
            for name in names {
                if !parameters.iter().any(|(parameter, _)| parameter.place == place && parameter.name == name) {
                    parameters.push((usual(place, name), json!({ "type": "string" })));
                }
            }
        }
        self.api_keys(operation, &mut parameters);
        parameters
    }

    fn parameter(&mut self, mut declared: Map<String, Value>) -> Option<Declared> {
        swagger::modernise(&mut declared, self.tree.version);
        let free = self.tree.version == Version::V2 || declared.contains_key("collectionFormat");
        let parameter = structure::parameter(&declared, free).or_else(|fault| {
            // A style that its place does not have is said by mistake, and the default meant.
            let style = declared.remove("style").ok_or_else(|| fault.clone())?;
            let parameter = structure::parameter(&declared, free)?;
            self.complain(&format!(
                "the parameter {} has the style {style}, which its place does not know: {fault}",
                parameter.name
            ));
            Ok::<_, String>(parameter)
        });
        let parameter = match parameter {
            Ok(parameter) => parameter,
            Err(fault) => {
                self.complain(&format!("a parameter is left out: {fault}"));
                return None;
            }
        };
        let content = || declared.get("content")?.as_object()?.values().next()?.get("schema");
        let schema = declared.get("schema").or_else(content).cloned().unwrap_or(Value::Bool(true));
        let mut schema = self.schema(schema, Direction::Input);
        if let Some(Value::String(text)) = declared.remove("description") {
            describe(&mut schema, text);
        }
        Some((parameter, schema))
    }

    /// Adds the keys that the security schemes of `operation` take; never required, since the caller may be known otherwise.
    fn api_keys(&mut self, operation: &Object<'a>, parameters: &mut Vec<Declared>) {
        for (place, name) in self.api_key_names(operation) {
            if place == Place::Header && !is_argument(&name) {
                continue;
            }
            let declared = parameters
                .iter_mut()
                .find(|(parameter, _)| parameter.place == place && same_name(place, &parameter.name, &name));
            match declared {
                Some((_, Value::Object(schema))) => drop(schema.insert("writeOnly".into(), true.into())),
                Some((_, schema)) => *schema = json!({ "writeOnly": true }),
                None => parameters.push((usual(place, &name), json!({ "type": "string", "writeOnly": true }))),
            }
        }
    }
}

fn same_name(place: Place, one: &str, other: &str) -> bool {
    if place == Place::Header { one.eq_ignore_ascii_case(other) } else { one == other }
}

/// A parameter in its place's usual style.
fn usual(place: Place, name: &str) -> Parameter {
    let style = if matches!(place, Place::Path | Place::Header) { Style::Simple } else { Style::Form };
    Parameter {
        name: name.to_owned(),
        place,
        style,
        explode: style == Style::Form,
        required: place == Place::Path,
        allow_reserved: false,
        content: None,
    }
}

/// The names in braces, each once, in the order of the path.
fn template_names(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in path.split('{').skip(1).take(MAX_PARAMETERS) {
        if let Some((name, _)) = part.split_once('}')
            && !name.is_empty()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Puts what is said of a parameter into its schema, unless that has a description of its own.
fn describe(schema: &mut Value, mut text: String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    match schema {
        Value::Bool(true) => *schema = json!({ "description": text }),
        Value::Object(schema) => {
            schema.entry("description").or_insert(Value::String(text));
        }
        _ => {}
    }
}
