//! What holds between arguments: which must be given, and where. The ordinary case, in which nothing names its place, is the
//! readable one: `else: {"required": […]}`.

use serde_json::{Map, Value, json};

use super::Bodies;
use crate::arguments::{Bearing, Schemas, Types};
use crate::functions::rest::Operation;
use crate::functions::rest::call::{BODY, Form, Names, PLAIN_BODY};

/// Keywords that look at all names of an object, so that they mean something else where parameters lie beside its properties.
const CLOSED: [&str; 9] = [
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "enum",
    "const",
    "not",
];

/// Keywords that say something of several properties together.
const TOGETHER: [&str; 7] =
    ["anyOf", "oneOf", "if", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"];

/// Writes the rules into the schema of the arguments, whose `properties` are there.
pub(super) fn write(
    schema: &mut Map<String, Value>,
    operation: &Operation,
    names: &Names,
    bodies: Option<&Bodies>,
    schemas: &Schemas<'_>,
) {
    let fields = bodies
        .zip(names.body)
        .filter(|(_, body)| body.fields)
        .map(|(bodies, _)| required_fields(bodies.default(), schemas));
    let fields = fields.unwrap_or_default();
    let mut all = Vec::new();
    let parameters = required_parameters(operation, names);
    let ordinary = ordinary(&parameters, &fields, names);
    if !ordinary.is_empty() {
        let forms = forms(names);
        let then = explicit(&parameters, &fields, names, bodies);
        schema.insert("if".to_owned(), any(forms));
        schema.insert("then".to_owned(), json!({ "allOf": then }));
        schema.insert("else".to_owned(), json!({ "required": ordinary }));
    }
    if let Some((bodies, body)) = bodies.zip(names.body) {
        all.extend(chosen_types(bodies, names));
        let bare = BareBody { names, bodies };
        if body.fields && !body.required && !fields.is_empty() {
            all.push(bare.rule(json!({ "required": fields })));
        }
        if body.fields && together(bodies.default(), schemas) {
            all.push(bare.rule(json!({ "$ref": bodies.reference(0) })));
        }
        if body.open {
            all.push(json!({ "if": any(whole(names)), "then": { "propertyNames": { "enum": known(schema) } } }));
        }
        let other_types = schemas.types(bodies.default()).without(Types::OBJECT);
        if parameters.is_empty() && other_types != Types::NONE {
            all.push(json!({ "if": { "type": "object" }, "else": { "$ref": bodies.reference(0) } }));
        } else {
            schema.insert("type".to_owned(), json!("object"));
        }
    } else {
        schema.insert("type".to_owned(), json!("object"));
    }
    match names.body.filter(|body| body.open).and_then(|_| others(bodies?, schemas)) {
        Some(others) => schema.insert("additionalProperties".to_owned(), others),
        None if names.body.is_some_and(|body| body.open) => None,
        None => schema.insert("additionalProperties".to_owned(), json!(false)),
    };
    if !all.is_empty() {
        schema.insert("allOf".to_owned(), Value::Array(all));
    }
}

/// The parameters that must be given, each with its form.
fn required_parameters(operation: &Operation, names: &Names) -> Vec<(String, Form)> {
    let required = |(name, form): (&String, Form)| {
        let parameter = &operation.parameters[names.form(form)[name]];
        (parameter.required || form == Form::Path).then(|| (name.clone(), form))
    };
    Form::ALL
        .into_iter()
        .flat_map(|form| names.form(form).keys().map(move |name| (name, form)))
        .filter_map(required)
        .collect()
}

/// The properties that the schema of a body asks for, sorted.
pub(in crate::functions::rest) fn required_fields(schema: &Value, schemas: &Schemas<'_>) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for part in schemas.reached(schema, "").iter().filter(|part| part.bearing == Bearing::Must) {
        let names = part.keywords.get("required").and_then(Value::as_array).into_iter().flatten();
        fields.extend(names.filter_map(Value::as_str).map(str::to_owned));
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// What is required where nothing names its place.
fn ordinary(parameters: &[(String, Form)], fields: &[String], names: &Names) -> Vec<String> {
    let mut ordinary: Vec<String> = parameters
        .iter()
        .map(|(name, form)| if names.bare.contains_key(name) { name.clone() } else { form.name().to_owned() })
        .collect();
    match names.body.filter(|body| body.required) {
        Some(body) if body.fields => ordinary.extend_from_slice(fields),
        Some(body) => ordinary.push(body.whole().to_owned()),
        None => {}
    }
    ordinary.sort_unstable();
    ordinary.dedup();
    ordinary
}

/// Each holds where one of the forms is given that leave the ordinary case.
fn forms(names: &Names) -> Vec<Value> {
    let mut given: Vec<Value> = Form::ALL
        .into_iter()
        .filter(|form| names.has(*form))
        .map(|form| json!({ "required": [form.name()] }))
        .collect();
    match names.body {
        Some(body) if body.fields => given.extend(whole(names)),
        // `body` is then the ordinary name of the whole body.
        Some(body) if body.plain => given.push(json!({ "required": [BODY] })),
        _ => {}
    }
    given
}

/// Each holds where the whole body is given.
fn whole(names: &Names) -> Vec<Value> {
    let plain = names.body.filter(|body| body.plain).map(|_| json!({ "required": [PLAIN_BODY] }));
    [Some(json!({ "required": [BODY] })), plain].into_iter().flatten().collect()
}

/// What is required where something names its place.
fn explicit(parameters: &[(String, Form)], fields: &[String], names: &Names, bodies: Option<&Bodies>) -> Vec<Value> {
    let mut rules: Vec<Value> = Vec::new();
    for (name, form) in parameters {
        let form = form.name();
        let mut ways = vec![json!({ "required": [form], "properties": { form: { "required": [name] } } })];
        if names.bare.contains_key(name) {
            ways.insert(0, json!({ "required": [name] }));
        }
        rules.push(any(ways));
    }
    if let Some((body, bodies)) = names.body.filter(|body| body.required).zip(bodies) {
        if body.fields {
            for name in fields {
                rules.push(any([vec![json!({ "required": [name] })], BareBody { names, bodies }.exempt()].concat()));
            }
        } else {
            rules.push(any(whole(names)));
        }
    }
    rules
}

/// Where a type is chosen whose schema is not the default's: its schema holds, and bare names do not fill the body.
fn chosen_types(bodies: &Bodies, names: &Names) -> Vec<Value> {
    let refer = |group: usize| {
        let plain = names.body.filter(|body| body.plain).map(|_| PLAIN_BODY);
        let reference = json!({ "$ref": bodies.reference(group) });
        [Some(BODY), plain]
            .into_iter()
            .flatten()
            .map(|name| (name.to_owned(), reference.clone()))
            .collect::<Map<_, _>>()
    };
    let mut rules: Vec<Value> = Vec::new();
    for (chosen, group) in bodies.others() {
        let mut properties = refer(group);
        for (name, target) in &names.bare {
            if target.body && target.parameters.is_empty() {
                properties.insert(name.clone(), Value::Bool(false));
            }
        }
        let mut then = Map::new();
        then.insert("properties".to_owned(), Value::Object(properties));
        if let Some(body) = names.body {
            if body.required {
                then.insert("anyOf".to_owned(), Value::Array(whole(names)));
            }
            if body.open {
                let bare = names.bare.keys().map(String::as_str);
                let forms = Form::ALL.iter().map(|form| form.name());
                let known: Vec<&str> = bare.chain(forms).chain([BODY, PLAIN_BODY]).collect();
                then.insert("propertyNames".to_owned(), json!({ "enum": known }));
            }
        }
        rules.push(json!({ "if": chosen, "then": then }));
    }
    if !rules.is_empty() {
        let mut ways: Vec<Value> = bodies.others().map(|(chosen, _)| chosen).collect();
        ways.push(json!({ "properties": refer(0) }));
        rules.push(any(ways));
    }
    rules
}

/// Rules about the body that bare names make.
struct BareBody<'a> {
    names: &'a Names,
    bodies: &'a Bodies,
}

impl BareBody<'_> {
    /// Each holds where bare names make no body.
    fn exempt(&self) -> Vec<Value> {
        let mut ways = whole(self.names);
        ways.extend(self.bodies.others().map(|(chosen, _)| chosen));
        ways
    }

    /// `rule`, where there is such a body.
    fn rule(&self, rule: Value) -> Value {
        let mut ways = vec![rule];
        if self.names.body.is_some_and(|body| !body.required) {
            let elsewhere = self.names.bare.iter().filter(|(_, target)| !target.body).map(|(name, _)| name.as_str());
            let forms = Form::ALL.into_iter().filter(|form| self.names.has(*form));
            let beside: Vec<&str> = forms.map(|form| -> &str { form.name() }).chain(elsewhere).collect();
            ways.push(json!({ "propertyNames": { "enum": beside } }));
        }
        ways.extend(self.exempt());
        any(ways)
    }
}

/// Whether a schema says something of several properties together that can be checked with parameters beside them.
fn together(schema: &Value, schemas: &Schemas<'_>) -> bool {
    let reached = schemas.reached(schema, "");
    let has = |keywords: &[&str]| reached.iter().any(|part| keywords.iter().any(|k| part.keywords.contains_key(*k)));
    has(&TOGETHER) && !has(&CLOSED)
}

/// What an open body says of names that it does not know.
fn others(bodies: &Bodies, schemas: &Schemas<'_>) -> Option<Value> {
    let reached = schemas.reached(bodies.default(), &bodies.reference(0));
    let part = reached.iter().find(|part| {
        part.bearing == Bearing::Must && part.keywords.get("additionalProperties").is_some_and(Value::is_object)
    })?;
    Some(json!({ "$ref": format!("{}/additionalProperties", part.at) }))
}

/// All names that the schema has.
fn known(schema: &Map<String, Value>) -> Vec<String> {
    schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
}

fn any(mut ways: Vec<Value>) -> Value {
    if ways.len() == 1 { ways.remove(0) } else { json!({ "anyOf": ways }) }
}
