//! Descriptions as snapshots, and schemas against what the reader takes.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use prost_types::source_code_info::Location;
use prost_types::{MethodOptions, SourceCodeInfo};
use serde_json::{Value as Json, json};

use super::super::json::read;
use super::super::testing::{Proto, all};
use super::*;

fn described(files: &[Vec<u8>], services: &[&str]) -> Description {
    let mut kept = Files::default();
    files.iter().for_each(|raw| kept.add(File::read(Bytes::copy_from_slice(raw)).unwrap()));
    let services: Vec<_> = services.iter().map(|name| (*name).to_owned()).collect();
    describe(&services, &kept, kept.assemble(), Vec::new())
}

fn shown(description: &Description) -> Json {
    let function = |f: &Described| {
        let mut binding = f.binding.clone();
        binding["attachments"] = "…".into();
        json!({
            "name": f.name, "origin": f.origin, "summary": f.summary, "description": f.description, "deprecated": f.deprecated,
            "safe": f.safe, "tags": f.tags, "binding": binding, "input": f.input, "output": f.output,
        })
    };
    let functions: Vec<_> = description.functions.iter().map(function).collect();
    json!({ "functions": functions, "definitions": description.definitions, "complaints": description.complaints })
}

/// `options` with an extension that no compiled-in type knows.
fn annotated(mut file: Vec<u8>, options: &MethodOptions, http: &[u8]) -> Vec<u8> {
    let plain = options.encode_to_vec();
    let mut longer = plain.clone();
    prost::encoding::bytes::encode(72_295_728, &http.to_vec(), &mut longer);
    let (plain, longer) = (field(4, &plain), field(4, &longer));
    let at = file.windows(plain.len()).position(|w| w == plain).unwrap();
    file.splice(at..at + plain.len(), longer.iter().copied());
    file
}

/// A length-delimited field.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::bytes::encode(number, &content.to_vec(), &mut out);
    out
}

#[test]
fn a_service_as_it_is_described() {
    let mut proto = Proto::new("shop.proto", "shop")
        .enumeration("State", &[("STATE_UNSPECIFIED", 0), ("OPEN", 1)])
        .message(
            "Order",
            &[
                "string order_id = 1",
                "repeated Order parts = 2",
                "map<string, uint64> counts = 3",
                "choice: bool paid = 4",
                "choice: .google.protobuf.Timestamp due_at = 5",
                "enum State state = 6",
                "optional double total = 7",
            ],
        )
        .service(
            "Orders",
            &["Get(Order) Order", "Watch(.google.protobuf.Empty) stream Order", "Old(stream Order) Order"],
        );
    let service = &mut proto.0.service[0];
    service.method[2].options = Some(MethodOptions { deprecated: Some(true), ..Default::default() });
    let at = |path: &[i32], text: &str| Location {
        path: path.to_vec(),
        leading_comments: Some(text.into()),
        ..Default::default()
    };
    proto.0.source_code_info = Some(SourceCodeInfo {
        location: vec![
            at(&[6, 0, 2, 0], " Gets one order. It need\n not be open.\n buf:lint:ignore X\n\n More about it.\n"),
            at(&[4, 0], " An order.\n"),
            at(&[4, 0, 2, 0], " Its id.\n"),
        ],
    });
    // Splitting the bytes needs options that occur nowhere else: an author's own field, unknown to all, serves.
    let options = MethodOptions { idempotency_level: Some(1), ..Default::default() };
    proto.0.service[0].method[0].options = Some(options.clone());
    let rule =
        [field(2, b"/v1/{order_id}"), field(11, &[field(4, b"/v1/orders:get"), field(7, b"*")].concat())].concat();
    // Rebuilt outermost last: the extension makes every enclosing length longer.
    let method = annotated(proto.0.service[0].method[0].encode_to_vec(), &options, &rule);
    let service =
        replace(&proto.0.service[0].encode_to_vec(), 2, &proto.0.service[0].method[0].encode_to_vec(), &method);
    let file = replace(&proto.bytes(), 6, &proto.0.service[0].encode_to_vec(), &service);
    let description = described(&[file], &["shop.Orders", "shop.Gone"]);
    insta::assert_json_snapshot!(shown(&description));
}

/// `of` with its field `number` that is `old` as `new`.
fn replace(of: &[u8], number: u32, old: &[u8], new: &[u8]) -> Vec<u8> {
    let (old, new) = (field(number, old), field(number, new));
    let at = of.windows(old.len()).position(|w| w == old).unwrap();
    [&of[..at], &new, &of[at + old.len()..]].concat()
}

