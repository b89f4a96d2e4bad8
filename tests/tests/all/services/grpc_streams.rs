//! Server streams as server-sent events.

use harness::daemon::Daemon;
use harness::http;
use serde_json::{Value, json};

const COUNT: &str = "portolan.test.v1.EchoService/Count";

/// Asks for events, once to a good end and once to an error.
pub(super) async fn as_events(daemon: &Daemon, stack: &str) -> Result<(), String> {
    let asked = json!({"to": 2, "fail": {"code": 5, "message": "no three"}});
    let wanted = [
        (String::new(), json!({"value": "1"})),
        (String::new(), json!({"value": "2"})),
        ("error".to_owned(), json!({"code": 5, "message": "no three"})),
    ];
    for (asked, wanted) in [(json!({"to": 2}), &wanted[..2]), (asked, &wanted[..])] {
        let request = daemon.post(stack, COUNT).json(&asked).header("accept", "text/event-stream");
        let answer = http::answer(request).await?;
        let events = events(&answer.text());
        let kind = answer.header("content-type");
        if answer.status != 200 || !kind.starts_with("text/event-stream") || !agree(&events, wanted) {
            return Err(format!("{stack}/{COUNT} {asked} as events: {} {kind} {}", answer.status, answer.text()));
        }
    }
    Ok(())
}

/// An error has `details` or not, where there are none.
fn agree(events: &[(String, Value)], wanted: &[(String, Value)]) -> bool {
    events.len() == wanted.len()
        && events.iter().zip(wanted).all(|(found, wanted)| {
            let fields = wanted.1.as_object().expect("an object");
            found.0 == wanted.0 && fields.iter().all(|(name, value)| found.1[name] == *value)
        })
}

/// The events of a stream: each one's name, and its data as JSON.
fn events(text: &str) -> Vec<(String, Value)> {
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    let field = |block: &str, name: &str| {
        let values = block.lines().filter_map(|line| line.strip_prefix(name).map(str::trim));
        values.collect::<Vec<_>>().join("\n")
    };
    let data = |block: &str| serde_json::from_str(&field(block, "data:")).unwrap_or(Value::Null);
    blocks.map(|block| (field(block, "event:"), data(block))).collect()
}
