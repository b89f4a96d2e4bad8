//! The well-known types: those whose JSON is not that of their fields.

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use serde_json::Value as Json;

use super::super::pools::BUILT_IN;
use super::read::Reader;
use crate::arguments::from_base64;

/// A well-known type of `google.protobuf`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    Empty,
    /// `Int32Value` and its like: the value of field 1 alone.
    Wrapper,
}

impl Known {
    /// Which one `message` is.
    pub(crate) fn of(message: &MessageDescriptor) -> Option<Self> {
        Some(match message.full_name().strip_prefix("google.protobuf.")? {
            "Any" => Self::Any,
            "Timestamp" => Self::Timestamp,
            "Duration" => Self::Duration,
            "FieldMask" => Self::FieldMask,
            "Struct" => Self::Struct,
            "Value" => Self::Value,
            "ListValue" => Self::ListValue,
            "Empty" => Self::Empty,
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value"
            | "BoolValue" | "StringValue" | "BytesValue" => Self::Wrapper,
            _ => return None,
        })
    }

    pub(super) fn read<'a>(
        self,
        reader: &mut Reader<'a>,
        of: &MessageDescriptor,
        json: &'a Json,
    ) -> Option<DynamicMessage> {
        match self {
            Self::Any => any(reader, of, json),
            Self::Timestamp => {
                let parsed = json.as_str().and_then(timestamp);
                transcoded(reader, of, parsed, "is not a time like 2024-02-29T12:00:00Z (RFC 3339)")
            }
            Self::Duration => {
                let parsed = json.as_str().and_then(duration);
                transcoded(reader, of, parsed, "is not a duration in seconds, like 1.5s")
            }
            Self::FieldMask => {
                let parsed = json.as_str().and_then(field_mask);
                transcoded(reader, of, parsed, "is not a list of lowerCamelCase field paths, separated by commas")
            }
            Self::Value => transcoded(reader, of, value(json), "is nested too deep"),
            Self::Struct => {
                let fields = json.as_object().and_then(object);
                transcoded(reader, of, fields, "is not an object")
            }
            Self::ListValue => {
                let values = json.as_array().and_then(|elements| array(elements));
                transcoded(reader, of, values, "is not an array")
            }
            Self::Empty => match json {
                Json::Object(members) => {
                    let mut message = DynamicMessage::new(of.clone());
                    reader.members(&mut message, members, &[]);
                    Some(message)
                }
                _ => reader.fault("is not an object"),
            },
            Self::Wrapper => {
                let Some(field) = of.get_field(1) else { return reader.fault("is not what the descriptor allows") };
                let value = reader.value(&field.kind(), json)?;
                let mut message = DynamicMessage::new(of.clone());
                match message.try_set_field(&field, value) {
                    Ok(()) => Some(message),
                    Err(_) => reader.fault("is not what the descriptor allows"),
                }
            }
        }
    }
}

/// `typed` as a message of the pool's own descriptor, which need not be the usual one.
fn transcoded<T: prost::Message>(
    reader: &mut Reader<'_>,
    of: &MessageDescriptor,
    typed: Option<T>,
    expected: &str,
) -> Option<DynamicMessage> {
    let Some(typed) = typed else { return reader.fault(expected) };
    let mut message = DynamicMessage::new(of.clone());
    match message.transcode_from(&typed) {
        Ok(()) => Some(message),
        // More than protobuf's own limit of 100 messages in each other.
        Err(_) => reader.fault("is nested too deep"),
    }
}

/// `{"@type": …}` with the fields of that type, or with its JSON as `value` where it is itself a well-known type. A type that
/// the pool does not know is taken as answers show it: with its serialized `value` in base64.
fn any<'a>(reader: &mut Reader<'a>, of: &MessageDescriptor, json: &'a Json) -> Option<DynamicMessage> {
    let Json::Object(members) = json else { return reader.fault("is not an object") };
    if members.is_empty() {
        return Some(DynamicMessage::new(of.clone()));
    }
    let Some(url) = members.get("@type").and_then(Json::as_str) else {
        return reader.fault("@type is missing");
    };
    let name = url.rsplit('/').next().unwrap_or(url);
    let inner = of.parent_pool().get_message_by_name(name).or_else(|| BUILT_IN.get_message_by_name(name));
    let content = match inner {
        Some(inner) if Known::of(&inner).is_some() => {
            let Some(json) = members.get("value") else { return reader.fault("value is missing") };
            if let Some(other) = members.keys().find(|key| !["@type", "value"].contains(&key.as_str())) {
                return reader.at(other, |reader| {
                    reader.fault(format!("is not a field of {name}, which is given by value alone"))
                });
            }
            reader.at("value", |reader| reader.message(&inner, json))?.encode_to_vec()
        }
        Some(inner) => {
            let mut message = DynamicMessage::new(inner);
            reader.members(&mut message, members, &["@type"]);
            message.encode_to_vec()
        }
        None => match members.get("value").and_then(Json::as_str).and_then(|text| from_base64(text.as_bytes())) {
            Some(bytes) if members.len() == 2 => bytes,
            _ => return reader.at("@type", |reader| reader.fault("is not a known type")),
        },
    };
    let mut message = DynamicMessage::new(of.clone());
    let put = message.try_set_field_by_number(1, Value::String(url.into())).is_ok()
        && message.try_set_field_by_number(2, Value::Bytes(Bytes::from(content))).is_ok();
    if put { Some(message) } else { reader.fault("is not what the descriptor allows") }
}

