//! Arguments by their names → a value for each parameter, and the body: where each goes, without a look at what it is.
//!
//! A name in its place (`$path` and its like) wins over the bare name. What fits nowhere and what is missing are faults.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::body::BodyValue;
use super::format::find_type;
use super::names::{BODY, BodyNames, CONTENT_TYPE, Form, Names, PLAIN_BODY, Target};
use crate::arguments::fault;
use crate::functions::rest::{Body, Operation, Place};
use crate::problem::{Fault, MAX_FAULTS};

/// The names of an operation, for calls.
#[derive(Debug)]
pub(super) struct Index {
    bare: HashMap<Box<str>, Target>,
    forms: [HashMap<Box<str>, usize>; 4],
    body: Option<BodyNames>,
    /// The properties that a body of the default type must have.
    fields: Box<[Box<str>]>,
    /// For each of the body's types, whether its schema is the default's, so that bare names may fill it.
    alike: Box<[bool]>,
    /// The parameters that must be given.
    required: Box<[usize]>,
    /// Those of them that are headers or cookies.
    required_in_headers: Box<[usize]>,
}

/// What a call gives.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    /// For each parameter its value.
    pub(super) values: Vec<Option<One<'a>>>,
    /// The body, where one is given.
    pub(super) body: Option<BodyValue<'a>>,
    /// The chosen type of the body: an index, and as the caller wrote it.
    pub(super) chosen: Option<(usize, &'a str)>,
}

/// The value of one parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct One<'a> {
    pub(super) value: &'a Value,
    /// It was named in its place.
    pub(super) placed: bool,
}

impl Index {
    /// Of these names. `fields` are the properties that the default body must have, `alike` as in the field.
    pub(super) fn new(operation: &Operation, names: &Names, fields: Vec<String>, alike: Vec<bool>) -> Self {
        let boxed = |map: &std::collections::BTreeMap<String, usize>| {
            map.iter().map(|(n, i)| (n.as_str().into(), *i)).collect()
        };
        let required = |index: &usize| {
            let parameter = &operation.parameters[*index];
            parameter.required || parameter.place == Place::Path
        };
        let all = || names.forms.iter().flat_map(|form| form.values().copied()).filter(required);
        let in_headers = |index: &usize| matches!(operation.parameters[*index].place, Place::Header | Place::Cookie);
        Self {
            bare: names.bare.iter().map(|(n, t)| (n.as_str().into(), t.clone())).collect(),
            forms: [boxed(&names.forms[0]), boxed(&names.forms[1]), boxed(&names.forms[2]), boxed(&names.forms[3])],
            body: names.body,
            fields: fields.into_iter().map(String::into_boxed_str).collect(),
            alike: alike.into(),
            required: all().collect(),
            required_in_headers: all().filter(in_headers).collect(),
        }
    }

    /// The required parameters that are headers or cookies.
    pub(super) fn required_in_headers(&self) -> &[usize] {
        &self.required_in_headers
    }

    /// Finds the place of each argument. `raw` says that the body comes as it is, whatever the arguments say; `strict` that what the
    /// document requires must be there, else only that without which there is no call.
    pub(super) fn place<'a>(
        &self,
        operation: &Operation,
        arguments: &'a Map<String, Value>,
        raw: bool,
        strict: bool,
    ) -> Result<Given<'a>, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut given = Given { values: vec![None; operation.parameters.len()], ..Given::default() };
        let body = self.body.as_ref().filter(|_| !raw);
        let mut bare = Vec::new();
        for (name, value) in arguments {
            if faults.len() >= MAX_FAULTS {
                break;
            }
            if let Some(form) = Form::ALL.into_iter().find(|form| form.name() == name) {
                self.form(form, value, operation.body.as_ref().filter(|_| !raw), &mut given, &mut faults);
            } else if body.is_some_and(|body| name == BODY || (body.plain && name == PLAIN_BODY)) {
                if name == BODY || given.body.is_none() {
                    given.body = Some(BodyValue::Whole(value));
                }
            } else if let Some(target) = self.bare.get(name.as_str()).filter(|t| !raw || !t.parameters.is_empty()) {
                for &index in &target.parameters {
                    given.values[index].get_or_insert(One { value, placed: false });
                }
                if target.body {
                    bare.push((name.as_str(), value, !target.parameters.is_empty()));
                }
            } else if body.is_some_and(|body| body.open) {
                bare.push((name.as_str(), value, false));
            } else {
                faults.push(fault(&[name], "is no argument of this function"));
            }
        }
        if let Some(body) = body {
            self.body(body, bare, arguments, strict, &mut given, &mut faults);
        }
        let missing = |index: &&usize| {
            given.values[**index].is_none() && (strict || operation.parameters[**index].place == Place::Path)
        };
        for &index in self.required.iter().filter(missing) {
            faults.push(fault(&[], format!("\"{}\" is missing", operation.parameters[index].name)));
        }
        if faults.is_empty() { Ok(given) } else { Err(faults) }
    }

    fn form<'a>(
        &self,
        form: Form,
        value: &'a Value,
        body: Option<&Body>,
        given: &mut Given<'a>,
        faults: &mut Vec<Fault>,
    ) {
        let names = &self.forms[form as usize];
        let choice = body.filter(|_| form == Form::Header);
        if names.is_empty() && choice.is_none() {
            return faults.push(fault(&[form.name()], "is no argument of this function"));
        }
        let Value::Object(map) = value else {
            return faults.push(fault(&[form.name()], "is not of type object"));
        };
        for (name, value) in map {
            if let Some(&index) = names.get(name.as_str()) {
                given.values[index] = Some(One { value, placed: true });
            } else if let Some(body) = choice.filter(|_| name == CONTENT_TYPE) {
                let chosen = value.as_str().and_then(|name| Some((find_type(&body.types, name)?, name)));
                given.chosen = chosen;
                if chosen.is_none() {
                    faults.push(fault(&[form.name(), name], "is no type that this function takes"));
                }
            } else {
                faults.push(fault(&[form.name(), name], "is no argument of this function"));
            }
        }
    }

    /// Makes the body of bare names where it is not given whole.
    fn body<'a>(
        &self,
        body: &BodyNames,
        bare: Vec<(&'a str, &'a Value, bool)>,
        arguments: &Map<String, Value>,
        strict: bool,
        given: &mut Given<'a>,
        faults: &mut Vec<Fault>,
    ) {
        let whole = given.body.is_some();
        let alike = given.chosen.is_none_or(|(index, _)| self.alike.get(index).copied().unwrap_or(true));
        if whole || !alike {
            for (name, ..) in
                bare.iter().filter(|(name, _, parameter)| !parameter && (!alike || !self.bare.contains_key(*name)))
            {
                let detail = if whole {
                    "is no argument beside the whole body"
                } else {
                    "is no argument with this type: give $body"
                };
                faults.push(fault(&[name], detail));
            }
        } else if body.fields && (body.required || !bare.is_empty()) {
            for name in self.fields.iter().filter(|name| strict && !arguments.contains_key(&***name)) {
                faults.push(fault(&[], format!("\"{name}\" is missing")));
            }
            given.body = Some(BodyValue::Fields(bare.into_iter().map(|(name, value, _)| (name, value)).collect()));
        }
        if strict && body.required && given.body.is_none() {
            faults.push(fault(&[], format!("\"{}\" is missing", if alike { body.whole() } else { BODY })));
        }
    }
}
