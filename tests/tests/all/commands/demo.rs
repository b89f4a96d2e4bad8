//! `portolan demo`: the printed `curl` lines answer as printed.

use harness::curl;
use harness::daemon;
use harness::process::Process;
use serde_json::Value;

#[tokio::test]
async fn the_printed_lines_answer() {
    let arguments = ["demo", "--gateway=127.0.0.1:0", "--admin=127.0.0.1:0"].map(str::to_owned);
    let demo = Process::start("demo", daemon::command(&arguments));
    let lines = demo
        .until("it prints what to try", || async {
            let printed = demo.output();
            let lines: Vec<String> =
                printed.lines().map(str::trim).filter(|line| line.starts_with("curl ")).map(str::to_owned).collect();
            let last = printed.contains("Ctrl-C");
            if last && !lines.is_empty() { Ok(lines) } else { Err(printed) }
        })
        .await;
    assert!(lines.len() >= 4, "{lines:?}");
    let mut answered = vec![];
    for line in &lines {
        let answer = curl::run(line).await;
        // One shows how arguments are checked.
        if line.contains(r#"{"title": 7}"#) {
            let mut shown = example();
            shown["requestId"] = answer.json()["requestId"].clone();
            assert_eq!((answer.status, answer.json()), (400, shown), "docs/problems.md shows it");
        } else {
            assert!(answer.status < 300, "{line}: {} {}", answer.status, answer.text());
        }
        assert!(!answer.body.is_empty(), "{line} answers something");
        answered.push(answer.text());
    }
    assert!(answered.iter().any(|text| text.contains("Hello")), "gRPC too: {answered:?}");
    let status = demo.terminate(harness::wait::SOON).await;
    assert!(status.success(), "{status}");
}

/// What the page of problems says such an answer is.
fn example() -> Value {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/problems.md")).unwrap();
    let example = page.split("```json").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"))
}
