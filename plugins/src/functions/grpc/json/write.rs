//! A message to JSON text, written as it is walked.

use std::collections::HashMap;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage, Value};
use serde::Serialize;

use super::Known;
use super::known::{DURATION_SECONDS, TIMESTAMP_SECONDS, camel_paths};
use crate::arguments::to_base64;

/// How deep messages may lie in each other. The wire format's own limit is 100, but each `Any` begins to count again, and a
/// few megabytes of them in each other would otherwise end the process.
const MAX_DEPTH: usize = 128;

/// Where the types of `Any` are found, in this order.
#[derive(Clone, Copy)]
pub(crate) struct Types<'a>(pub(crate) &'a [&'a DescriptorPool]);

impl Types<'_> {
    fn find(&self, url: &str) -> Option<MessageDescriptor> {
        let name = url.rsplit('/').next().unwrap_or(url);
        self.0.iter().find_map(|pool| pool.get_message_by_name(name))
    }
}

/// Why a message has no JSON form, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{detail}", path.iter().rev().map(|name| format!("{name}: ")).collect::<String>())]
pub(crate) struct Unwritable {
    /// The names on the way there, from the inside out.
    path: Vec<String>,
    detail: String,
}

impl Unwritable {
    fn new(detail: impl Into<String>) -> Self {
        Self { path: Vec::new(), detail: detail.into() }
    }

    fn within(mut self, name: &str) -> Self {
        self.path.push(name.into());
        self
    }
}

type Written = Result<(), Unwritable>;

/// Appends JSON to a buffer.
pub(crate) struct Writer<'a, 'b> {
    types: Types<'a>,
    out: &'b mut Vec<u8>,
    depth: usize,
}

impl<'a, 'b> Writer<'a, 'b> {
    /// Appends to `out`.
    pub(crate) fn new(types: Types<'a>, out: &'b mut Vec<u8>) -> Self {
        Self { types, out, depth: 0 }
    }

    /// One message.
    pub(crate) fn message(&mut self, message: &DynamicMessage) -> Written {
        if self.depth >= MAX_DEPTH {
            return Err(Unwritable::new(format!("more than {MAX_DEPTH} messages lie in each other")));
        }
        self.depth += 1;
        let written = match Known::of(&message.descriptor()) {
            Some(known) => self.known(known, message),
            None => {
                self.out.push(b'{');
                let written = self.fields(message, true);
                self.out.push(b'}');
                written
            }
        };
        self.depth -= 1;
        written
    }

