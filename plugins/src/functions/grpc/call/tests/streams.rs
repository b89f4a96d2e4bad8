//! Streams and raw bodies, in pieces of any size.

use proptest::prelude::*;

use super::*;

#[test]
fn streams_as_they_come() {
    let watch = bind("Watch", false);
    let (a, b) = (wire(&watch, &json!({"orderId": "a"})), wire(&watch, &json!({"orderId": "b"})));
    let fine = || upstream(vec![a.slice(..3), a.slice(3..), b.clone()], &[("grpc-status", "0"), ("x-t", "1")]);
    let got = answer(&watch, Reply::Usual, fine()).unwrap();
    assert_eq!(got.body, "{\"orderId\":\"a\"}\n{\"orderId\":\"b\"}\n");
    assert_eq!(
        (got.headers, got.trailers),
        (vec!["content-type: application/x-ndjson".into(), "x-a: 1".into()], Some(vec!["x-t: 1".into()]))
    );
    let got = answer(&watch, Reply::EventStream, fine()).unwrap();
    assert_eq!(got.body, "data: {\"orderId\":\"a\"}\n\ndata: {\"orderId\":\"b\"}\n\n");
    assert_eq!(got.headers[0], "content-type: text/event-stream");

    let failing =
        |before: &[Bytes]| upstream(before.to_vec(), &[("grpc-status", "8"), ("grpc-message", "slow"), ("x-t", "1")]);
    let got = answer(&watch, Reply::Usual, failing(&[])).unwrap();
    assert_eq!((got.status, got.body.as_str()), (429, r#"{"code":8,"message":"slow","details":[]}"#));
    assert_eq!(got.headers, ["content-type: application/json", "grpc-trailer-x-t: 1", "x-a: 1"]);
    let got = answer(&watch, Reply::Usual, failing(std::slice::from_ref(&a))).unwrap();
    assert_eq!(got.body, "{\"orderId\":\"a\"}\n{\"@error\":{\"code\":8,\"message\":\"slow\",\"details\":[]}}\n");
    assert_eq!((got.status, got.trailers), (200, Some(vec!["x-t: 1".into()])));
    let got = answer(&watch, Reply::EventStream, failing(std::slice::from_ref(&a))).unwrap();
    assert!(got.body.ends_with("\n\nevent: error\ndata: {\"code\":8,\"message\":\"slow\",\"details\":[]}\n\n"));

    for cut in [upstream(vec![a.clone()], &[]), Upstream { trailers: None, ..upstream(vec![a.clone()], &[]) }] {
        let (sent, reason, _) = answer(&watch, Reply::Usual, cut).unwrap_err();
        assert_eq!((sent.as_str(), reason), ("{\"orderId\":\"a\"}\n", Reason::Reset));
    }
    let (_, reason, _) =
        answer(&watch, Reply::Usual, upstream(vec![a.slice(..7)], &[("grpc-status", "0")])).unwrap_err();
    assert_eq!(reason, Reason::Reset);
    let empty = answer(&watch, Reply::Usual, upstream(vec![], &[("grpc-status", "0")])).unwrap();
    assert_eq!(
        (empty.status, empty.body.as_str(), empty.headers[0].as_str()),
        (200, "", "content-type: application/x-ndjson")
    );
}

#[test]
fn raw_bodies_both_ways() {
    let put = bind("Put", false);
    let given = [("content-type", "image/png")];
    let OutgoingBody::Map(mut map) = request(&put, Content::Stream, None, &given).unwrap().body else { panic!() };
    let mut out = BytesMut::new();
    map.piece(Bytes::from_static(b"\x00a"), &mut out).unwrap();
    map.piece(Bytes::from_static(b"b"), &mut out).unwrap();
    map.end(None, &mut out).unwrap();
    assert_eq!(messages(&put.0.input, &out), [json!({"contentType": "image/png", "data": "AGFi"})]);
    let message = wire(&put, &json!({"contentType": "text/csv", "data": "YSxi"}));
    let got = answer(&put, Reply::Usual, upstream(vec![message.clone()], &[("grpc-status", "0")])).unwrap();
    assert_eq!((got.headers[0].as_str(), got.body.as_str()), ("content-type: text/csv", "a,b"));
    assert_eq!(request(&put, Content::Stream, Some("a=1"), &given).unwrap_err().reason, Reason::InvalidArguments);

    let up = bind("Up", false);
    let OutgoingBody::Map(mut map) = request(&up, Content::Stream, None, &given).unwrap().body else { panic!() };
    let mut out = BytesMut::new();
    map.piece(Bytes::from_static(b"a"), &mut out).unwrap();
    map.piece(Bytes::from_static(b"b"), &mut out).unwrap();
    map.end(None, &mut out).unwrap();
    assert_eq!(
        messages(&up.0.input, &out),
        [json!({"contentType": "image/png", "data": "YQ=="}), json!({"data": "Yg=="})]
    );

    let down = bind("Down", false);
    let more = wire(&down, &json!({"data": "YSxi"}));
    let got = answer(&down, Reply::Usual, upstream(vec![message.clone(), more], &[("grpc-status", "0")])).unwrap();
    assert_eq!((got.headers[0].as_str(), got.body.as_str()), ("content-type: text/csv", "a,ba,b"));
    let (sent, reason, _) = answer(&down, Reply::Usual, upstream(vec![message], &[("grpc-status", "13")])).unwrap_err();
    assert_eq!((sent.as_str(), reason), ("a,b", Reason::Reset));
}

#[test]
fn what_is_wrong_with_lines() {
    let mapped = |text: &str| {
        let OutgoingBody::Map(mut map) = request(&bind("Send", false), Content::Stream, None, &[]).unwrap().body else {
            panic!()
        };
        let mut out = BytesMut::new();
        map.piece(Bytes::copy_from_slice(text.as_bytes()), &mut out).and_then(|()| map.end(None, &mut out).map(|_| ()))
    };
    assert_eq!(mapped("{}\n\n{\"none\": 1}\n").unwrap_err().detail, "line 3: #/none: is not a field of shop.Order");
    let problem = mapped("{}\n{").unwrap_err();
    assert_eq!(problem.reason, Reason::MalformedBody);
    assert!(problem.detail.starts_with("line 2: not one JSON value: "), "{}", problem.detail);
    assert_eq!(mapped(&"x".repeat(2 * MAX_MESSAGE + 1)).unwrap_err().reason, Reason::BodyTooLarge);
}

/// `whole` in pieces that end at `cuts`.
fn pieces(whole: &[u8], cuts: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).chain([0, whole.len()]).collect();
    ends.sort_unstable();
    ends.windows(2).map(|ends| Bytes::copy_from_slice(&whole[ends[0]..ends[1]])).collect()
}

proptest! {
    /// Wherever a body is cut, its messages are the same.
    #[test]
    fn frames_come_in_any_pieces(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut body = Vec::new();
        for content in &contents {
            body.push(0);
            body.extend((content.len() as u32).to_be_bytes());
            body.extend(content);
        }
        let (mut frames, mut got) = (frame::Frames::default(), Vec::new());
        for piece in pieces(&body, &cuts) {
            frames.push(&piece);
            while let Some(message) = frames.next().unwrap() {
                got.push(message.to_vec());
            }
        }
        prop_assert!(frames.is_empty());
        prop_assert_eq!(got, contents);
    }

    /// Wherever lines are cut, their messages are those of the whole text split at its ends of lines.
    #[test]
    fn lines_come_in_any_pieces(ids in prop::collection::vec("[a-zü]{0,6}", 0..6), ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\n\n", " \n"]), 6), last in any::<bool>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut text = String::new();
        for (id, end) in ids.iter().zip(&ends) {
            text.push_str(&json!({"orderId": id}).to_string());
            text.push_str(end);
        }
        let text = if last { text.trim_end() } else { &text };
        thread_local!(static SEND: Call = bind("Send", false));
        let got = SEND.with(|send| {
            let OutgoingBody::Map(mut map) = request(send, Content::Stream, None, &[]).unwrap().body else { panic!() };
            let mut out = BytesMut::new();
            for piece in pieces(text.as_bytes(), &cuts) {
                map.piece(piece, &mut out).unwrap();
            }
            map.end(None, &mut out).unwrap();
            messages(&send.0.input, &out)
        });
        let naive: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let id = serde_json::from_str::<Json>(line).unwrap()["orderId"].clone();
            if id == "" { json!({}) } else { json!({"orderId": id}) }
        }).collect();
        prop_assert_eq!(got, naive);
    }
}
