use super::*;

/// The reason for which a request with `token` is refused on a listener bound to `local`.
fn check(config: &Config, local: &str, token: Option<&str>) -> Option<Reason> {
    let exchange = Exchange { peer: "192.0.2.7:4711".parse().unwrap(), local: local.parse().unwrap(), tls: false };
    let mut request = http::Request::builder();
    if let Some(token) = token {
        request = request.header(&PORTOLAN_TOKEN, token);
    }
    let (mut head, ()) = request.body(()).unwrap().into_parts();
    match Access(config.clone()).request(&exchange, &mut head) {
        Verdict::Continue => None,
        Verdict::Refuse(problem) => Some(problem.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn loopback_is_open_and_the_rest_needs_a_setting() {
    let token = Config::Token(Token::new("s3cret\n"));
    for (config, local, given, refused) in [
        (&Config::Loopback, "127.0.0.1:8080", None, None),
        (&Config::Loopback, "[::1]:8080", None, None),
        (&Config::Loopback, "[::ffff:127.0.0.1]:8080", None, None),
        (&Config::Loopback, "0.0.0.0:8080", None, Some(Reason::FunctionsClosed)),
        (&Config::Loopback, "[::]:8080", None, Some(Reason::FunctionsClosed)),
        (&Config::Loopback, "192.0.2.1:8080", Some("s3cret"), Some(Reason::FunctionsClosed)),
        (&Config::Open, "0.0.0.0:8080", None, None),
        (&token, "0.0.0.0:8080", Some("s3cret"), None),
        (&token, "0.0.0.0:8080", Some("s3cre"), Some(Reason::Unauthorized)),
        (&token, "0.0.0.0:8080", Some(""), Some(Reason::Unauthorized)),
        (&token, "0.0.0.0:8080", None, Some(Reason::Unauthorized)),
        (&token, "127.0.0.1:8080", None, Some(Reason::Unauthorized)),
        (&token, "127.0.0.1:8080", Some("s3cret"), None),
    ] {
        assert_eq!(check(config, local, given), refused, "{config:?} {local} {given:?}");
    }
}

#[test]
fn a_token_that_is_replaced_holds_for_the_next_request() {
    let token = Token::new("old");
    let config = Config::Token(token.clone());
    token.replace("new\n");
    assert_eq!(check(&config, "0.0.0.0:8080", Some("old")), Some(Reason::Unauthorized));
    assert_eq!(check(&config, "0.0.0.0:8080", Some("new")), None);
}

#[test]
fn a_token_is_not_shown() {
    assert_eq!(format!("{:?}", Config::Token(Token::new("s3cret"))), "Token(Token(***))");
}
