//! Answers of Lambda functions.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use catalog::model::{Aws, Described, Event, Function, Materials, UpstreamSpec};
use http::{HeaderMap, Response, response};
use plugins::functions::lambda::Lambda;
use plugins::{Answer, BoundCall, FunctionKind as _, HeldMap, Keyring, Problem, Reply, Whole};
use serde_json::json;

/// What an answer becomes: its head in short, and its body.
type Made = Result<(u16, usize, Bytes), Problem>;

/// The first byte says how the function answers, the second of what kind the head is, the third where the body is cut; the rest is the
/// body. However it is cut, the answer is the same, and it has a status that an answer can have.
pub fn lambda_answers(bytes: &[u8]) {
    let [how, kind, cut, body @ ..] = bytes else { return };
    let call = call(
        how & 1 == 1,
        [None, Some(Event::ApiGatewayV1), Some(Event::ApiGatewayV2), Some(Event::Alb)][usize::from(how >> 1 & 3)],
    );
    let whole = answer(&*call, *kind, &[body]);
    let cut = usize::from(*cut).min(body.len());
    let (one, two) = body.split_at(cut);
    let apart = answer(&*call, *kind, &[one, two]);
    match (&whole, &apart) {
        (Ok(whole), Ok(apart)) => assert_eq!(whole, apart),
        // What was put out before an error is not compared: the error ends the stream.
        (whole, apart) => assert_eq!(whole.is_err(), apart.is_err()),
    }
    if let Ok((status, ..)) = whole {
        assert!((200..600).contains(&status), "{status}");
    }
}

fn call(streaming: bool, reply: Option<Event>) -> Arc<dyn BoundCall> {
    let described = Described {
        origin: "f".into(),
        name: "f".into(),
        summary: None,
        description: None,
        deprecated: false,
        safe: false,
        tags: Vec::new(),
        binding: json!({"arn": "a:b:c:d:e:f", "function": "f", "target": "latest", "streaming": streaming}),
        input: json!(true),
        output: None,
    };
    let function: Function = super::bound::function(&Lambda, &described);
    let aws = Aws { region: "eu-west-1".into(), reply, ..Aws::default() };
    let spec = UpstreamSpec { host: Some("lambda".into()), aws: Some(aws), ..UpstreamSpec::default() };
    let materials = Materials { input: json!(true), output: None, attachments: Vec::new() };
    let call = Lambda.bind(&function, &materials, &spec, &Keyring::default());
    call.expect("it is whole")
}

fn answer(call: &dyn BoundCall, kind: u8, pieces: &[&[u8]]) -> Made {
    let status = [200, 200, 200, 200, 202, 400, 403, 429][usize::from(kind & 7)];
    let mut answer = Response::builder().status(status);
    if kind & 8 != 0 {
        answer = answer.header("content-type", "application/vnd.awslambda.http-integration-response");
    }
    if kind & 16 != 0 {
        answer = answer.header("x-amz-function-error", "Unhandled").header("x-amz-log-result", "aGVsbG8=");
    }
    let (mut head, ()) = answer.body(()).expect("a head").into_parts();
    match call.response(Reply::Usual, &mut head) {
        Answer::Stream => Ok((head.status.as_u16(), head.headers.len(), pieces.concat().into())),
        Answer::Whole { finish, .. } => {
            let whole = Whole { head, body: pieces.concat().into(), trailers: HeaderMap::new() };
            finish(whole).map(|answer| (answer.status().as_u16(), answer.headers().len(), answer.into_body()))
        }
        Answer::Held(map) => held(map, head, pieces),
        Answer::Map(_) => unreachable!("no answer is mapped without being held"),
    }
}

/// As the router does it.
fn held(mut map: Box<dyn HeldMap>, mut head: response::Parts, pieces: &[&[u8]]) -> Made {
    let mut out = BytesMut::new();
    for piece in pieces {
        map.piece(Bytes::copy_from_slice(piece), &mut out)?;
    }
    map.end(None, &mut out)?;
    match map.open(&mut head) {
        Some(answer) => Ok((answer.status().as_u16(), answer.headers().len(), answer.into_body())),
        None => Ok((head.status.as_u16(), head.headers.len(), out.freeze())),
    }
}
