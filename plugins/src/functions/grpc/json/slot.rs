//! One place of a message that a JSON member fills: a field, or an extension under its `[full.name]`.

use prost_reflect::{
    Cardinality, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value,
};

/// A field or an extension.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    /// Declared in the message.
    Field(FieldDescriptor),
    /// Declared elsewhere (proto2).
    Extension(ExtensionDescriptor),
}

impl Slot {
    /// What `name` fills: the JSON name goes before the proto's own, an extension's is `[full.name]`.
    pub(crate) fn find(message: &MessageDescriptor, name: &str) -> Option<Self> {
        if let Some(field) = message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name)) {
            return Some(Self::Field(field));
        }
        if !name.starts_with('[') {
            return None;
        }
        message.get_extension_by_json_name(name).map(Self::Extension)
    }

    /// All of a message, fields first.
    pub(crate) fn all(message: &MessageDescriptor) -> impl Iterator<Item = Self> {
        let extensions: Vec<_> = message.extensions().map(Self::Extension).collect();
        message.fields().map(Self::Field).collect::<Vec<_>>().into_iter().chain(extensions)
    }

    /// The name that answers use.
    pub(crate) fn json_name(&self) -> &str {
        match self {
            Self::Field(field) => field.json_name(),
            Self::Extension(extension) => extension.json_name(),
        }
    }

    /// The proto's own name where it is another one.
    pub(crate) fn alias(&self) -> Option<&str> {
        match self {
            Self::Field(field) => Some(field.name()).filter(|name| *name != field.json_name()),
            Self::Extension(_) => None,
        }
    }

    pub(crate) fn number(&self) -> u32 {
        match self {
            Self::Field(field) => field.number(),
            Self::Extension(extension) => extension.number(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Field(field) => field.kind(),
            Self::Extension(extension) => extension.kind(),
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        match self {
            Self::Field(field) => field.is_list(),
            Self::Extension(extension) => extension.is_list(),
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        match self {
            Self::Field(field) => field.is_map(),
            Self::Extension(extension) => extension.is_map(),
        }
    }

    /// proto2's `required`.
    pub(crate) fn is_required(&self) -> bool {
        matches!(self, Self::Field(field) if field.cardinality() == Cardinality::Required)
    }

    /// The group of which at most one member may be given; proto3's `optional` makes none.
    pub(crate) fn oneof(&self) -> Option<OneofDescriptor> {
        match self {
            Self::Field(field) => field.containing_oneof().filter(|oneof| !oneof.is_synthetic()),
            Self::Extension(_) => None,
        }
    }

    /// Whether `null` is a value here, and not the absence of one.
    pub(crate) fn takes_null(&self) -> bool {
        !self.is_list() && !self.is_map() && takes_null(&self.kind())
    }

    /// Puts `value` there; false where the descriptor does not allow it.
    pub(super) fn put(&self, message: &mut DynamicMessage, value: Value) -> bool {
        match self {
            Self::Field(field) => message.try_set_field(field, value).is_ok(),
            Self::Extension(extension) if value.is_valid_for_extension(extension) => {
                message.set_extension(extension, value);
                true
            }
            Self::Extension(_) => false,
        }
    }
}

/// Whether JSON's `null` is a value of this kind.
pub(super) fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(of) => of.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}
