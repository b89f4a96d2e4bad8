//! What is kept of an operation to call it: the `binding` of a REST function in the catalog.
//!
//! Schemas are not here: they are in the function's `input`, each parameter's under `$path`, `$query`, `$header` or `$cookie`,
//! the body's under `$body`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// In upper case.
    pub method: String,
    /// The path template as the document has it: `/users/{id}`.
    pub path: String,
    /// The path of the document's first server, resolved, without a trailing `/`; `None` where the document names no server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_path: Option<String>,
    /// In the document's order; the path item's own first, each replaced by the operation's where that has it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// What body it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// Where a parameter goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the path.
    Path,
    /// After `?`.
    Query,
    /// The whole of what is after `?` (OpenAPI 3.2, `in: querystring`).
    Querystring,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// How a value becomes text (OpenAPI 3.1, "Style Values"; Swagger 2.0's `collectionFormat` is mapped to them, `tsv` has its own).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// `;color=blue`
    Matrix,
    /// `.blue`
    Label,
    /// `blue,black`
    Simple,
    /// `color=blue&color=black`
    Form,
    /// `blue%20black`
    SpaceDelimited,
    /// `blue|black`
    PipeDelimited,
    /// `color[r]=100`
    DeepObject,
    /// OpenAPI 3.2, cookies: like form, but separated by `; ` and not percent-encoded.
    Cookie,
    /// Swagger 2.0's `tsv`.
    TabDelimited,
}

/// One parameter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// Its place.
    #[serde(rename = "in")]
    pub place: Place,
    /// How its value becomes text. Without meaning where `content` is set.
    pub style: Style,
    /// Whether arrays and objects are spread.
    pub explode: bool,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whether reserved characters go unencoded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_reserved: bool,
    /// The value is serialized as this media type instead (`content`): `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// What body an operation takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The media types it takes, in the document's order; at least one. Each has its own schema; the one of the type that is built
    /// by default (JSON where there is one, else the first) is `$body` in the input.
    pub types: Vec<MediaType>,
    /// The names of the body's properties that bare arguments may fill, when the default type's schema is an object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
    /// Whether the default type's schema takes properties beyond those.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// One media type of a body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaType {
    /// `application/json`, `multipart/form-data`, …: lower case, without parameters. May be a range (`image/*`).
    #[serde(rename = "type")]
    pub name: String,
    /// Forms: how single properties are written where that is not the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub encoding: BTreeMap<String, Encoding>,
}

/// How one property of a form is written.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encoding {
    /// The part's type (multipart), or how a complex value becomes text (urlencoded).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Urlencoded: the style, where one is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// Urlencoded: whether arrays and objects are spread, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
    /// Urlencoded: whether reserved characters go unencoded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_reserved: bool,
}
