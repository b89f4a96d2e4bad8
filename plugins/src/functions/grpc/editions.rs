//! Files in an edition (2023 and later), said again in proto2's words, which the descriptor library knows.
//!
//! An edition is proto2 whose differences are features, inherited from file to message to field. Those that matter on the wire or
//! for arguments are mapped: required fields, and messages that are delimited like groups. A field without presence gets
//! one, which shows only if a server sends a default that it need not send. Open enums, packed lists and UTF-8 checks need
//! nothing: readers take both forms.

use prost_reflect::{DynamicMessage, Value};

/// The features that are in force somewhere. The numbers are those of `google.protobuf.FeatureSet`.
#[derive(Clone, Copy, Default)]
struct Features {
    required: bool,
    delimited: bool,
}

impl Features {
    /// These, changed by the options of what lies inside.
    fn within(mut self, inner: &DynamicMessage) -> Self {
        const LEGACY_REQUIRED: i32 = 3;
        const DELIMITED: i32 = 2;
        let options = inner.get_field_by_name("options");
        let features = options.as_ref().and_then(|o| o.as_message()?.get_field_by_name("features"));
        let Some(features) = features.as_ref().and_then(|f| f.as_message()) else { return self };
        let set = |name| number(features, name).filter(|_| features.has_field_by_name(name));
        if let Some(presence) = set("field_presence") {
            self.required = presence == LEGACY_REQUIRED;
        }
        if let Some(encoding) = set("message_encoding") {
            self.delimited = encoding == DELIMITED;
        }
        self
    }
}

/// Changes a `google.protobuf.FileDescriptorProto` from any edition to proto2.
pub(super) fn lower(file: &mut DynamicMessage) {
    let features = Features::default().within(file);
    each(file, "message_type", |message| lower_message(message, features));
    each(file, "extension", |field| lower_field(field, features, &[]));
    file.clear_field_by_name("edition");
    file.set_field_by_name("syntax", Value::String("proto2".into()));
}

fn lower_message(message: &mut DynamicMessage, features: Features) {
    let features = features.within(message);
    let mut maps = Vec::new();
    each(message, "nested_type", |nested| {
        let options = nested.get_field_by_name("options");
        let map_entry = options.as_ref().and_then(|o| o.as_message()?.get_field_by_name("map_entry")?.as_bool());
        if map_entry == Some(true) {
            maps.push(text(nested, "name"));
        } else {
            lower_message(nested, features);
        }
    });
    each(message, "field", |field| lower_field(field, features, &maps));
    each(message, "extension", |field| lower_field(field, features, &[]));
}

fn lower_field(field: &mut DynamicMessage, features: Features, maps: &[String]) {
    const LABEL_OPTIONAL: i32 = 1;
    const LABEL_REQUIRED: i32 = 2;
    const TYPE_GROUP: i32 = 10;
    const TYPE_MESSAGE: i32 = 11;
    let features = features.within(field);
    if features.required && number(field, "label") == Some(LABEL_OPTIONAL) && !field.has_field_by_name("oneof_index") {
        field.set_field_by_name("label", Value::EnumNumber(LABEL_REQUIRED));
    }
    let of = text(field, "type_name");
    // A map's entries are never delimited.
    let is_map = of.rsplit('.').next().is_some_and(|name| maps.iter().any(|map| map == name));
    if features.delimited && number(field, "type") == Some(TYPE_MESSAGE) && !is_map {
        field.set_field_by_name("type", Value::EnumNumber(TYPE_GROUP));
    }
}

/// `work` on every message of a list.
fn each(of: &mut DynamicMessage, list: &str, mut work: impl FnMut(&mut DynamicMessage)) {
    // Not by default: looking at an unset list for change would set it.
    if of.has_field_by_name(list)
        && let Some(Value::List(messages)) = of.get_field_by_name_mut(list)
    {
        messages.iter_mut().filter_map(Value::as_message_mut).for_each(&mut work);
    }
}

fn number(of: &DynamicMessage, name: &str) -> Option<i32> {
    of.get_field_by_name(name)?.as_enum_number()
}

fn text(of: &DynamicMessage, name: &str) -> String {
    of.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
