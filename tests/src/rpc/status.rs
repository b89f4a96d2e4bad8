//! `google.rpc.Status` and the details that the test services send, which their own descriptors do not name.

use prost::Message as _;
use prost_reflect::DynamicMessage;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{from_json, pool, to_json};

/// A status with its details, each as a JSON object with `@type`; `unknown` adds one that nobody can look up.
pub fn failure(code: i32, message: &str, details: &[Value], unknown: bool) -> Status {
    if details.is_empty() && !unknown {
        return Status::new(Code::from_i32(code), message);
    }
    let status = json!({"code": code, "message": message, "details": details});
    let mut bytes = from_json(descriptor(), &status).encode_to_vec();
    if unknown {
        let any = prost_types::Any { type_url: UNKNOWN.to_owned(), value: vec![8, 1] };
        prost::encoding::message::encode(3, &any, &mut bytes);
    }
    Status::with_details(Code::from_i32(code), message, bytes.into())
}

/// The type of a detail that nobody can look up; its value is `08 01`.
pub const UNKNOWN: &str = "type.googleapis.com/portolan.test.v1.Nowhere";

/// A status as JSON: `code`, `message` and `details`, also where they are none; of which an unknown one keeps its type and has its value in base64.
pub fn to_problem(status: &Status) -> Value {
    let raw = Raw::decode(status.details()).expect("details that we sent");
    let details: Vec<Value> = raw.details.iter().map(detail).collect();
    json!({"code": i32::from(status.code()), "message": status.message(), "details": details})
}

fn detail(any: &prost_types::Any) -> Value {
    use base64::Engine as _;
    let name = any.type_url.rsplit('/').next().unwrap_or_default();
    let Some(message) = pool().get_message_by_name(name) else {
        let value = base64::engine::general_purpose::STANDARD.encode(&any.value);
        return json!({"@type": any.type_url, "value": value});
    };
    let mut shown = to_json(&DynamicMessage::decode(message, &*any.value).expect("a detail that we sent"));
    shown["@type"] = json!(any.type_url);
    shown
}

/// `google.rpc.Status` as it is on the wire.
#[derive(Clone, PartialEq, prost::Message)]
struct Raw {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

fn descriptor() -> prost_reflect::MessageDescriptor {
    pool().get_message_by_name("google.rpc.Status").expect("it was added")
}

/// The file that describes them.
pub(super) fn file() -> FileDescriptorProto {
    let text = |name, number| field(name, number, Type::String, "", false);
    let entry = DescriptorProto {
        name: Some("MetadataEntry".to_owned()),
        field: vec![text("key", 1), text("value", 2)],
        options: Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() }),
        ..DescriptorProto::default()
    };
    let violation = message("FieldViolation", vec![text("field", 1), text("description", 2)], vec![]);
    let violations = field("field_violations", 1, Type::Message, ".google.rpc.BadRequest.FieldViolation", true);
    let metadata = field("metadata", 3, Type::Message, ".google.rpc.ErrorInfo.MetadataEntry", true);
    let code = field("code", 1, Type::Int32, "", false);
    let details = field("details", 3, Type::Message, ".google.protobuf.Any", true);
    FileDescriptorProto {
        name: Some("test/google_rpc.proto".to_owned()),
        package: Some("google.rpc".to_owned()),
        dependency: vec!["google/protobuf/any.proto".to_owned()],
        message_type: vec![
            message("Status", vec![code, text("message", 2), details], vec![]),
            message("BadRequest", vec![violations], vec![violation]),
            message("ErrorInfo", vec![text("reason", 1), text("domain", 2), metadata], vec![entry]),
        ],
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    }
}

fn message(name: &str, field: Vec<FieldDescriptorProto>, nested: Vec<DescriptorProto>) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), field, nested_type: nested, ..DescriptorProto::default() }
}

fn field(name: &str, number: i32, kind: Type, type_name: &str, repeated: bool) -> FieldDescriptorProto {
    let label = if repeated { Label::Repeated } else { Label::Optional };
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(kind.into()),
        type_name: Some(type_name.to_owned()).filter(|name| !name.is_empty()),
        ..FieldDescriptorProto::default()
    }
}
