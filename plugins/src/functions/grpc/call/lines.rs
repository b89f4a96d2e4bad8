//! A stream of JSON values, one a line (NDJSON), as a stream of messages.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use memchr::memchr;

use super::super::json;
use super::{MAX_JSON, Plan, frame};
use crate::call::BodyMap;
use crate::problem::{Problem, Reason};

/// Each line becomes a message; empty ones are nothing.
pub(super) struct Lines {
    plan: Arc<Plan>,
    /// The beginning of a line whose end is still to come.
    rest: BytesMut,
    /// How many lines were read, for what is said of the next.
    count: usize,
}

impl Lines {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, rest: BytesMut::new(), count: 0 }
    }

    fn line(&mut self, line: &[u8], out: &mut BytesMut) -> Result<(), Problem> {
        self.count += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let at = |problem: Problem| Problem { detail: format!("line {}: {}", self.count, problem.detail), ..problem };
        let json = serde_json::from_slice(line)
            .map_err(|e| at(Problem::new(Reason::MalformedBody, format!("not one JSON value: {e}"))))?;
        let message = json::read(&self.plan.input, &json).map_err(|faults| at(Problem::of_arguments(faults)))?;
        frame::put(&message, out).map_err(at)
    }

    fn within_limit(&self, more: usize) -> Result<(), Problem> {
        match self.rest.len() + more > MAX_JSON {
            true => Err(Problem::new(Reason::BodyTooLarge, format!("a line has more than {} MiB", MAX_JSON >> 20))),
            false => Ok(()),
        }
    }
}

impl BodyMap for Lines {
    fn piece(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        let mut data = &data[..];
        while let Some(end) = memchr(b'\n', data) {
            self.within_limit(end)?;
            if self.rest.is_empty() {
                self.line(&data[..end], out)?;
            } else {
                self.rest.extend_from_slice(&data[..end]);
                let line = self.rest.split();
                self.line(&line, out)?;
            }
            data = &data[end + 1..];
        }
        self.within_limit(data.len())?;
        self.rest.extend_from_slice(data);
        Ok(())
    }

    fn end(&mut self, _: Option<&HeaderMap>, out: &mut BytesMut) -> Result<Option<HeaderMap>, Problem> {
        let last = self.rest.split();
        self.line(&last, out)?;
        Ok(None)
    }
}
