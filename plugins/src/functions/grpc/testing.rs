//! Descriptors for tests, from lines that look like those of a `.proto` file.

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, MessageOptions, MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto,
};

/// A file to be filled.
pub(super) struct Proto(pub(super) FileDescriptorProto);

impl Proto {
    /// A proto3 file that imports the well-known types.
    pub(super) fn new(name: &str, package: &str) -> Self {
        let known = ["any", "timestamp", "duration", "field_mask", "struct", "wrappers", "empty"];
        Self(FileDescriptorProto {
            name: Some(name.into()),
            package: Some(package.into()),
            syntax: Some("proto3".into()),
            dependency: known.iter().map(|name| format!("google/protobuf/{name}.proto")).collect(),
            ..Default::default()
        })
    }

    pub(super) fn proto2(mut self) -> Self {
        self.0.syntax = None;
        self
    }

    pub(super) fn import(mut self, name: &str) -> Self {
        self.0.dependency.push(name.into());
        self
    }

    /// Fields: `string name = 1`, `repeated int32 ns = 2`, `map<string, int64> counts = 3`, `optional int32 maybe = 4`, `required …`
    /// (proto2), `choice: string a = 5` (a member of the oneof `choice`). Types of this file by name, others `.in.full`,
    /// enums after `enum `.
    pub(super) fn message(mut self, name: &str, fields: &[&str]) -> Self {
        let scope = format!(".{}.{name}", self.0.package());
        let mut message = DescriptorProto { name: Some(name.into()), ..Default::default() };
        for line in fields {
            self.field(&mut message, &scope, line);
        }
        self.0.message_type.push(message);
        self
    }

    pub(super) fn enumeration(mut self, name: &str, values: &[(&str, i32)]) -> Self {
        let value = |(name, number): &(&str, i32)| EnumValueDescriptorProto {
            name: Some((*name).into()),
            number: Some(*number),
            ..Default::default()
        };
        let value = values.iter().map(value).collect();
        self.0.enum_type.push(EnumDescriptorProto { name: Some(name.into()), value, ..Default::default() });
        self
    }

    /// Methods: `Get(In) Out`, `Watch(In) stream Out`.
    pub(super) fn service(mut self, name: &str, methods: &[&str]) -> Self {
        let method = |line: &&str| {
            let (name, rest) = line.split_once('(').unwrap();
            let (input, output) = rest.split_once(") ").unwrap();
            let streamed =
                |text: &str| text.strip_prefix("stream ").map_or((text.to_owned(), false), |t| (t.into(), true));
            let ((input, client), (output, server)) = (streamed(input), streamed(output));
            MethodDescriptorProto {
                name: Some(name.into()),
                input_type: Some(self.full(&input)),
                output_type: Some(self.full(&output)),
                client_streaming: Some(client),
                server_streaming: Some(server),
                options: None,
            }
        };
        let method = methods.iter().map(method).collect();
        self.0.service.push(ServiceDescriptorProto { name: Some(name.into()), method, options: None });
        self
    }

    /// Serialized, as a reflection answer has it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    fn full(&self, name: &str) -> String {
        if name.starts_with('.') { name.into() } else { format!(".{}.{name}", self.0.package()) }
    }

    fn field(&self, message: &mut DescriptorProto, scope: &str, line: &str) {
        let (oneof, line) = line.split_once(": ").map_or((None, line), |(oneof, line)| (Some(oneof), line));
        let (declared, number) = line.rsplit_once(" = ").unwrap();
        let (declared, name) = declared.rsplit_once(' ').unwrap();
        let (label, declared) = match declared.split_once(' ') {
            Some((label @ ("repeated" | "optional" | "required"), rest)) => (label, rest),
            _ => ("", declared),
        };
        let mut field =
            FieldDescriptorProto { name: Some(name.into()), number: number.parse().ok(), ..Default::default() };
        field.set_label(match label {
            "repeated" => Label::Repeated,
            "required" => Label::Required,
            _ => Label::Optional,
        });
        if let Some(types) = declared.strip_prefix("map<") {
            let (key, value) = types.trim_end_matches('>').split_once(", ").unwrap();
            let entry = format!("{}Entry", camel(name));
            let mut of = DescriptorProto { name: Some(entry.clone()), ..Default::default() };
            of.options = Some(MessageOptions { map_entry: Some(true), ..Default::default() });
            self.field(&mut of, scope, &format!("{key} key = 1"));
            self.field(&mut of, scope, &format!("{value} value = 2"));
            message.nested_type.push(of);
            field.set_label(Label::Repeated);
            field.set_type(Type::Message);
            field.type_name = Some(format!("{scope}.{entry}"));
        } else {
            self.typed(&mut field, declared);
        }
        let synthetic = format!("_{name}");
        let proto3_optional = label == "optional" && self.0.syntax.is_some();
        if let Some(oneof) = oneof.or(proto3_optional.then_some(synthetic.as_str())) {
            let at = message.oneof_decl.iter().position(|o| o.name() == oneof).unwrap_or_else(|| {
                message.oneof_decl.push(OneofDescriptorProto { name: Some(oneof.into()), options: None });
                message.oneof_decl.len() - 1
            });
            field.oneof_index = Some(at as i32);
            field.proto3_optional = proto3_optional.then_some(true);
        }
        message.field.push(field);
    }

    fn typed(&self, field: &mut FieldDescriptorProto, declared: &str) {
        let of = match declared {
            "double" => Type::Double,
            "float" => Type::Float,
            "int64" => Type::Int64,
            "uint64" => Type::Uint64,
            "int32" => Type::Int32,
            "fixed64" => Type::Fixed64,
            "fixed32" => Type::Fixed32,
            "bool" => Type::Bool,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "uint32" => Type::Uint32,
            "sfixed32" => Type::Sfixed32,
            "sfixed64" => Type::Sfixed64,
            "sint32" => Type::Sint32,
            "sint64" => Type::Sint64,
            _ => match (declared.strip_prefix("enum "), declared.strip_prefix("group ")) {
                (Some(name), _) => {
                    field.type_name = Some(self.full(name));
                    Type::Enum
                }
                (_, Some(name)) => {
                    field.type_name = Some(self.full(name));
                    Type::Group
                }
                _ => {
                    field.type_name = Some(self.full(declared));
                    Type::Message
                }
            },
        };
        field.set_type(of);
    }
}

