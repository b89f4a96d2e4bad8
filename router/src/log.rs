//! The access log: a line for each request, written by one thread so that a slow reader of standard output holds up nobody.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::AccessLog;
use crate::limits;

/// What is written of one request. Without its query: that may hold what is nobody's business.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line<'a> {
    /// When it came.
    pub(crate) time: Timestamp,
    /// Who asked.
    pub(crate) peer: IpAddr,
    /// The method.
    pub(crate) method: &'a str,
    /// The path as it was asked.
    pub(crate) path: &'a str,
    /// The status of the answer; 499 where the caller left before there was one.
    pub(crate) status: u16,
    /// The answer's body, in bytes.
    pub(crate) bytes: u64,
    /// In milliseconds, to the end of the answer.
    pub(crate) duration_ms: f64,
    /// The upstream that was called.
    pub(crate) upstream: Option<&'a str>,
    /// The function that was called.
    pub(crate) function: Option<&'a str>,
    /// The endpoint that answered, or was tried last.
    pub(crate) endpoint: Option<SocketAddr>,
    /// The request's id.
    pub(crate) request_id: &'a str,
    /// Why Portolan answered itself, or cut the answer off.
    pub(crate) problem: Option<&'a str>,
}

impl Line<'_> {
    fn text(&self, format: AccessLog) -> String {
        let mut text = match format {
            AccessLog::Off => String::new(),
            AccessLog::Json => visible(serde_json::to_string(self).unwrap_or_default()),
            AccessLog::Text => {
                let mut text = format!(
                    "{} {} \"{} {}\" {} {} {:.3}ms ",
                    self.time,
                    self.peer,
                    self.method,
                    self.path.escape_debug(),
                    self.status,
                    self.bytes,
                    self.duration_ms
                );
                match self.upstream.zip(self.function) {
                    // Writing to a string cannot fail.
                    Some((upstream, function)) => {
                        _ = write!(text, "{}/{}", upstream.escape_debug(), function.escape_debug());
                    }
                    None => text.push('-'),
                }
                match self.endpoint {
                    Some(endpoint) => _ = write!(text, " {endpoint}"),
                    None => text.push_str(" -"),
                }
                text.extend([" ", self.request_id, " ", self.problem.unwrap_or("-")]);
                text
            }
        };
        text.push('\n');
        text
    }
}

/// JSON with each control character escaped: its writer leaves those from U+007F on as they are, and terminals obey them.
fn visible(json: String) -> String {
    // DEL, or what every later one begins with in UTF-8.
    if !json.bytes().any(|byte| matches!(byte, 0x7f | 0xc2)) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c.is_control() {
            // Writing to a string cannot fail.
            true => _ = write!(escaped, "\\u{:04x}", u32::from(c)),
            false => escaped.push(c),
        }
    }
    escaped
}

/// A worker's end of the log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    format: AccessLog,
    lines: Option<SyncSender<String>>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// A log in `format` to `output`, and the thread that writes it: it ends when the last worker has let go of the log.
    pub(crate) fn start(
        format: AccessLog,
        dropped: Arc<AtomicU64>,
        output: Box<dyn Write + Send>,
    ) -> io::Result<(Self, Option<JoinHandle<()>>)> {
        if format == AccessLog::Off {
            return Ok((Self { format, lines: None, dropped }, None));
        }
        let (lines, queue) = sync_channel(limits::LOG_QUEUE);
        let writer = std::thread::Builder::new().name("access-log".into()).spawn(move || write(&queue, output))?;
        Ok((Self { format, lines: Some(lines), dropped }, Some(writer)))
    }

    /// Whether lines are wanted.
    pub(crate) fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// Hands a line to the writer, or drops it where the writer is behind.
    pub(crate) fn write(&self, line: &Line<'_>) {
        if let Some(lines) = &self.lines
            && let Err(TrySendError::Full(_)) = lines.try_send(line.text(self.format))
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes lines as they come, many at once when they come fast. Output that is gone is no reason to stop serving.
fn write(queue: &Receiver<String>, output: Box<dyn Write + Send>) {
    let mut output = io::BufWriter::new(output);
    while let Ok(line) = queue.recv() {
        let mut written = output.write_all(line.as_bytes());
        while let Ok(line) = queue.try_recv() {
            written = written.and_then(|()| output.write_all(line.as_bytes()));
        }
        if let Err(error) = written.and_then(|()| output.flush()) {
            tracing::debug!(%error, "the access log cannot be written");
        }
    }
}

/// A duration as the log has it.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    // Whole microseconds: more digits would say nothing.
    duration.as_micros() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(buf)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line() -> Line<'static> {
        Line {
            time: Timestamp::UNIX_EPOCH,
            peer: "192.0.2.7".parse().unwrap(),
            method: "GET",
            path: "/fn/pets/getPet",
            status: 200,
            bytes: 1024,
            duration_ms: 0.5,
            upstream: Some("pets"),
            function: Some("getPet"),
            endpoint: Some("127.0.0.1:80".parse().unwrap()),
            request_id: "r1",
            problem: None,
        }
    }

    fn written(format: AccessLog, lines: &[Line<'_>]) -> String {
        let output = Written::default();
        let (log, writer) = Log::start(format, Arc::default(), Box::new(output.clone())).unwrap();
        lines.iter().for_each(|line| log.write(line));
        drop(log);
        writer.unwrap().join().unwrap();
        String::from_utf8(output.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_are_text_or_json() {
        let refused =
            Line { status: 404, upstream: None, function: None, endpoint: None, problem: Some("not-found"), ..line() };
        insta::assert_snapshot!(written(AccessLog::Text, &[line(), refused]), @r#"
        1970-01-01T00:00:00Z 192.0.2.7 "GET /fn/pets/getPet" 200 1024 0.500ms pets/getPet 127.0.0.1:80 r1 -
        1970-01-01T00:00:00Z 192.0.2.7 "GET /fn/pets/getPet" 404 1024 0.500ms - - r1 not-found
        "#);
        let json: serde_json::Value = serde_json::from_str(&written(AccessLog::Json, &[line()])).unwrap();
        assert_eq!(json["durationMs"], 0.5);
        assert_eq!(json["endpoint"], "127.0.0.1:80");
    }

    #[test]
    fn a_line_is_one_line_of_visible_characters() {
        let odd = "a\n\u{1b}[2J\u{7f}\u{9b}2J";
        let line = Line { path: "/fn/\u{9b}2J\"", upstream: Some(odd), function: Some("\u{85}"), ..line() };
        for format in [AccessLog::Text, AccessLog::Json] {
            let text = written(format, &[line]);
            assert_eq!(text.find(char::is_control), Some(text.len() - 1), "{text:?}");
        }
        let json: serde_json::Value = serde_json::from_str(&written(AccessLog::Json, &[line])).unwrap();
        assert_eq!((&json["upstream"], &json["function"]), (&odd.into(), &"\u{85}".into()), "the names are the same");
    }

    #[test]
    fn a_slow_reader_loses_lines_and_holds_up_nobody() {
        struct Stuck(Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.0.recv().ok();
                Ok(buf.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, stuck) = sync_channel(0);
        let dropped = Arc::new(AtomicU64::new(0));
        let (log, writer) = Log::start(AccessLog::Json, dropped.clone(), Box::new(Stuck(stuck))).unwrap();
        // The queue and the writer's own buffer are finite; this is more than both.
        (0..4 * limits::LOG_QUEUE).for_each(|_| log.write(&line()));
        assert!(dropped.load(Ordering::Relaxed) > 0);
        drop((log, release));
        writer.unwrap().join().unwrap();
    }
}
