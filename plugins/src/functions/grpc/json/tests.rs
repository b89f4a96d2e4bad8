//! The mapping, as tables: JSON in, wire, JSON out.

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};
use serde_json::{Value as Json, json};

use super::super::testing::{all, everything};
use super::write::Unwritable;
use super::*;

fn write(message: &DynamicMessage) -> Result<Json, Unwritable> {
    let pool = message_pool(message);
    let mut out = Vec::new();
    Writer::new(Types(&[&pool]), &mut out).message(message)?;
    Ok(serde_json::from_slice(&out).expect("what is written is JSON"))
}

fn message_pool(message: &DynamicMessage) -> prost_reflect::DescriptorPool {
    prost_reflect::ReflectMessage::descriptor(message).parent_pool().clone()
}

/// `given`, read, through the wire, and written again.
fn through(given: &Json) -> Result<Json, String> {
    let message = read(&all(), given).map_err(|faults| {
        faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect::<Vec<_>>().join("; ")
    })?;
    let wire = message.encode_to_vec();
    write(&DynamicMessage::decode(all(), wire.as_slice()).unwrap()).map_err(|e| e.to_string())
}

#[track_caller]
fn check(given: Json, then: Json) {
    assert_eq!(through(&given), Ok(then), "given {given}");
}

#[track_caller]
fn refused(given: Json, then: &str) {
    assert_eq!(through(&given), Err(then.into()), "given {given}");
}

#[test]
fn what_is_written_as_it_is_read() {
    for same in [
        json!({}),
        json!({"aDouble": 1.5, "aFloat": 0.1, "anInt32": -5, "anInt64": "-9223372036854775808"}),
        json!({"aDouble": "NaN", "aFloat": "-Infinity"}),
        json!({"aDouble": 1e300, "aFloat": 3}),
        json!({"aUint32": 4294967295u32, "aUint64": "18446744073709551615", "aSint32": -1, "aSint64": "-1"}),
        json!({"aFixed32": 1, "aFixed64": "1", "aSfixed32": -2147483648, "aSfixed64": "-1"}),
        json!({"aBool": true, "aString": "ü\n\u{0}\u{1F600}", "someBytes": "+/8=", "color": "BLUE"}),
        json!({"color": 7, "colors": ["RED", 9, "COLOR_UNSPECIFIED"]}),
        json!({"child": {"child": {"child": {}}}, "children": [{}, {"aBool": true}]}),
        json!({"numbers": [1, 0, 2], "counts": {"": "0", "a": "1"}, "byNumber": {"-1": {}}, "byBool": {"true": "", "false": "x"}}),
        json!({"text": ""}),
        json!({"number": 0}),
        json!({"free": null}),
        json!({"maybe": 0}),
        json!({"old": {"id": "", "count": 0, "extra": {"note": ""}, "many": [0], "[old.more]": "x"}}),
        json!({"any": {"@type": "type.googleapis.com/test.All", "anInt64": "1", "any": {"@type": "x/old.Old", "id": "1"}}}),
        json!({"any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1.500s"}}),
        json!({"any": {"@type": "type.googleapis.com/google.protobuf.Any", "value": {"@type": "/test.All"}}}),
        json!({"any": {"@type": "type.googleapis.com/un.Known", "value": "CAE="}}),
        json!({"any": {}}),
        json!({"timestamp": "0001-01-01T00:00:00Z"}),
        json!({"timestamp": "9999-12-31T23:59:59.999999999Z"}),
        json!({"timestamp": "2024-02-29T12:00:00.120Z", "duration": "-315576000000s"}),
        json!({"duration": "-0.000000001s", "mask": "a,b.cD"}),
        json!({"object": {"a": [1, null, {"b": true}, "x", 1.5]}, "value": {"x": []}, "list": [[], {}, null]}),
        json!({"value": null}),
        json!({"empty": {}, "int64Value": "0", "boolValue": false, "doubleValue": "NaN", "stringValue": "", "bytesValue": "AA=="}),
        json!({"int64Values": ["1", "0"], "values": [null, 1, "x"]}),
    ] {
        check(same.clone(), same);
    }
}

