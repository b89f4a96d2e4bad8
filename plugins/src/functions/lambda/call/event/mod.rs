//! Requests as API Gateway and load balancers pass them to functions, in the members that AWS's own pages list.
//!
//! There is no route in front of a function URL, so the path is `/`; the method, query, headers and body are the caller's.

mod alb;
mod parts;
mod v1;
mod v2;

use std::time::SystemTime;

use catalog::model::Event;
use serde::Serialize;

use self::parts::Parts;
use crate::call::Arguments;
use crate::problem::{Problem, Reason};

/// The path that a function sees.
const PATH: &str = "/";

/// The stage that it sees: the one that API Gateway makes by itself.
const STAGE: &str = "$default";

/// What stands for the id of an API, of which there is none.
const API: &str = "portolan";

/// What a function is sent.
#[derive(Debug)]
pub(super) struct Shape {
    event: Event,
    /// The account that the function belongs to.
    account: String,
}

impl Shape {
    /// For the function with this ARN.
    pub(super) fn new(event: Event, arn: &str) -> Self {
        Self { event, account: arn.split(':').nth(4).unwrap_or_default().to_owned() }
    }

    /// The payload.
    pub(super) fn event(&self, arguments: &Arguments<'_>, now: SystemTime) -> Result<Vec<u8>, Problem> {
        let parts = Parts::of(arguments, now, &self.account);
        match self.event {
            Event::ApiGatewayV1 => json(&v1::event(&parts)),
            Event::ApiGatewayV2 => json(&v2::event(&parts)),
            Event::Alb => json(&alb::event(&parts)),
            Event::AlbMultiValue => json(&alb::multi_value(&parts)),
        }
    }
}

fn json(event: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(event).map_err(|_| Problem::new(Reason::Internal, "the event has no JSON form"))
}
