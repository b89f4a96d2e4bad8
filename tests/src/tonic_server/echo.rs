//! `portolan.test.v1.EchoService`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tower::service_fn;

use super::metadata::{metadata, sent_back};
use super::{Messages, Streaming, Unary, grpc};
use crate::rpc::{from_json, status, to_json};

#[derive(Default)]
pub(super) struct Echo {
    waiting: AtomicI32,
    given_up: AtomicI32,
}

impl Echo {
    pub(super) async fn answer(
        self: Arc<Self>,
        method: MethodDescriptor,
        request: http::Request<Body>,
    ) -> http::Response<Body> {
        let mut grpc = grpc(&method);
        let output = method.output();
        match method.name() {
            "Count" => {
                let call = |request: Request<DynamicMessage>| {
                    let numbers = count(output.clone(), to_json(request.get_ref()));
                    async { Ok(Response::new(numbers)) }
                };
                grpc.server_streaming(service_fn(call), request).await
            }
            "Sum" => {
                let call = |request: Request<Streaming>| sum(output.clone(), request.into_inner());
                grpc.client_streaming(service_fn(call), request).await
            }
            "Negate" => {
                let call = |request: Request<Streaming>| {
                    let numbers = negate(output.clone(), request.into_inner());
                    async { Ok(Response::new(numbers)) }
                };
                grpc.streaming(service_fn(call), request).await
            }
            _ => {
                let call = |request| Arc::clone(&self).one(method.clone(), request);
                grpc.unary(service_fn(call), request).await
            }
        }
    }

    async fn one(self: Arc<Self>, method: MethodDescriptor, request: Request<DynamicMessage>) -> Unary {
        let asked = to_json(request.get_ref());
        let reply = |json: Value| Ok(Response::new(from_json(method.output(), &json)));
        match method.name() {
            "Metadata" => Ok(sent_back(reply(metadata(&request))?, &asked)),
            "Fail" => as_told(&asked).map_or_else(|| reply(json!({})), Err),
            "Wait" => {
                self.wait(&asked).await;
                reply(json!({}))
            }
            "WaitStats" => {
                let count = |counter: &AtomicI32| counter.load(Ordering::Relaxed);
                reply(json!({"waiting": count(&self.waiting), "givenUp": count(&self.given_up)}))
            }
            "Large" => {
                let size = asked["size"].as_u64().unwrap_or(0);
                let data: Vec<u8> = (0..=u8::MAX).cycle().zip(0..size).map(|(byte, _)| byte).collect();
                let mut reply = DynamicMessage::new(method.output());
                reply.set_field_by_name("data", prost_reflect::Value::Bytes(data.into()));
                Ok(Response::new(reply))
            }
            // Echo, EchoUnsafe, Raw, Old
            _ => Ok(Response::new(request.into_inner())),
        }
    }

    async fn wait(&self, asked: &Value) {
        let waiting = Waiting::new(self);
        if asked["never"] == true {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(duration(&asked["time"])).await;
        waiting.done.store(true, Ordering::Relaxed);
    }
}

/// Counts a call as waiting, and as given up unless it was done.
struct Waiting<'a> {
    echo: &'a Echo,
    done: AtomicBool,
}

impl<'a> Waiting<'a> {
    fn new(echo: &'a Echo) -> Self {
        echo.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting { echo, done: AtomicBool::new(false) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.echo.waiting.fetch_sub(1, Ordering::Relaxed);
        if !self.done.load(Ordering::Relaxed) {
            self.echo.given_up.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn count(output: MessageDescriptor, asked: Value) -> Messages {
    let to = asked["to"].as_i64().unwrap_or(0);
    let gap = duration(&asked["gap"]);
    let numbers = stream::iter(1..=to).then(move |value| {
        let output = output.clone();
        async move {
            if value > 1 {
                tokio::time::sleep(gap).await;
            }
            Ok(from_json(output, &json!({"value": value})))
        }
    });
    numbers.chain(stream::iter(as_told(&asked["fail"]).map(Err))).boxed()
}

async fn sum(output: MessageDescriptor, mut numbers: Streaming) -> Unary {
    let (mut count, mut sum) = (0, 0);
    while let Some(number) = numbers.message().await? {
        count += 1;
        sum += value(&number);
    }
    Ok(Response::new(from_json(output, &json!({"count": count, "sum": sum}))))
}

fn negate(output: MessageDescriptor, numbers: Streaming) -> Messages {
    let answers = numbers.map(move |number| match value(&number?) {
        0 => Err(Status::aborted("zero has no sign")),
        value => Ok(from_json(output.clone(), &json!({"value": -value}))),
    });
    // tonic would go on after an error.
    let ended = answers.scan(false, |ended, answer| {
        let open = !std::mem::replace(ended, answer.is_err());
        async move { open.then_some(answer) }
    });
    ended.boxed()
}

fn value(number: &DynamicMessage) -> i64 {
    to_json(number)["value"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What a `FailRequest` says; nothing for code 0.
fn as_told(asked: &Value) -> Option<Status> {
    let code = asked["code"].as_i64().filter(|code| *code != 0)?;
    let mut details = vec![];
    if let Some(violations) = asked["violations"].as_array() {
        details.push(json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}));
    }
    let message = asked["message"].as_str().unwrap_or_default();
    let code = i32::try_from(code).expect("an int32");
    Some(status::failure(code, message, &details, asked["unknownDetail"] == true))
}

/// A `google.protobuf.Duration` in JSON: `1.5s`.
fn duration(json: &Value) -> Duration {
    let seconds = json.as_str().and_then(|text| text.trim_end_matches('s').parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(0.0))
}
