//! What stands in the store, byte for byte, and what is refused.

use jiff::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::model::{
    Aws, Digest, Endpoint, Event, Function, Health, Hints, Home, Kind, KindState, Origin, Protocol, SoleFunction,
    SourceId, Tls, Upstream, UpstreamId, UpstreamSpec, Validation,
};

fn text(bytes: &Bytes) -> (u8, String) {
    (bytes[0], String::from_utf8(bytes[1..].to_vec()).unwrap())
}

fn function() -> Function {
    Function {
        name: "listPets".into(),
        kind: Kind::new("rest"),
        origin: "GET /pets".into(),
        summary: Some("All \"pets\"".into()),
        description: None,
        deprecated: false,
        safe: true,
        tags: ["pets".into()].into(),
        binding: RawValue::from_string(r#"{"method":"GET","path":"/pets"}"#.into()).unwrap(),
        input: Digest::from([1; 16]),
        output: None,
        digest: Digest::from([0xab; 16]),
        revision: 7,
        first_seen: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        last_seen: Timestamp::UNIX_EPOCH,
    }
}

fn upstream() -> Upstream {
    let origin = Origin { source: SourceId::new("consul", "dc1"), key: "pets".into() };
    let spec = UpstreamSpec {
        aws: Some(Aws { region: "eu-west-1".into(), event: Some(Event::Alb), ..Aws::default() }),
        host: Some("pets.local".into()),
        base_path: "/v1".into(),
        rest_base_path: Some("/v2".into()),
        protocol: Some(Protocol::Https),
        sole_function: Some(SoleFunction { name: "pets".into(), timeout: Some(300) }),
        home: Some(Home { namespace: "shop".into(), discovery: Some(false) }),
        tls: Some(Tls {
            server_name: Some("pets".into()),
            secret: Some("kubernetes/shop/pets".into()),
            one_way: true,
            root_ca: None,
            insecure_skip_verify: true,
        }),
        labels: [("k".into(), "v".into())].into(),
        hints: Hints { openapi: Some("/o.json".into()), discovery: Some(true), validation: Some(Validation::Report) },
        over: Some(Origin { source: SourceId::new("static", "kubernetes"), key: "shop/pets".into() }),
    };
    let hint = Some("/o.json".into());
    let state = KindState { tls: true, digest: Digest::from([2; 16]), hint, complaints: vec![] };
    Upstream {
        id: UpstreamId::new("pets", &origin),
        namespace: "gloo-system".into(),
        name: "pets".into(),
        origin,
        spec: spec.into(),
        first_seen: Timestamp::UNIX_EPOCH,
        last_seen: Timestamp::UNIX_EPOCH,
        revision: 3,
        kinds: [(Kind::new("rest"), state)].into(),
    }
}

/// A shape that changes here needs a new version, or old stores cannot be read.
#[test]
fn version_1_stays_what_it_is() {
    insta::assert_debug_snapshot!([
        text(&encode(&MetaRecord { format: 1, writer: "0.1.0".into(), revision: 9 })),
        text(&encode(&FunctionRecord::of(&function()))),
        text(&encode(&ManifestRecord {
            upstream: UpstreamRecord::of(&upstream()),
            groups: vec![GroupRecord {
                table: Some(Digest::from([3; 16])),
                definitions: Digests(vec![Digest::from([4; 16]), Digest::from([5; 16])]),
                functions: Digests(vec![Digest::from([6; 16])]),
            }],
        })),
        text(&encode(&EndpointsRecord::of(&[
            Endpoint::at("127.0.0.1:80".parse().unwrap()),
            Endpoint {
                weight: 3,
                priority: 1,
                health: Health::Refused("why".into()),
                labels: [("zone".into(), "a".into())].into(),
                ..Endpoint::at("[::1]:80".parse().unwrap())
            },
        ]))),
        text(&encode(&EventRecord {
            change: "added".into(),
            at: 5,
            id: "pets-1".into(),
            object: ObjectRecord::Function {
                namespace: "ns".into(),
                upstream: "pets".into(),
                function: Box::new(FunctionRecord::of(&function())),
            },
        })),
        text(&encode(&HistoryRecord {
            revisions: vec![RevisionRecord {
                revision: 7,
                at: 5,
                digest: Digest::from([8; 16]),
                changed: vec!["/summary".into()],
                more: 2,
            }],
        })),
    ]);
}

#[test]
fn records_come_back() {
    let key = Key::Meta;
    let bytes = encode(&FunctionRecord::of(&function()));
    let back: FunctionRecord<'_> = decode(&key, &bytes).unwrap();
    assert_eq!(encode(&FunctionRecord::of(&back.into_function(|name| Kind::from(name.to_owned())))), bytes);

    let bytes = encode(&UpstreamRecord::of(&upstream()));
    let back: UpstreamRecord<'_> = decode(&key, &bytes).unwrap();
    let kind = |name: &str| Kind::from(name.to_owned());
    assert_eq!(back.into_upstream(upstream().id, |text| text.into(), kind), upstream());

    let upstream = upstream();
    let object = ObjectRecord::Upstream { upstream: Box::new(UpstreamRecord::of(&upstream)), functions: 4 };
    let bytes = encode(&EventRecord { change: "removed".into(), at: 5, id: "pets-1".into(), object });
    let back: EventRecord<'_> = decode(&key, &bytes).unwrap();
    assert!(matches!(back.object, ObjectRecord::Upstream { functions: 4, .. }));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let check = |bytes: &[u8], expected: &str| {
        let error = decode::<MetaRecord<'_>>(&Key::Meta, bytes).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(b"", "empty");
    check(b"\x00{}", "never a version 0");
    check(b"\x01{}", "missing field");
    check(b"\x02anything", "format 2, this version reads up to 1");
    let digests = |text: &str| serde_json::from_value::<Digests>(json!(text)).is_ok();
    assert!(digests("") && digests(&"0".repeat(64)));
    assert!(!digests("0") && !digests(&"x".repeat(32)) && !digests(&"é".repeat(16)));
}
