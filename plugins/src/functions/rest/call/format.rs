//! How a body of a media type is built from a value.

use crate::functions::rest::{Body, MediaType};

/// The ways to write a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::functions::rest) enum Format {
    /// JSON text.
    Json,
    /// `application/x-www-form-urlencoded`.
    Urlencoded,
    /// `multipart/form-data` and its kin.
    Multipart,
    /// A string as it is, nothing else: a value tells no element from an attribute.
    Xml,
    /// A string as it is, other values as JSON text.
    Text,
    /// Bytes from base64 where the schema says nothing or says that it is binary; else as [`Format::Text`].
    Other,
}

impl Format {
    /// For a media type in lower case, without parameters, or a range.
    pub(in crate::functions::rest) fn of(name: &str) -> Self {
        match name {
            "application/json" | "text/json" | "*/*" | "application/*" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Urlencoded,
            "application/xml" | "text/xml" => Self::Xml,
            _ if name.ends_with("+json") => Self::Json,
            _ if name.ends_with("+xml") && !name.starts_with("image/") => Self::Xml,
            _ if name.starts_with("multipart/") => Self::Multipart,
            _ if name.starts_with("text/") => Self::Text,
            _ => Self::Other,
        }
    }

    /// Whether a body is made of fields, so that bare names can fill it.
    pub(in crate::functions::rest) fn has_fields(self) -> bool {
        matches!(self, Self::Json | Self::Urlencoded | Self::Multipart)
    }
}

/// Which of a body's types is built where the caller says nothing: JSON if it takes that, else its first.
pub(in crate::functions::rest) fn default_type(body: &Body) -> usize {
    let position = |is: &dyn Fn(&MediaType) -> bool| body.types.iter().position(is);
    position(&|t| t.name == "application/json")
        .or_else(|| position(&|t| Format::of(&t.name) == Format::Json && !t.name.contains('*')))
        .or_else(|| position(&|t| Format::of(&t.name) == Format::Json))
        .unwrap_or(0)
}

/// Which of the types `name` is: the one that is exactly that, else the first range that has it.
pub(in crate::functions::rest) fn find_type(types: &[MediaType], name: &str) -> Option<usize> {
    types.iter().position(|t| t.name == name).or_else(|| types.iter().position(|t| in_range(&t.name, name)))
}

/// Whether a media type is in a range: `image/*`, `application/*+json`, `*/*`.
fn in_range(range: &str, name: &str) -> bool {
    let Some((before, after)) = range.split_once('*') else { return false };
    if range == "*/*" {
        return name.contains('/');
    }
    name.len() > before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
}

/// The type that is sent for one that may be a range.
pub(in crate::functions::rest) fn concrete(name: &str) -> &str {
    if !name.contains('*') {
        return name;
    }
    match Format::of(name) {
        Format::Json => "application/json",
        Format::Urlencoded => "application/x-www-form-urlencoded",
        Format::Multipart => "multipart/form-data",
        Format::Xml => "application/xml",
        Format::Text => "text/plain",
        Format::Other => "application/octet-stream",
    }
}