#[test]
fn other_spellings_of_the_same() {
    check(json!({"an_int64": 5, "some_bytes": "-_8"}), json!({"anInt64": "5", "someBytes": "+/8="}));
    check(
        json!({"anInt32": "12", "anInt64": 1e3, "aUint32": 1.0}),
        json!({"anInt32": 12, "anInt64": "1000", "aUint32": 1}),
    );
    check(json!({"aDouble": "1.5e1", "aFloat": "-0.5"}), json!({"aDouble": 15, "aFloat": -0.5}));
    check(json!({"color": 1, "null": null}), json!({"color": "RED"}));
    check(json!({"null": "NULL_VALUE"}), json!({}));
    check(json!({"aString": "", "anInt32": 0, "counts": {}, "numbers": [], "color": "COLOR_UNSPECIFIED"}), json!({}));
    check(
        json!({"aString": null, "child": null, "counts": null, "numbers": null, "text": null, "int64Value": null}),
        json!({}),
    );
    check(json!({"text": null, "number": 1}), json!({"number": 1}));
    check(json!({"timestamp": "2024-02-29T13:00:00.5+01:00"}), json!({"timestamp": "2024-02-29T12:00:00.500Z"}));
    check(json!({"duration": "1.0s", "mask": ""}), json!({"duration": "1s", "mask": ""}));
}

#[test]
fn faults_have_their_place() {
    refused(json!(1), "# is not an object");
    refused(json!(null), "# is not an object");
    refused(json!({"none": 1}), "#/none is not a field of test.All");
    refused(
        json!({"child": {"children": [{}, {"a/~ü": 1}]}}),
        "#/child/children/1/a~1~0%C3%BC is not a field of test.All",
    );
    refused(json!({"anInt64": "1", "an_int64": "1"}), "#/an_int64 is the same field as anInt64, which is given too");
    refused(json!({"number": 1, "text": "a"}), "#/text is given beside another member of choice; at most one may be");
    refused(json!({"anInt32": 2147483648u32}), "#/anInt32 is not between -2147483648 and 2147483647");
    refused(json!({"anInt32": 0.5}), "#/anInt32 is not a whole number");
    refused(json!({"anInt32": true}), "#/anInt32 is not a whole number");
    refused(json!({"anInt32": " 1"}), "#/anInt32 is not a whole number");
    refused(json!({"aUint64": "18446744073709551616"}), "#/aUint64 is not between 0 and 18446744073709551615");
    refused(json!({"aFloat": 1e39}), "#/aFloat is too large for a float");
    refused(json!({"aDouble": "inf"}), "#/aDouble is not a number");
    refused(json!({"aDouble": "1 "}), "#/aDouble is not a number");
    refused(json!({"aBool": "true", "aString": 1}), "#/aBool is not true or false; #/aString is not a string");
    refused(json!({"someBytes": "*"}), "#/someBytes is not base64");
    refused(json!({"color": "GREEN"}), "#/color is not a value of test.Color");
    refused(
        json!({"numbers": [1, null, "x"]}),
        "#/numbers/1 is null, which is no value here; #/numbers/2 is not a whole number",
    );
    refused(json!({"numbers": 1, "counts": []}), "#/counts is not an object; #/numbers is not an array");
    refused(json!({"byNumber": {"x": {}}}), "#/byNumber/x has a name that is not of type int32");
    refused(json!({"counts": {"a": null}}), "#/counts/a is null, which is no value here");
    refused(json!({"old": {}}), "#/old id is missing");
    refused(json!({"old": {"id": null}}), "#/old id is missing");
    refused(json!({"empty": {"a": 1}}), "#/empty/a is not a field of google.protobuf.Empty");
    refused(json!({"any": {"@type": "x/un.Known"}}), "#/any/@type is not a known type");
    refused(json!({"any": {"@type": "x/test.All", "anInt32": "x"}}), "#/any/anInt32 is not a whole number");
    refused(json!({"any": {"a": 1}}), "#/any @type is missing");
    for bad in [
        "2024-02-30T00:00:00Z",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01t00:00:00Z",
        "0000-01-01T00:00:00Z",
        "",
    ] {
        refused(json!({"timestamp": bad}), "#/timestamp is not a time like 2024-02-29T12:00:00Z (RFC 3339)");
    }
    for bad in ["1", "1.s", ".5s", "315576000001s", "--1s", "1.0000000001s", "s", "+1s"] {
        refused(json!({"duration": bad}), "#/duration is not a duration in seconds, like 1.5s");
    }
    refused(json!({"mask": "a_b"}), "#/mask is not a list of lowerCamelCase field paths, separated by commas");
}

