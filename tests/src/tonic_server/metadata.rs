//! What the method `Metadata` understands and sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use tonic::metadata::{KeyAndValueRef, MetadataKey, MetadataMap, MetadataValue};
use tonic::{Request, Response};

use super::Trailing;

/// What came with the call, as a `MetadataReply`.
pub(super) fn metadata(request: &Request<DynamicMessage>) -> Value {
    let mut received = vec![];
    for pair in request.metadata().iter() {
        match pair {
            KeyAndValueRef::Ascii(key, value) if !left_out(key.as_str()) => {
                let text = String::from_utf8_lossy(value.as_encoded_bytes());
                received.push((key.to_string(), json!({"key": key.as_str(), "text": text})));
            }
            KeyAndValueRef::Binary(key, value) if !left_out(key.as_str()) => {
                let binary = STANDARD.encode(value.to_bytes().expect("tonic decodes it"));
                received.push((key.to_string(), json!({"key": key.as_str(), "binary": binary})));
            }
            _ => {}
        }
    }
    received.sort_by(|one, other| one.0.cmp(&other.0));
    let received: Vec<Value> = received.into_iter().map(|(_, entry)| entry).collect();
    let text = |name| request.metadata().get(name).and_then(|value| value.to_str().ok());
    let mut reply = json!({"received": received, "userAgent": text("user-agent").unwrap_or_default()});
    if let Some(left) = text("grpc-timeout").and_then(seconds) {
        reply["timeLeft"] = json!(format!("{left:.9}s"));
    }
    reply
}

fn left_out(key: &str) -> bool {
    key.starts_with("grpc-") || ["content-type", "te", "user-agent"].contains(&key)
}

/// A timeout as it is on the wire (gRPC over HTTP/2, "Requests"): digits and a unit.
fn seconds(timeout: &str) -> Option<f64> {
    let (digits, unit) = timeout.split_at_checked(timeout.len().checked_sub(1)?)?;
    let unit = match unit {
        "H" => 3600.0,
        "M" => 60.0,
        "S" => 1.0,
        "m" => 1e-3,
        "u" => 1e-6,
        "n" => 1e-9,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * unit)
}

/// The reply with the metadata that the request asks for.
pub(super) fn sent_back(mut reply: Response<DynamicMessage>, asked: &Value) -> Response<DynamicMessage> {
    add(reply.metadata_mut(), &asked["initial"]);
    let mut trailing = MetadataMap::new();
    add(&mut trailing, &asked["trailing"]);
    reply.extensions_mut().insert(Trailing(trailing));
    reply
}

fn add(metadata: &mut MetadataMap, entries: &Value) {
    for entry in entries.as_array().into_iter().flatten() {
        let text = |field| entry[field].as_str().unwrap_or_default();
        let key = text("key").as_bytes();
        if text("key").ends_with("-bin") {
            let key = MetadataKey::from_bytes(key).expect("a test asks for what can be sent");
            let bytes = STANDARD.decode(text("binary")).expect("protobuf's JSON has base64");
            metadata.append_bin(key, MetadataValue::from_bytes(&bytes));
        } else {
            let key: MetadataKey<_> = MetadataKey::from_bytes(key).expect("a test asks for what can be sent");
            metadata.append(key, text("text").parse().expect("a test asks for what can be sent"));
        }
    }
}