#[test]
fn raw_bodies_are_not_json() {
    let body = Proto::new("google/api/httpbody.proto", "google.api")
        .message("HttpBody", &["string content_type = 1", "bytes data = 2"]);
    let files = Proto::new("f.proto", "f")
        .import("google/api/httpbody.proto")
        .service("Files", &["Put(.google.api.HttpBody) .google.api.HttpBody"]);
    let description = described(&[body.bytes(), files.bytes()], &["f.Files"]);
    let put = &description.functions[0];
    assert_eq!((put.output.as_ref(), &put.input["additionalProperties"]), (None, &json!(false)));
    assert!(description.definitions.is_empty());
}

#[test]
fn editions_are_read() {
    let mut proto = Proto::new("e.proto", "e")
        .message("Request", &["string id = 1", "Inner inner = 2", "map<string, Inner> all = 3"])
        .message("Inner", &["int32 a = 1"])
        .service("S", &["Get(Request) Inner"]);
    proto.0.syntax = Some("editions".into());
    let raw = {
        // edition = 2023; options.features.message_encoding = DELIMITED; on field id field_presence = LEGACY_REQUIRED.
        let id = proto.0.message_type[0].field[0].encode_to_vec();
        let required = [id.clone(), field(8, &field(21, &[0x08, 3]))].concat();
        let message = replace(&proto.0.message_type[0].encode_to_vec(), 2, &id, &required);
        let file = replace(&proto.bytes(), 4, &proto.0.message_type[0].encode_to_vec(), &message);
        [file, vec![0x70], vec![0xe8, 0x07], field(8, &field(50, &[0x28, 2]))].concat()
    };
    let description = described(&[raw], &["e.S"]);
    assert_eq!(description.complaints, Vec::<String>::new());
    let pool = prost_reflect::DescriptorPool::decode(description.attachments[0].clone()).unwrap();
    let request = pool.get_message_by_name("e.Request").unwrap();
    assert!(request.get_field_by_name("inner").unwrap().is_group());
    let all = request.get_field_by_name("all").unwrap();
    assert!(all.is_map() && all.kind().as_message().unwrap().map_entry_value_field().kind().as_message().is_some());
    assert_eq!(read(&request, &json!({})).unwrap_err()[0].detail, "id is missing");
}

#[test]
fn summaries_are_one_sentence() {
    for (text, then) in [
        ("Gets it. And more.", "Gets it"),
        ("Gets\nit", "Gets it"),
        ("Gets it.\n\nMore", "Gets it"),
        ("v1.2 is used", "v1.2 is used"),
        ("", ""),
    ] {
        assert_eq!(comments::first_sentence(text), then);
    }
    assert_eq!(comments::first_sentence(&"ü".repeat(200)).chars().count(), 161);
}

/// A validator of `test.All`.
fn validator() -> jsonschema::Validator {
    let mut schemas = Schemas::default();
    let mut schema = schemas.reference(&all());
    let definitions: BTreeMap<_, _> = schemas.finish(|_, _| None);
    schema["$defs"] = json!(definitions);
    jsonschema::draft202012::new(&schema).unwrap()
}

fn odd_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Json::from),
        (-3i64..5).prop_map(Json::from),
        Just(json!(4_294_967_296u64)),
        Just(json!(u64::MAX)),
        Just(json!(1.5)),
        Just(json!(2.0)),
        "(-?[0-9]{1,3}|NaN|-?Infinity|RED|true|1e2|1\\.5s|AA==|NULL_VALUE|2024-01-01T00:00:00Z|a,bC|a_b|x)?"
            .prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::vec((odd_name(), inner), 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Names of `test.All`, in both spellings, and a few others.
fn odd_name() -> impl Strategy<Value = String> {
    let all = all();
    let mut names: Vec<String> = all.fields().flat_map(|f| [f.name().to_owned(), f.json_name().to_owned()]).collect();
    let more = ["id", "count", "[old.more]", "extra", "none", "1", "true", "@type", "value"];
    names.extend(more.map(String::from));
    prop::sample::select(names)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The schema says what the reader takes.
    #[test]
    fn the_schema_is_what_the_reader_obeys(members in prop::collection::vec((odd_name(), odd_value()), 0..3)) {
        thread_local!(static VALIDATOR: jsonschema::Validator = validator());
        let given = Json::Object(members.into_iter().collect());
        let taken = read(&all(), &given);
        // What types an Any may have is beyond a schema.
        let any = taken.as_ref().is_err_and(|faults| faults.iter().all(|f| f.detail.contains("@type") || f.pointer.contains("any")));
        let valid = VALIDATOR.with(|validator| validator.is_valid(&given));
        prop_assert!(any || valid == taken.is_ok(), "{} valid: {}, but {:?}", given, valid, taken);
    }
}