/// A pool of the well-known types and `files`.
pub(super) fn pool(files: impl IntoIterator<Item = Proto>) -> DescriptorPool {
    let mut pool = DescriptorPool::global();
    let file = files.into_iter().map(|proto| proto.0).collect();
    pool.add_file_descriptor_set(FileDescriptorSet { file }).unwrap();
    pool
}

/// One message of every kind of field, `test.All`, with a proto2 neighbour `old.Old`.
pub(super) fn everything() -> DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| pool(files()));
    POOL.clone()
}

/// The files of [`everything`], with a service `test.Echo`.
pub(super) fn files() -> [Proto; 2] {
    let all = Proto::new("all.proto", "test")
        .import("old.proto")
        .enumeration("Color", &[("COLOR_UNSPECIFIED", 0), ("RED", 1), ("BLUE", 2)])
        .message("All", ALL);
    [old(), all.service("Echo", &["Echo(All) All", "Many(stream All) stream All"])]
}

/// A file of proto2: required fields, a group, an extension.
fn old() -> Proto {
    let mut old = Proto::new("old.proto", "old").proto2().message(
        "Old",
        &[
            "required string id = 1",
            "optional int32 count = 2",
            "optional group Extra extra = 3",
            "repeated int32 many = 4",
        ],
    );
    old = old.message("Extra", &["optional string note = 1"]);
    old.0.message_type[0].extension_range =
        vec![prost_types::descriptor_proto::ExtensionRange { start: Some(100), end: Some(200), options: None }];
    let mut extension = FieldDescriptorProto {
        name: Some("more".into()),
        number: Some(100),
        extendee: Some(".old.Old".into()),
        ..Default::default()
    };
    extension.set_label(Label::Optional);
    extension.set_type(Type::String);
    old.0.extension.push(extension);
    old
}

/// The fields of `test.All`.
const ALL: &[&str] = &[
    "double a_double = 1",
    "float a_float = 2",
    "int32 an_int32 = 3",
    "int64 an_int64 = 4",
    "uint32 a_uint32 = 5",
    "uint64 a_uint64 = 6",
    "sint32 a_sint32 = 7",
    "sint64 a_sint64 = 8",
    "fixed32 a_fixed32 = 9",
    "fixed64 a_fixed64 = 10",
    "sfixed32 a_sfixed32 = 11",
    "sfixed64 a_sfixed64 = 12",
    "bool a_bool = 13",
    "string a_string = 14",
    "bytes some_bytes = 15",
    "enum Color color = 16",
    "All child = 17",
    "repeated int32 numbers = 18",
    "repeated All children = 19",
    "map<string, int64> counts = 20",
    "map<int32, All> by_number = 21",
    "map<bool, string> by_bool = 22",
    "choice: string text = 23",
    "choice: int32 number = 24",
    "choice: .google.protobuf.Value free = 25",
    "optional int32 maybe = 26",
    "repeated enum Color colors = 27",
    ".old.Old old = 28",
    ".google.protobuf.Any any = 30",
    ".google.protobuf.Timestamp timestamp = 31",
    ".google.protobuf.Duration duration = 32",
    ".google.protobuf.FieldMask mask = 33",
    ".google.protobuf.Struct object = 34",
    ".google.protobuf.Value value = 35",
    ".google.protobuf.ListValue list = 36",
    ".google.protobuf.Empty empty = 37",
    ".google.protobuf.Int64Value int64_value = 38",
    ".google.protobuf.BoolValue bool_value = 39",
    ".google.protobuf.DoubleValue double_value = 40",
    ".google.protobuf.StringValue string_value = 41",
    ".google.protobuf.BytesValue bytes_value = 42",
    "repeated .google.protobuf.Int64Value int64_values = 43",
    "repeated .google.protobuf.Value values = 44",
    "enum .google.protobuf.NullValue null = 45",
];

/// `test.All` of [`everything`].
pub(super) fn all() -> MessageDescriptor {
    everything().get_message_by_name("test.All").unwrap()
}

fn camel(name: &str) -> String {
    name.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}