#[test]
fn what_has_no_json_form_says_where() {
    let mut child = DynamicMessage::new(all());
    let timestamp = everything().get_message_by_name("google.protobuf.Timestamp").unwrap();
    let mut far = DynamicMessage::new(timestamp);
    far.set_field_by_number(1, Value::I64(i64::MAX));
    child.set_field_by_name("timestamp", Value::Message(far));
    let mut message = DynamicMessage::new(all());
    message.set_field_by_name("children", Value::List(vec![Value::Message(child)]));
    let error = write(&message).unwrap_err().to_string();
    assert_eq!(error, "children: 0: timestamp: a timestamp outside the years 1 to 9999");
}

#[test]
fn any_in_any_ends_at_the_limit() {
    let mut any = prost_types::Any { type_url: "x/test.All".into(), value: Vec::new() };
    for _ in 0..2_000 {
        any = prost_types::Any { type_url: "/google.protobuf.Any".into(), value: any.encode_to_vec() };
    }
    let pool = everything();
    let mut out = Vec::new();
    Writer::new(Types(&[&pool]), &mut out).any(&any).unwrap();
    let json: Json = serde_json::from_slice(&out).unwrap();
    let (mut inner, mut depth) = (&json, 0);
    while inner["value"].is_object() {
        (inner, depth) = (&inner["value"], depth + 1);
    }
    assert!(inner["value"].is_string() && (50..=128).contains(&depth), "{depth}");
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|v| json!({"anInt32": v, "aSint32": v, "aSfixed32": v})),
        any::<i64>().prop_map(|v| json!({"anInt64": v, "aSint64": v.to_string(), "int64Value": v})),
        any::<u64>().prop_map(|v| json!({"aUint64": v, "aFixed64": v.to_string(), "counts": {"k": (v >> 1)}})),
        // The wire has no negative zero without presence.
        any::<f64>().prop_map(|v| v + 0.0).prop_map(|v| json!({"aDouble": v, "doubleValue": v})),
        any::<f32>().prop_map(|v| v + 0.0).prop_map(|v| json!({"aFloat": v})),
        ".*".prop_map(|v| json!({"aString": v, "stringValue": v, "object": {v: 1}})),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|v| json!({"someBytes": crate::arguments::to_base64(&v)})),
        (TIMESTAMPS, 0..1_000_000_000).prop_map(|(seconds, nanos)| {
            json!({"timestamp": prost_types::Timestamp { seconds, nanos }.to_string()})
        }),
        (-315_576_000_000i64..=315_576_000_000, 0..1000).prop_map(|(s, n)| json!({"duration": format!("{s}.{n:03}s")})),
        "[a-z]{1,5}(_[a-z]{1,5}){0,3}".prop_map(|v| json!({"counts": {v: "1"}})),
        Just(json!({"color": "RED", "colors": ["BLUE", 5], "text": "x", "null": null})),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|child| json!({"child": child})),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|children| json!({"children": children})),
            (any::<i32>(), inner.clone()).prop_map(|(key, child)| json!({"byNumber": {key.to_string(): child}})),
            inner.prop_map(|mut child| {
                child["@type"] = "type.googleapis.com/test.All".into();
                json!({"any": child})
            }),
        ]
    })
}

const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

proptest! {
    /// What is read once comes back, and from then on nothing changes.
    #[test]
    fn any_message_comes_back(given in any_json()) {
        let once = through(&given).map_err(TestCaseError::fail)?;
        prop_assert_eq!(through(&once).map_err(TestCaseError::fail)?, once);
        let (a, b) = (read(&all(), &given).unwrap(), read(&all(), &through(&given).unwrap()).unwrap());
        prop_assert_eq!(canonical(&a), canonical(&b));
    }

    /// Our reading of the wire agrees with the library's own mapping wherever that has an answer.
    #[test]
    fn the_library_agrees(given in any_json()) {
        let ours = read(&all(), &given).unwrap();
        let theirs = DynamicMessage::deserialize(all(), given).unwrap();
        prop_assert_eq!(canonical(&ours), canonical(&theirs));
    }

    /// No JSON makes it panic.
    #[test]
    fn odd_json_is_refused(text in "[\\[\\]{}\":,0-9a-zA-Z@_.+-]{0,40}") {
        if let Ok(json) = serde_json::from_str::<Json>(&text) {
            let _ = read(&all(), &json);
            let _ = read(&all(), &json!({"any": json, "value": json, "child": json, "timestamp": json, "duration": json}));
        }
    }
}

/// Comparable: maps of a message have no order, and NaN is not itself.
fn canonical(message: &DynamicMessage) -> String {
    write(message).unwrap().to_string()
}
