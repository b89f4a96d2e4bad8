//! JSON to a message. Everything that is wrong is found in one pass, each with its place.

use std::borrow::Cow;
use std::collections::HashMap;

use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MapKey, MessageDescriptor, Value};
use serde_json::{Map, Value as Json};

use super::slot::{Slot, takes_null};
use super::{Known, number};
use crate::arguments::{from_base64, pointer};
use crate::problem::{Fault, MAX_FAULTS};

/// The message that `json` says, or what is wrong with it. Its depth is that of `json`, which its parser bounds.
pub(crate) fn read(message: &MessageDescriptor, json: &Json) -> Result<DynamicMessage, Vec<Fault>> {
    let mut reader = Reader { path: Vec::new(), faults: Vec::new() };
    match reader.message(message, json) {
        Some(read) if reader.faults.is_empty() => Ok(read),
        _ => Err(reader.faults),
    }
}

/// One step from a value into it.
#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// Reads and remembers where it is. A method that returns `None` has left a fault.
pub(super) struct Reader<'a> {
    path: Vec<Step<'a>>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// Leaves a fault at the current place.
    pub(super) fn fault<T>(&mut self, detail: impl Into<String>) -> Option<T> {
        if self.faults.len() < MAX_FAULTS {
            let steps = self.path.iter().map(|step| match step {
                Step::Name(name) => Cow::Borrowed(*name),
                Step::Index(at) => at.to_string().into(),
            });
            let steps: Vec<_> = steps.collect();
            let pointer = pointer(steps.iter().map(|step| &**step));
            self.faults.push(Fault { pointer, detail: detail.into() });
        }
        None
    }

    /// `work` one member deeper.
    pub(super) fn at<T>(&mut self, name: &'a str, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Name(name));
        let done = work(self);
        self.path.pop();
        done
    }

    pub(super) fn message(&mut self, of: &MessageDescriptor, json: &'a Json) -> Option<DynamicMessage> {
        if let Some(known) = Known::of(of) {
            return known.read(self, of, json);
        }
        let Json::Object(members) = json else { return self.fault("is not an object") };
        let mut message = DynamicMessage::new(of.clone());
        self.members(&mut message, members, &[]);
        Some(message)
    }

    /// Every member of an object into its field; those in `except` mean something else.
    pub(super) fn members(&mut self, message: &mut DynamicMessage, members: &'a Map<String, Json>, except: &[&str]) {
        let of = prost_reflect::ReflectMessage::descriptor(message);
        let mut seen: HashMap<u32, &str> = HashMap::with_capacity(members.len());
        for (name, json) in members.iter().filter(|(name, _)| !except.contains(&name.as_str())) {
            self.at(name, |reader| {
                let Some(slot) = Slot::find(&of, name) else {
                    return reader.fault::<()>(format!("is not a field of {}", of.full_name()));
                };
                if let Some(first) = seen.insert(slot.number(), name) {
                    return reader.fault(format!("is the same field as {first}, which is given too"));
                }
                reader.member(message, &slot, json)
            });
        }
        for slot in Slot::all(&of).filter(Slot::is_required) {
            let given = seen.get(&slot.number()).is_some_and(|name| !members[*name].is_null());
            if !given {
                let name = slot.json_name();
                self.fault::<()>(format!("{name} is missing"));
            }
        }
    }

    fn member(&mut self, message: &mut DynamicMessage, slot: &Slot, json: &'a Json) -> Option<()> {
        if json.is_null() && !slot.takes_null() {
            return Some(());
        }
        if let Some(oneof) = slot.oneof()
            && oneof.fields().any(|other| message.has_field(&other))
        {
            return self.fault(format!("is given beside another member of {}; at most one may be", oneof.name()));
        }
        let value = if slot.is_list() {
            self.list(&slot.kind(), json)?
        } else if slot.is_map() {
            self.map(&slot.kind(), json)?
        } else {
            self.value(&slot.kind(), json)?
        };
        if slot.put(message, value) { Some(()) } else { self.fault("is not what the descriptor allows") }
    }

    fn list(&mut self, kind: &Kind, json: &'a Json) -> Option<Value> {
        let Json::Array(elements) = json else { return self.fault("is not an array") };
        let mut values = Vec::with_capacity(elements.len());
        for (at, element) in elements.iter().enumerate() {
            self.path.push(Step::Index(at));
            values.extend(self.value(kind, element));
            self.path.pop();
        }
        Some(Value::List(values))
    }

    fn map(&mut self, kind: &Kind, json: &'a Json) -> Option<Value> {
        let Json::Object(members) = json else { return self.fault("is not an object") };
        let entry = kind.as_message()?;
        let (keys, kind) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let mut values = HashMap::with_capacity(members.len());
        for (name, json) in members {
            self.at(name, |reader| match map_key(&keys, name) {
                Some(key) => {
                    if let Some(value) = reader.value(&kind, json) {
                        values.insert(key, value);
                    }
                }
                None => drop(reader.fault::<()>(format!("has a name that is not of type {keys:?}"))),
            });
        }
        Some(Value::Map(values))
    }

    /// One value: a field's, an element's, an entry's.
    pub(super) fn value(&mut self, kind: &Kind, json: &'a Json) -> Option<Value> {
        if json.is_null() && !takes_null(kind) {
            return self.fault("is null, which is no value here");
        }
        let read = match kind {
            Kind::Message(of) => return self.message(of, json).map(Value::Message),
            Kind::Double => number::float(json).map(Value::F64),
            Kind::Float => number::single(json).map(Value::F32),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => whole(json).map(Value::I32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => whole(json).map(Value::I64),
            Kind::Uint32 | Kind::Fixed32 => whole(json).map(Value::U32),
            Kind::Uint64 | Kind::Fixed64 => whole(json).map(Value::U64),
            Kind::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| "is not true or false".into()),
            Kind::String => json.as_str().map(|s| Value::String(s.into())).ok_or_else(|| "is not a string".into()),
            Kind::Bytes => bytes(json),
            Kind::Enum(of) => enum_number(of, json).map(Value::EnumNumber),
        };
        read.map_or_else(|detail| self.fault(detail), Some)
    }
}