/// The range of `google.protobuf.Timestamp`: the years 1 to 9999.
pub(super) const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// RFC 3339 with an upper-case `T`, seconds, at most nine digits of a fraction, and an offset.
fn timestamp(text: &str) -> Option<prost_types::Timestamp> {
    let (date, rest) = (text.get(..19)?, text.get(19..)?);
    let shaped = date.bytes().zip(b"0000-00-00T00:00:00").all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *shape,
    });
    let fraction = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let zone = if rest.starts_with('.') { rest.get(1 + fraction..)? } else { rest };
    let zoned = match zone.as_bytes() {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()),
        _ => false,
    };
    if !shaped || !zoned || fraction > 9 {
        return None;
    }
    let parsed: prost_types::Timestamp = text.parse().ok()?;
    TIMESTAMP_SECONDS.contains(&parsed.seconds).then_some(parsed)
}

/// About 10,000 years, the range of `google.protobuf.Duration`.
pub(super) const DURATION_SECONDS: i64 = 315_576_000_000;

/// Seconds with at most nine digits of a fraction, then `s`.
fn duration(text: &str) -> Option<prost_types::Duration> {
    let bare = text.strip_suffix('s')?;
    let (sign, bare) = bare.strip_prefix('-').map_or((1, bare), |bare| (-1, bare));
    let (whole, fraction) = match bare.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (bare, ""),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    (seconds <= DURATION_SECONDS)
        .then_some(prost_types::Duration { seconds: sign * seconds, nanos: sign as i32 * nanos })
}

/// `a.fooBar,b` for the paths `a.foo_bar` and `b`.
fn field_mask(text: &str) -> Option<prost_types::FieldMask> {
    let mut paths = Vec::new();
    for path in text.split(',').filter(|path| !path.is_empty()) {
        let mut snake = String::with_capacity(path.len() + 4);
        for letter in path.chars() {
            match letter {
                '_' => return None,
                'A'..='Z' => snake.extend(['_', letter.to_ascii_lowercase()]),
                _ => snake.push(letter),
            }
        }
        paths.push(snake);
    }
    Some(prost_types::FieldMask { paths })
}

/// The JSON of a field mask; `None` where a path would not come back as it was.
pub(super) fn camel_paths(mask: &prost_types::FieldMask) -> Option<String> {
    let mut text = String::new();
    for (at, path) in mask.paths.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        let mut raise = false;
        for letter in path.chars() {
            match letter {
                '_' if !raise => raise = true,
                'a'..='z' if raise => {
                    text.push(letter.to_ascii_uppercase());
                    raise = false;
                }
                'A'..='Z' => return None,
                _ if raise => return None,
                _ => text.push(letter),
            }
        }
        if raise {
            return None;
        }
    }
    Some(text)
}

fn value(json: &Json) -> Option<prost_types::Value> {
    use prost_types::value::Kind;
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(value) => Kind::NumberValue(value.as_f64()?),
        Json::String(value) => Kind::StringValue(value.clone()),
        Json::Array(elements) => Kind::ListValue(array(elements)?),
        Json::Object(members) => Kind::StructValue(object(members)?),
    };
    Some(prost_types::Value { kind: Some(kind) })
}

fn array(elements: &[Json]) -> Option<prost_types::ListValue> {
    let values = elements.iter().map(value).collect::<Option<_>>()?;
    Some(prost_types::ListValue { values })
}

fn object(members: &serde_json::Map<String, Json>) -> Option<prost_types::Struct> {
    let fields = members.iter().map(|(name, json)| Some((name.clone(), value(json)?))).collect::<Option<_>>()?;
    Some(prost_types::Struct { fields })
}