    /// An `Any` with its type expanded where that is known.
    pub(crate) fn any(&mut self, any: &prost_types::Any) -> Written {
        if any.type_url.is_empty() && any.value.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        self.out.extend_from_slice(br#"{"@type":"#);
        self.json(&any.type_url)?;
        let start = self.out.len();
        if self.expanded(any).is_ok() {
            return Ok(());
        }
        // Not known, not readable, or too deep: as it is.
        self.out.truncate(start);
        self.out.extend_from_slice(br#","value":"#);
        self.json(&to_base64(&any.value))?;
        self.out.push(b'}');
        Ok(())
    }

    fn expanded(&mut self, any: &prost_types::Any) -> Written {
        let of = self.types.find(&any.type_url).ok_or_else(|| Unwritable::new("not a known type"))?;
        let known = Known::of(&of).is_some();
        let inner = DynamicMessage::decode(of, any.value.as_slice()).map_err(|e| Unwritable::new(e.to_string()))?;
        let depth = self.depth;
        self.depth += 1;
        let written = if known {
            self.out.extend_from_slice(br#","value":"#);
            self.message(&inner)
        } else {
            self.fields(&inner, false)
        };
        self.depth = depth;
        self.out.push(b'}');
        written
    }

    /// The members of an object; a field is there when it is set, or, without presence, when it is not the default.
    fn fields(&mut self, message: &DynamicMessage, mut first: bool) -> Written {
        let mut comma = |out: &mut Vec<u8>| match first {
            true => first = false,
            false => out.push(b','),
        };
        for (field, value) in message.fields() {
            comma(self.out);
            self.json(field.json_name())?;
            self.out.push(b':');
            self.field(&field.kind(), value).map_err(|e| e.within(field.json_name()))?;
        }
        for (extension, value) in message.extensions() {
            comma(self.out);
            self.json(extension.json_name())?;
            self.out.push(b':');
            self.field(&extension.kind(), value).map_err(|e| e.within(extension.json_name()))?;
        }
        Ok(())
    }

    fn field(&mut self, kind: &Kind, value: &Value) -> Written {
        match value {
            Value::List(values) => {
                self.out.push(b'[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        self.out.push(b',');
                    }
                    self.value(kind, value).map_err(|e| e.within(&at.to_string()))?;
                }
                self.out.push(b']');
                Ok(())
            }
            Value::Map(entries) => self.map(kind, entries),
            _ => self.value(kind, value),
        }
    }

    fn map(&mut self, kind: &Kind, entries: &HashMap<MapKey, Value>) -> Written {
        let entry = kind.as_message().ok_or_else(|| Unwritable::new("a map without an entry type"))?;
        let kind = entry.map_entry_value_field().kind();
        let mut keys: Vec<_> = entries.keys().collect();
        // One order for one content: answers can be compared and cached.
        keys.sort();
        self.out.push(b'{');
        for (at, key) in keys.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            let name = match key {
                MapKey::Bool(key) => key.to_string(),
                MapKey::I32(key) => key.to_string(),
                MapKey::I64(key) => key.to_string(),
                MapKey::U32(key) => key.to_string(),
                MapKey::U64(key) => key.to_string(),
                MapKey::String(key) => key.clone(),
            };
            self.json(&name)?;
            self.out.push(b':');
            self.value(&kind, &entries[key]).map_err(|e| e.within(&name))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn value(&mut self, kind: &Kind, value: &Value) -> Written {
        match value {
            Value::Bool(value) => self.json(value),
            Value::I32(value) => self.json(value),
            Value::U32(value) => self.json(value),
            Value::I64(value) => self.json(&value.to_string()),
            Value::U64(value) => self.json(&value.to_string()),
            // Not by way of f64, which would show digits that are not there.
            Value::F32(value) if value.is_finite() && value.fract() != 0.0 => self.json(value),
            Value::F32(value) => self.float(f64::from(*value)),
            Value::F64(value) => self.float(*value),
            Value::String(value) => self.json(value),
            Value::Bytes(value) => self.json(&to_base64(value)),
            Value::EnumNumber(number) => match kind {
                Kind::Enum(of) if of.full_name() == "google.protobuf.NullValue" => self.json(&()),
                Kind::Enum(of) => match of.get_value(*number) {
                    Some(value) => self.json(value.name()),
                    None => self.json(number),
                },
                _ => Err(Unwritable::new("an enum value without its type")),
            },
            Value::Message(message) => self.message(message),
            Value::List(_) | Value::Map(_) => Err(Unwritable::new("a list in a list")),
        }
    }

    fn float(&mut self, value: f64) -> Written {
        /// Whole numbers up to here are written without a fraction: `3`, not `3.0`.
        const PLAIN: f64 = 1e15;
        match value {
            f64::INFINITY => self.json("Infinity"),
            f64::NEG_INFINITY => self.json("-Infinity"),
            _ if value.is_nan() => self.json("NaN"),
            _ if value.fract() == 0.0 && value.abs() < PLAIN && !(value == 0.0 && value.is_sign_negative()) => {
                self.json(&(value as i64))
            }
            _ => self.json(&value),
        }
    }

    fn known(&mut self, known: Known, message: &DynamicMessage) -> Written {
        match known {
            Known::Any => self.any(&typed(message)?),
            Known::Timestamp => {
                let time: prost_types::Timestamp = typed(message)?;
                if !TIMESTAMP_SECONDS.contains(&time.seconds) || !(0..1_000_000_000).contains(&time.nanos) {
                    return Err(Unwritable::new("a timestamp outside the years 1 to 9999"));
                }
                self.json(&time.to_string())
            }
            Known::Duration => {
                let duration: prost_types::Duration = typed(message)?;
                let (seconds, nanos) = (duration.seconds, i64::from(duration.nanos));
                let apart = seconds.signum() * nanos.signum() < 0;
                if seconds.unsigned_abs() > DURATION_SECONDS.unsigned_abs() || nanos.abs() > 999_999_999 || apart {
                    return Err(Unwritable::new("a duration outside its range"));
                }
                self.json(&duration.to_string())
            }
            Known::FieldMask => match camel_paths(&typed(message)?) {
                Some(paths) => self.json(&paths),
                None => Err(Unwritable::new("a field mask with a path that is not in snake_case")),
            },
            Known::Struct => self.object(&typed(message)?),
            Known::ListValue => self.array(&typed(message)?),
            Known::Value => self.free(&typed(message)?),
            Known::Empty => {
                self.out.extend_from_slice(b"{}");
                Ok(())
            }
            Known::Wrapper => match message.descriptor().get_field(1) {
                Some(field) => self.value(&field.kind(), &message.get_field(&field)),
                None => Err(Unwritable::new("a wrapper without a value")),
            },
        }
    }

    fn object(&mut self, fields: &prost_types::Struct) -> Written {
        self.out.push(b'{');
        for (at, (name, value)) in fields.fields.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.json(name)?;
            self.out.push(b':');
            self.free(value).map_err(|e| e.within(name))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, list: &prost_types::ListValue) -> Written {
        self.out.push(b'[');
        for (at, value) in list.values.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.free(value).map_err(|e| e.within(&at.to_string()))?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn free(&mut self, value: &prost_types::Value) -> Written {
        use prost_types::value::Kind;
        match &value.kind {
            None | Some(Kind::NullValue(_)) => self.json(&()),
            Some(Kind::BoolValue(value)) => self.json(value),
            Some(Kind::NumberValue(value)) if value.is_finite() => self.float(*value),
            // As a string it would come back as one.
            Some(Kind::NumberValue(value)) => Err(Unwritable::new(format!("{value} in a google.protobuf.Value"))),
            Some(Kind::StringValue(value)) => self.json(value),
            Some(Kind::ListValue(list)) => self.array(list),
            Some(Kind::StructValue(fields)) => self.object(fields),
        }
    }

    fn json(&mut self, value: &(impl Serialize + ?Sized)) -> Written {
        serde_json::to_writer(&mut *self.out, value).map_err(|e| Unwritable::new(e.to_string()))
    }
}

/// The message as the type that it is called after; an error where the pool's descriptor is not the usual one.
fn typed<T: prost::Message + Default>(message: &DynamicMessage) -> Result<T, Unwritable> {
    T::decode(message.encode_to_vec().as_slice()).map_err(|e| Unwritable::new(e.to_string()))
}