/// A whole number of the type's own range.
fn whole<T: TryFrom<i128> + Bounded>(json: &Json) -> Result<T, String> {
    let number = number::integer(json, T::MIN, T::MAX)?;
    T::try_from(number).map_err(|_| "out of range".into())
}

trait Bounded {
    const MIN: i128;
    const MAX: i128;
}

macro_rules! bounded {
    ($($of:ident)*) => { $(impl Bounded for $of {
        const MIN: i128 = $of::MIN as i128;
        const MAX: i128 = $of::MAX as i128;
    })* };
}
bounded!(i32 i64 u32 u64);

fn bytes(json: &Json) -> Result<Value, String> {
    let text = json.as_str().ok_or("is not base64")?;
    from_base64(text.as_bytes()).map(|b| Value::Bytes(b.into())).ok_or_else(|| "is not base64".into())
}

fn enum_number(of: &EnumDescriptor, json: &Json) -> Result<i32, String> {
    match json {
        Json::String(name) => match of.get_value_by_name(name) {
            Some(value) => Ok(value.number()),
            None => Err(format!("is not a value of {}", of.full_name())),
        },
        Json::Number(_) => whole(json),
        Json::Null => Ok(0),
        _ => Err(format!("is not a value of {}", of.full_name())),
    }
}

fn map_key(kind: &Kind, name: &str) -> Option<MapKey> {
    let whole = || number::digits(name);
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => whole()?.try_into().ok().map(MapKey::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => whole()?.try_into().ok().map(MapKey::I64),
        Kind::Uint32 | Kind::Fixed32 => whole()?.try_into().ok().map(MapKey::U32),
        Kind::Uint64 | Kind::Fixed64 => whole()?.try_into().ok().map(MapKey::U64),
        Kind::Bool => name.parse().ok().map(MapKey::Bool),
        Kind::String => Some(MapKey::String(name.into())),
        _ => None,
    }
}
