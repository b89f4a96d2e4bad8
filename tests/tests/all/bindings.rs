//! The table of binding cases again, over the wire: what an echo server gets when a function's URL is called.
//!
//! The cases themselves stand beside the code that binds (`plugins/src/functions/rest/call/cases`), where they run without a
//! network; here each group's operation is found in a document, by a real daemon.

mod cases;

use std::fmt::Write as _;

use harness::daemon::Daemon;
use harness::echo::{Echo, Received};
use harness::http::{self, Answer, client};
use harness::process;
use serde_json::{Value, json};

use self::cases::{Case, Expect, Group, groups};

/// The fewest cases that there are.
const CASES: usize = 80;

#[tokio::test]
async fn every_case_reaches_the_echo_as_it_says() {
    let folder = process::folder("resources");
    let (mut groups, mut flags) = (vec![], vec![]);
    for group in self::groups() {
        let Some(document) = group.document() else { continue };
        let echo = Echo::described(document).await;
        match &group.spec.rest_base_path {
            Some(path) => override_base_path(folder.path(), &group, &echo, path),
            None => flags.push(format!(
                "--upstream={}={}",
                group.name,
                echo.url(group.spec.base_path.as_deref().unwrap_or_default())
            )),
        }
        groups.push((group, echo));
    }
    flags.extend([format!("--resources={}", folder.path().display()), "--workers=1".to_owned()]);
    let daemon = Daemon::start(flags).await;
    let (mut count, mut failures) = (0, vec![]);
    for (group, echo) in &groups {
        daemon.until_functions(&group.name, ["call"]).await;
        for case in &group.cases {
            count += 1;
            let answer = call(&daemon, group, case).await;
            if let Err(why) = check(&answer, echo, case) {
                failures.push(format!("{}: {}: {why}", group.name, case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= CASES, "only {count} cases");
}

/// The upstream as a resource, which may say where its REST functions begin.
fn override_base_path(folder: &std::path::Path, group: &Group, echo: &Echo, path: &str) {
    let host = json!({"addr": "127.0.0.1", "port": echo.address().port()});
    let resource = json!({
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": {"name": group.name, "namespace": "gloo-system"},
        "spec": {"static": {"hosts": [host]}, "rest": {"basePath": path}},
    });
    std::fs::write(folder.join(format!("{}.yaml", group.name)), resource.to_string()).unwrap();
}

async fn call(daemon: &Daemon, group: &Group, case: &Case) -> Answer {
    let has_body = case.json.is_some() || case.raw.is_some();
    let default = if has_body || !group.is_safe() { "POST" } else { "GET" };
    let mut url = daemon.url(&group.name, "call");
    if let Some(query) = &case.query {
        write!(url, "?{query}").unwrap();
    }
    let mut request = client().request(case.method.as_deref().unwrap_or(default).parse().unwrap(), url);
    for (name, value) in &case.headers {
        if case.json.is_none() || name.to_lowercase() != "content-type" {
            let lines = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            request = lines.iter().fold(request, |request, line| request.header(name, line.as_str().unwrap()));
        }
    }
    if let Some(json) = &case.json {
        request = request.header("content-type", "application/json").body(json.to_string());
    } else if let Some(raw) = &case.raw {
        request = request.body(raw.clone());
    }
    http::answer(request).await.unwrap()
}

fn check(answer: &Answer, echo: &Echo, case: &Case) -> Result<(), String> {
    let Some(problem) = &case.expect.problem else {
        if answer.status != 200 {
            return Err(format!("it was refused: {}", answer.text()));
        }
        // Not the answer, which is empty for HEAD.
        let received = echo.seen().pop().ok_or("the echo got nothing")?;
        return matches(&received, case);
    };
    if answer.reason() != *problem {
        let seen = echo.seen().last().map(|request| format!("{} {}", request.method, request.target));
        return Err(format!("{problem} is wanted: {} {} (last seen: {seen:?})", answer.status, answer.text()));
    }
    let json = answer.json();
    let pointers: Vec<&str> =
        json["errors"].as_array().into_iter().flatten().filter_map(|fault| fault["pointer"].as_str()).collect();
    if case.expect.faults.as_ref().is_some_and(|faults| *faults != pointers) {
        return Err(format!("faults are at {pointers:?}"));
    }
    let missing = case.expect.headers.iter().find(|(name, value)| Some(answer.header(name)) != value.as_str());
    missing.map_or(Ok(()), |(name, value)| Err(format!("{name} is {}, not {value}", answer.header(name))))
}

fn matches(received: &Received, case: &Case) -> Result<(), String> {
    let expect = &case.expect;
    let same = |what: &str, is: &str, expected: &str| {
        if is == expected { Ok(()) } else { Err(format!("{what} is\n  {is}, not\n  {expected}")) }
    };
    if let Some(path) = &expect.path {
        same("path", &received.target, path)?;
    }
    if let Some(method) = &expect.method {
        same("method", &received.method, method)?;
    }
    for (name, expected) in &expect.headers {
        let is = received.header(&name.to_lowercase());
        // What the binding does not set is the caller's own.
        let own = case.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let expected = expected.as_str().or(own.and_then(Value::as_str)).unwrap_or("absent");
        same(name, is.first().copied().unwrap_or("absent"), expected)?;
    }
    body(received, case, expect)
}

fn body(received: &Received, case: &Case, expect: &Expect) -> Result<(), String> {
    let text = received.text.as_deref().unwrap_or("(not text)");
    if let Some(parts) = &expect.parts {
        let found = parts_of(received, text)?;
        return if found == *parts { Ok(()) } else { Err(format!("parts are {found:#?}, not {parts:#?}")) };
    }
    if let Some(json) = &expect.json {
        let found: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        return if found == *json { Ok(()) } else { Err(format!("body is {found}, not {json}")) };
    }
    let wanted = match expect.body.as_deref() {
        Some("(stream)") => case.raw.as_deref().unwrap_or_default(),
        other => other.unwrap_or_default(),
    };
    if text == wanted { Ok(()) } else { Err(format!("body is {text:?}, not {wanted:?}")) }
}

/// The parts of a form, each as its head and content.
fn parts_of(received: &Received, body: &str) -> Result<Vec<String>, String> {
    let media = received.header("content-type").first().copied().unwrap_or_default().to_owned();
    let boundary = media.split_once("boundary=").ok_or_else(|| format!("no boundary in {media}"))?.1;
    let body = body.strip_suffix(&format!("--{boundary}--\r\n")).ok_or("no end")?;
    let cut = format!("--{boundary}\r\n");
    let parts = body.split(&*cut).skip(1);
    Ok(parts.map(|part| part.strip_suffix("\r\n").unwrap_or(part).replace("\r\n", "|")).collect())
}
