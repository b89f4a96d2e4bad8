//! How a call ended: `grpc-status` and what comes with it, as an HTTP status and as JSON.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response};
use percent_encoding::percent_decode;
use prost::Message;

use super::super::json::{Types, Writer};
use super::super::pools::BUILT_IN;
use super::{Plan, metadata, rpc_errors};
use crate::arguments::from_base64;

/// The HTTP status of each `google.rpc.Code`, as `google/rpc/code.proto` says.
pub(super) const CODES: [(i32, &str, u16); 17] = [
    (0, "OK", 200),
    (1, "CANCELLED", 499),
    (2, "UNKNOWN", 500),
    (3, "INVALID_ARGUMENT", 400),
    (4, "DEADLINE_EXCEEDED", 504),
    (5, "NOT_FOUND", 404),
    (6, "ALREADY_EXISTS", 409),
    (7, "PERMISSION_DENIED", 403),
    (8, "RESOURCE_EXHAUSTED", 429),
    (9, "FAILED_PRECONDITION", 400),
    (10, "ABORTED", 409),
    (11, "OUT_OF_RANGE", 400),
    (12, "UNIMPLEMENTED", 501),
    (13, "INTERNAL", 500),
    (14, "UNAVAILABLE", 503),
    (15, "DATA_LOSS", 500),
    (16, "UNAUTHENTICATED", 401),
];

/// How a call ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Status {
    pub(super) code: i32,
    message: String,
    details: Vec<prost_types::Any>,
}

/// `google.rpc.Status`, as `grpc-status-details-bin` holds it.
#[derive(Clone, PartialEq, Message)]
struct Detailed {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

impl Status {
    /// What trailers say; `None` where they do not.
    pub(super) fn of(trailers: &HeaderMap) -> Option<Self> {
        let code = trailers.get("grpc-status")?.to_str().ok()?.trim();
        // What is not a number is as unknown as any.
        let code = code.parse().unwrap_or(2);
        let message = trailers.get("grpc-message").map(|value| percent_decode(value.as_bytes()).decode_utf8_lossy());
        let details = trailers.get("grpc-status-details-bin").and_then(|value| from_base64(value.as_bytes()));
        let details = details.and_then(|bytes| Detailed::decode(bytes.as_slice()).ok()).unwrap_or_default();
        Some(Self {
            code,
            message: message.map_or(details.message, |text| text.into_owned()),
            details: details.details,
        })
    }

    pub(super) fn is_ok(&self) -> bool {
        self.code == 0
    }

    /// Codes that no table has are 500, like `UNKNOWN`.
    pub(super) fn http(&self) -> StatusCode {
        let row = CODES.iter().find(|(code, ..)| *code == self.code);
        row.and_then(|(.., http)| StatusCode::from_u16(*http).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// `google.rpc.Status` in JSON. Types of details are looked for among the upstream's, then among the well-known ones.
    pub(super) fn json(&self, plan: &Plan) -> Vec<u8> {
        let mut out = format!(r#"{{"code":{},"message":"#, self.code).into_bytes();
        out.extend(serde_json::Value::from(self.message.as_str()).to_string().into_bytes());
        out.extend_from_slice(br#","details":["#);
        for (at, detail) in self.details.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let start = out.len();
            let types = [&plan.pool, &BUILT_IN, &rpc_errors::POOL];
            if Writer::new(Types(&types), &mut out).any(detail).is_err() {
                out.truncate(start);
                out.extend_from_slice(b"{}");
            }
        }
        out.extend_from_slice(b"]}");
        out
    }

    /// The whole answer. `head` is the upstream's, `trailers` as well.
    pub(super) fn answer(&self, plan: &Plan, mut head: response::Parts, trailers: &HeaderMap) -> Response<Bytes> {
        metadata::strip(&mut head.headers);
        metadata::append_trailers(trailers, &mut head.headers);
        head.status = self.http();
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Response::from_parts(head, self.json(plan).into())
    }
}
