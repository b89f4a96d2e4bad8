//! What Portolan answers itself.

use http::Method;
use plugins::filters::{Settings, access};
use serde_json::json;

use crate::testing::{Backend, Speaks, World, request, run, upstream};

#[test]
fn problems_say_what_is_wrong() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        for (method, path, expected) in [
            (Method::GET, "/", "404 not-found"),
            (Method::GET, "/fn/pets", "404 not-found"),
            (Method::GET, "/fn/cats/f", "404 unknown-upstream"),
            (Method::GET, "/fn/pets@elsewhere/f", "404 unknown-upstream"),
            (Method::GET, "/fn/pets/g", "404 unknown-function"),
            (Method::GET, "/fn/pets/F", "404 unknown-function"),
            (Method::GET, "/fn/pets/", "404 unknown-function"),
            (Method::GET, "/fn/pets/f/", "404 unknown-function"),
            (Method::OPTIONS, "/fn/pets/g", "404 unknown-function"),
            (Method::DELETE, "/fn/pets/f", "405 method-not-allowed"),
            (Method::GET, "/fn/pets/f?refuse", "400 invalid-arguments"),
        ] {
            let reply = world.ask(request(method.clone(), path, &[], "")).await;
            assert_eq!(format!("{} {}", reply.status.as_u16(), reply.problem()), expected, "{method} {path}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
            assert!(reply.header("proxy-status").unwrap().starts_with("portolan; error="));
        }
        let reply =
            world.ask(request(Method::GET, "/fn/pets@gloo-system/no%2Fsuch", &[("x-request-id", "r1")], "")).await;
        insta::assert_json_snapshot!(reply.json());
        assert_eq!(reply.header("x-request-id"), Some("r1"));
        let allow = world.ask(request(Method::DELETE, "/fn/pets/f", &[], "")).await;
        assert_eq!(allow.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
        assert_eq!(backend.accepted.get(), 0, "none of these asks the upstream");
    });
}

#[test]
fn options_tells_the_methods() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let reply = world.ask(request(Method::OPTIONS, "/fn/pets/f", &[], "")).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
        assert_eq!(backend.accepted.get(), 0);
    });
}

#[test]
fn a_dry_run_shows_all_but_credentials_and_sends_nothing() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let mut given =
            upstream("pets", backend.address, json!({"path": "/v1/pets", "secret": "x-api-key", "secrets": ["x-key"]}));
        given.spec.host = Some("pets.example:80".into());
        let world = World::start(&[given]).await;
        let headers = [
            ("portolan-dry-run", "1"),
            ("authorization", "Bearer s3cret"),
            ("cookie", "s3cret"),
            ("x-key", "s3cret"),
            ("x-request-id", "r1"),
        ];
        let reply = world.ask(request(Method::POST, "/fn/pets/f?a=1", &headers, "{\"b\":2}")).await;
        assert_eq!(reply.status, 200);
        assert!(!reply.text().contains("s3cret"));
        assert_eq!(reply.header("cache-control"), Some("private, no-store"));
        insta::assert_json_snapshot!(reply.json());
        let unclear = world.ask(request(Method::POST, "/fn/pets/f", &[("portolan-dry-run", "true")], "")).await;
        assert_eq!(unclear.problem(), "invalid-arguments");
        assert_eq!(backend.accepted.get(), 0);
    });
}

#[test]
fn filters_come_first() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let settings = Settings { access: access::Config::Token(access::Token::new("t")), ..Settings::default() };
        let world = World::with(&[upstream("pets", backend.address, json!({}))], &settings).await;
        let problem = |headers: Vec<(&'static str, &'static str)>| {
            let asked = world.ask(request(Method::GET, "/fn/pets/f", &headers, ""));
            async { asked.await.problem() }
        };
        assert_eq!(problem(vec![("origin", "https://evil.example")]).await, "foreign-origin");
        assert_eq!(problem(vec![]).await, "unauthorized");
        let reply = world.ask(request(Method::GET, "/fn/pets/f", &[("portolan-token", "t")], "")).await;
        assert_eq!(reply.status, 200);
    });
}

#[test]
fn a_named_site_reads_answers_and_problems() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let mut settings = Settings::default();
        settings.origin.cors = Some(serde_json::from_str(r#"{"allowOrigins": ["https://app.example"]}"#).unwrap());
        let world = World::with(&[upstream("pets", backend.address, json!({}))], &settings).await;
        for path in ["/fn/pets/f", "/fn/pets/g"] {
            let reply = world.ask(request(Method::GET, path, &[("origin", "https://app.example")], "")).await;
            assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example"), "{path}");
        }
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let head = |size| {
            format!(
                "GET /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx: {}\r\n\r\n",
                "x".repeat(size)
            )
        };
        assert!(world.raw(&head(48 << 10)).await.starts_with("HTTP/1.1 200"));
        assert!(world.raw(&head(80 << 10)).await.starts_with("HTTP/1.1 431"));
        let many = "a: b\r\n".repeat(200);
        assert!(
            world
                .raw(&format!("GET /fn/pets/f HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"))
                .await
                .starts_with("HTTP/1.1 431")
        );
    });
}
