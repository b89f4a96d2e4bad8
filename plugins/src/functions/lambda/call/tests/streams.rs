//! Answers that come in a stream.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue as Said, Message};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::problem::Reason;

fn message(kind: &str, of: &str, payload: &[u8]) -> Vec<u8> {
    let text = |text: &str| Said::String(text.to_owned().into());
    let name = match kind {
        "event" => ":event-type",
        "exception" => ":exception-type",
        _ => ":error-code",
    };
    let message = Message::new(Bytes::copy_from_slice(payload))
        .add_header(Header::new(":message-type", text(kind)))
        .add_header(Header::new(name, text(of)));
    let mut out = Vec::new();
    write_message_to(&message, &mut out).unwrap();
    out
}

fn chunk(data: &[u8]) -> Vec<u8> {
    message("event", "PayloadChunk", data)
}

fn end(complete: Value) -> Vec<u8> {
    message("event", "InvokeComplete", complete.to_string().as_bytes())
}

const FRAMED: (&str, &str) = ("content-type", "application/vnd.amazon.eventstream");
const WITH_HEAD: (&str, &str) = ("content-type", "application/vnd.awslambda.http-integration-response");

fn stream(reply: Option<Event>, given: &[(&str, &str)], pieces: &[&[u8]]) -> Result<Response<Bytes>, Problem> {
    let call = shaped(None, reply, json!({"streaming": true}));
    let mut answer = Response::builder();
    *answer.headers_mut().unwrap() = headers(given);
    let (mut head, ()) = answer.body(()).unwrap().into_parts();
    match call.response(Reply::Usual, &mut head) {
        Answer::Held(map) => held(map, head, pieces),
        _ => panic!("it is held"),
    }
}

#[test]
fn pieces_come_as_they_are_sent() {
    let whole = [chunk(b"a"), message("event", "Later", b"?"), chunk(b""), chunk(b"bc"), end(json!({}))].concat();
    let got = stream(None, &[FRAMED], &[&whole]).unwrap();
    assert_eq!(
        (&got.body()[..], &got.headers()["content-type"]),
        (&b"abc"[..], &"application/octet-stream".parse().unwrap())
    );
    let got = stream(None, &[("content-type", "text/html")], &[&whole]).unwrap();
    assert_eq!(got.headers()["content-type"], "text/html");
    let got = stream(None, &[FRAMED, ("x-amzn-remapped-content-type", "text/csv")], &[&end(json!({}))]).unwrap();
    assert_eq!((got.body().len(), &got.headers()["content-type"]), (0, &"text/csv".parse().unwrap()));
    let got = stream(None, &[FRAMED], &[&end(json!({"LogResult": "aGVsbG8="}))]).unwrap();
    assert_eq!(got.headers()["portolan-log"], "aGVsbG8=");
    assert!(stream(None, &[FRAMED], &[&message("event", "InvokeComplete", b"")]).is_ok());
}

#[test]
fn what_breaks_a_stream_is_said() {
    let failed = end(
        json!({"ErrorCode": "Function.Unhandled", "ErrorDetails": "{\"errorType\": \"E\"}", "LogResult": "aGVsbG8="}),
    );
    let mut damaged = chunk(b"abc");
    let last = damaged.len() - 5;
    damaged[last] ^= 1;
    for (pieces, reason) in [
        (&[failed.as_slice()][..], Reason::FunctionFailed),
        (&[&chunk(b"a"), &failed], Reason::FunctionFailed),
        (&[&message("exception", "TooManyRequestsException", b"{}")], Reason::Throttled),
        (&[&message("error", "InternalFailure", b"")], Reason::UpstreamFailed),
        (&[&chunk(b"a")], Reason::Reset),
        (&[], Reason::Reset),
        (&[&damaged], Reason::BadAnswer),
        (&[&[0, 0, 0, 15, 0, 0, 0, 0]], Reason::BadAnswer),
        (&[&[0xff; 12]], Reason::BadAnswer),
        (&[&message("event", "InvokeComplete", b"{")], Reason::BadAnswer),
    ] {
        let problem = stream(None, &[FRAMED], pieces).unwrap_err();
        assert_eq!(problem.reason, reason, "{problem}");
        if pieces.first() == Some(&failed.as_slice()) {
            assert_eq!(problem.members, [("error", json!({"errorType": "E"})), ("log", json!("hello"))]);
        }
    }
}

#[test]
fn a_stream_may_begin_with_a_head() {
    let head =
        json!({"statusCode": 201, "headers": {"Content-Type": "text/plain", "X-N": 1}, "cookies": ["a=1", "b=2"]});
    let begin = [head.to_string().as_bytes(), &[0; 8], b"bo"].concat();
    let whole = [chunk(&begin[..10]), chunk(&begin[10..]), chunk(b"dy"), end(json!({}))].concat();
    let got = stream(Some(Event::ApiGatewayV2), &[WITH_HEAD], &[&whole]).unwrap();
    assert_eq!((got.status().as_u16(), &got.body()[..]), (201, &b"body"[..]));
    let cookies: Vec<_> = got.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!((cookies, got.headers()["x-n"].to_str().unwrap()), (vec!["a=1", "b=2"], "1"));
    let empty = [chunk(&[b"{\"statusCode\": 204}".as_slice(), &[0; 8]].concat()), end(json!({}))].concat();
    assert_eq!(stream(Some(Event::ApiGatewayV2), &[WITH_HEAD], &[&empty]).unwrap().status(), 204);
    // Only where the answer is to be read so.
    let got = stream(None, &[WITH_HEAD], &[&whole]).unwrap();
    assert_eq!(got.status(), 200);
    assert!(got.body().starts_with(b"{"));
    for bad in [[b"no json".as_slice(), &[0; 8]].concat(), vec![b'x'; 70 << 10], b"{}".to_vec()] {
        let problem = stream(Some(Event::ApiGatewayV2), &[WITH_HEAD], &[&chunk(&bad), &end(json!({}))]).unwrap_err();
        assert_eq!(problem.reason, Reason::BadAnswer, "{problem}");
    }
}

proptest! {
    /// However a stream is cut into pieces, what comes of it is the same.
    #[test]
    fn cuts_do_not_matter(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6), cuts in prop::collection::vec(0usize..600, 0..12)) {
        let whole = chunks.iter().map(|data| chunk(data)).chain([end(json!({}))]).collect::<Vec<_>>().concat();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(whole.len())).chain([0, whole.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &whole[cut[0]..cut[1]]).collect();
        let got = stream(None, &[FRAMED], &pieces).unwrap();
        prop_assert_eq!(&got.body()[..], &chunks.concat()[..]);
    }

    /// No bytes break it.
    #[test]
    fn anything_is_read_or_refused(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)) {
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        prop_assert!(stream(Some(Event::ApiGatewayV2), &[WITH_HEAD], &pieces).is_err());
    }
}
