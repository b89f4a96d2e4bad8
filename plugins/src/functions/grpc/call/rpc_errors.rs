//! The usual details of errors, `google/rpc/error_details.proto`: servers send them without declaring them.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions};

/// They alone, with what they import.
pub(super) static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut pool = DescriptorPool::global();
    pool.add_file_descriptor_proto(file()).expect("the table below is a valid file");
    pool
});

/// The type of a field.
#[derive(Clone, Copy)]
enum Of {
    Text,
    Texts,
    /// `map<string, string>`
    Pairs,
    Number,
    /// `optional int64`
    Maybe,
    One(&'static str),
    Many(&'static str),
}

use Of::{Many, Maybe, Number, One, Pairs, Text, Texts};

/// Each message with its fields, which are numbered from 1; what has a `.` lies in what is before it.
const MESSAGES: [(&str, &[(&str, Of)]); 14] = [
    ("ErrorInfo", &[("reason", Text), ("domain", Text), ("metadata", Pairs)]),
    ("RetryInfo", &[("retry_delay", One(".google.protobuf.Duration"))]),
    ("DebugInfo", &[("stack_entries", Texts), ("detail", Text)]),
    ("QuotaFailure", &[("violations", Many(".google.rpc.QuotaFailure.Violation"))]),
    (
        "QuotaFailure.Violation",
        &[
            ("subject", Text),
            ("description", Text),
            ("api_service", Text),
            ("quota_metric", Text),
            ("quota_id", Text),
            ("quota_dimensions", Pairs),
            ("quota_value", Number),
            ("future_quota_value", Maybe),
        ],
    ),
    ("PreconditionFailure", &[("violations", Many(".google.rpc.PreconditionFailure.Violation"))]),
    ("PreconditionFailure.Violation", &[("type", Text), ("subject", Text), ("description", Text)]),
    ("BadRequest", &[("field_violations", Many(".google.rpc.BadRequest.FieldViolation"))]),
    (
        "BadRequest.FieldViolation",
        &[
            ("field", Text),
            ("description", Text),
            ("reason", Text),
            ("localized_message", One(".google.rpc.LocalizedMessage")),
        ],
    ),
    ("RequestInfo", &[("request_id", Text), ("serving_data", Text)]),
    ("ResourceInfo", &[("resource_type", Text), ("resource_name", Text), ("owner", Text), ("description", Text)]),
    ("Help", &[("links", Many(".google.rpc.Help.Link"))]),
    ("Help.Link", &[("description", Text), ("url", Text)]),
    ("LocalizedMessage", &[("locale", Text), ("message", Text)]),
];

fn file() -> FileDescriptorProto {
    let mut file = FileDescriptorProto {
        name: Some("google/rpc/error_details.proto".into()),
        package: Some("google.rpc".into()),
        syntax: Some("proto3".into()),
        dependency: vec!["google/protobuf/duration.proto".into()],
        ..Default::default()
    };
    for (name, fields) in MESSAGES {
        let (outer, own) = name.split_once('.').map_or((None, name), |(outer, own)| (Some(outer), own));
        let mut message = DescriptorProto { name: Some(own.into()), ..Default::default() };
        for (number, (field, of)) in (1..).zip(fields) {
            add(&mut message, name, field, number, *of);
        }
        match outer.and_then(|outer| file.message_type.iter_mut().find(|m| m.name() == outer)) {
            Some(outer) => outer.nested_type.push(message),
            None => file.message_type.push(message),
        }
    }
    file
}

fn add(message: &mut DescriptorProto, full: &str, name: &str, number: i32, of: Of) {
    let mut field = FieldDescriptorProto { name: Some(name.into()), number: Some(number), ..Default::default() };
    let many = matches!(of, Texts | Pairs | Many(_));
    field.set_label(if many { Label::Repeated } else { Label::Optional });
    field.set_type(match of {
        Text | Texts => Type::String,
        Number | Maybe => Type::Int64,
        Pairs | One(_) | Many(_) => Type::Message,
    });
    match of {
        One(of) | Many(of) => field.type_name = Some(of.into()),
        Maybe => {
            // An optional field of proto3 is alone in a oneof.
            field.proto3_optional = Some(true);
            field.oneof_index = Some(message.oneof_decl.len() as i32);
            let oneof = prost_types::OneofDescriptorProto { name: Some(format!("_{name}")), options: None };
            message.oneof_decl.push(oneof);
        }
        Pairs => {
            let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
            let own = format!("{}Entry", name.split('_').map(capital).collect::<String>());
            let options = Some(MessageOptions { map_entry: Some(true), ..Default::default() });
            let mut entry = DescriptorProto { name: Some(own.clone()), options, ..Default::default() };
            add(&mut entry, "", "key", 1, Text);
            add(&mut entry, "", "value", 2, Text);
            message.nested_type.push(entry);
            field.type_name = Some(format!(".google.rpc.{full}.{own}"));
        }
        Text | Texts | Number => {}
    }
    message.field.push(field);
}
