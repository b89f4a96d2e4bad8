//! What the descriptor library takes for granted and compilers ensure, checked before a foreign file reaches it: it panics
//! at use where that does not hold.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorProto};

/// Says what is wrong with the entry type of a map somewhere in `file`.
pub(super) fn check(file: &FileDescriptorProto) -> Result<(), String> {
    file.message_type.iter().try_for_each(message)
}

// As deep as the wire format allows, which is a hundred.
fn message(of: &DescriptorProto) -> Result<(), String> {
    let map_entry = of.options.as_ref().is_some_and(|options| options.map_entry());
    if map_entry && !is_entry(of) {
        return Err(format!("{} is no entry of a map", of.name()));
    }
    of.nested_type.iter().try_for_each(message)
}

/// `key = 1` of a type that orders, and `value = 2`.
fn is_entry(of: &DescriptorProto) -> bool {
    let [key, value] = of.field.as_slice() else { return false };
    let single = of.field.iter().all(|field| field.label() == Label::Optional && field.oneof_index.is_none());
    let orders =
        !matches!(key.r#type(), Type::Double | Type::Float | Type::Bytes | Type::Enum | Type::Message | Type::Group);
    single && orders && (key.name(), key.number()) == ("key", 1) && (value.name(), value.number()) == ("value", 2)
}
