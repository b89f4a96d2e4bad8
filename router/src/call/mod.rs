//! The way of a call through a worker.
//!
//! What can be done without waiting is done without waiting: filters, the look-up, the bound call's two halves. In between the worker
//! waits for at most four things, all within the request's one time limit: a plan at a function's first call, the caller's JSON body,
//! the upstream's head, and the upstream's body where the function reads it as a whole.

mod answer;
mod collect;
mod deadline;
mod dry_run;
mod forward;
mod intake;
pub(crate) mod target;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, request};
use hyper::body::{Body as _, Incoming};
use plugins::call::FOR_BINDINGS;
use plugins::{Arguments, Carrier, Fit, Occasion, OnAnswer, Outgoing, OutgoingBody, Passes, Problem, Reason, Verdict};

use self::answer::Answered;
use self::forward::Noticed;
use self::intake::Taken;
use crate::body::Body;
use crate::connection::Caller;
use crate::ids::X_REQUEST_ID;
use crate::lanes::Turn;
use crate::passage::{Last, Passage};
use crate::plans::Plan;
use crate::plans::planner::PlanError;
use crate::timers::Over;
use crate::transport::{Slot, TransportError};
use crate::worker::Found;

/// Answers a request. What needs no waiting is done before there is a future: all that a future holds is moved with it.
pub(crate) fn answer(caller: Rc<Caller>, request: Request<Incoming>) -> impl Future<Output = Response<Last>> {
    let (mut head, body) = request.into_parts();
    let id = caller.worker.ids.of(&head.headers);
    let mut passage = Passage::begin(caller, &head, &id);
    let mut follow = Vec::new();
    let early = admit(&passage.caller, &mut head, &mut follow).transpose().map(Box::new);
    let asked = std::mem::take(&mut head.uri);
    let mut slot = Some(Request::from_parts(head, Body::Empty));
    async move {
        let outcome = match early {
            None => call(&mut passage, &id, &asked, &mut slot, body).await,
            Some(early) => early.map(|answer| answer.map(Body::full)),
        };
        let mut answer = outcome.unwrap_or_else(|problem| refuse(&mut passage, &id, &asked, problem));
        answer.headers_mut().insert(&X_REQUEST_ID, id);
        if !follow.is_empty() {
            let (mut head, body) = answer.into_parts();
            follow.into_iter().rev().for_each(|change| change(&mut head));
            answer = Response::from_parts(head, body);
        }
        passage.status = answer.status().as_u16();
        answer.map(|body| Last::new(body, passage))
    }
}

fn refuse(passage: &mut Passage, id: &HeaderValue, asked: &Uri, problem: Problem) -> Response<Body> {
    passage.note_problem(problem.reason);
    let target = target::parse(asked.path()).ok();
    let occasion = Occasion {
        upstream: target.as_ref().map(|target| &*target.upstream),
        function: target.as_ref().map(|target| &*target.function),
        request_id: id.to_str().ok(),
    };
    problem.answer(&occasion).map(Body::full)
}

/// Passes a request through the filters, and collects what they want to do to its answer. One of them may have the answer.
fn admit(
    caller: &Caller,
    head: &mut request::Parts,
    follow: &mut Vec<OnAnswer>,
) -> Result<Option<Response<Bytes>>, Problem> {
    for filter in &*caller.worker.filters {
        match filter.request(&caller.exchange, head) {
            Verdict::Continue => {}
            Verdict::Follow(change) => follow.push(change),
            Verdict::Answer(answer) => return Ok(Some(answer)),
            Verdict::Refuse(problem) => return Err(problem),
        }
    }
    Ok(None)
}

fn late(_: Over) -> Problem {
    Problem::new(Reason::Deadline, "There was no answer in time; Request-Timeout cannot lengthen the limit")
}

/// Makes of `request`, which has everything but its target and its body, what goes to the upstream, and of what comes back the answer.
async fn call(
    passage: &mut Passage,
    id: &HeaderValue,
    asked: &Uri,
    slot: &mut Slot,
    body: Incoming,
) -> Result<Response<Body>, Problem> {
    let (plan, turn, base) = plan(passage, asked.path()).await?;
    passage.tally = Some(plan.tally.clone());
    let request = slot.as_mut().expect("a request stays in its slot until it is sent");
    if request.method() == Method::OPTIONS {
        return Ok(options(plan.bound.call.allow()));
    }
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let noticed = Noticed::of(request.headers(), reads);
    let dry = noticed.dry_run && dry_run::is_asked(request.headers())?;
    if noticed.timeout || plan.bound.has_own_limit() {
        passage.limit_as(&plan.bound, deadline::asked(request.headers())?);
    }
    let intake = plan.bound.call.intake(request.method(), request.headers(), !body.is_end_stream())?;
    if noticed.private {
        forward::strip_request(request.headers_mut(), reads);
    }
    if noticed.cookies {
        forward::join_cookies(request.headers_mut());
    }
    // A block, so that nothing of it takes room in the future while it waits for the answer.
    let reply = {
        let taken = intake::take(passage, &plan.bound, intake, request.headers(), body).await?;
        // Not before: a body that is collected gets no more time because the answer is a stream.
        if plan.bound.streams {
            passage.limit_silence();
        }
        let caller = plugins::Caller {
            exchange: Some(&passage.caller.exchange),
            authority: asked.authority().map(Authority::as_str),
            request_id: Some(id),
        };
        let outgoing = first_half(&plan, caller, asked.query(), request, &taken)?;
        let shown_path = dry.then(|| outgoing.shown_path());
        let reply = outgoing.reply;
        let body = compose(passage, &plan, id, asked, request, outgoing, noticed);
        if let Some(path) = shown_path {
            let to = turn.attempts().next().map(|address| plan.bound.destination(address));
            let mut shown = dry_run::show(to.as_ref(), &path, plan.bound.call.secret_headers(), request, &body);
            forward::complete(shown.headers_mut(), base);
            return Ok(shown.map(Body::full));
        }
        *request.body_mut() = match body {
            OutgoingBody::Empty => {
                drop(taken);
                Body::Empty
            }
            OutgoingBody::Full(bytes) => taken.replaced(bytes)?,
            OutgoingBody::Stream => taken.sent(passage),
            OutgoingBody::Map(map) => taken.mapped(map, passage),
        };
        reply
    };
    let answered = match send(passage, &plan, &turn, slot).await {
        Ok(response) => match answer::take(passage, &plan, reply, response) {
            Ok(Answered::Now(answer)) => Ok(answer),
            Ok(Answered::Later(answer)) => answer.await,
            Err(problem) => Err(problem),
        },
        Err(problem) => Err(problem),
    };
    let mut answer = answered.map_err(|problem| passage.fault_of_body(problem.reason).unwrap_or(problem))?;
    forward::complete(answer.headers_mut(), base);
    Ok(answer)
}

/// Finds the function that `path` names, its plan, and what the path has before it. A function that changes while its plan is made is
/// looked up once more.
async fn plan<'a>(passage: &mut Passage, path: &'a str) -> Result<(Rc<Plan>, Turn, &'a str), Problem> {
    let mut again = true;
    loop {
        let target = target::parse(path)?;
        let unplanned = match passage.caller.worker.find(&target)? {
            Found::Plan(plan, turn) => return Ok((plan, turn, target.base)),
            Found::Unplanned(unplanned) => unplanned,
        };
        // It counts as a call of the function whatever comes of its plan.
        passage.tally = Some(unplanned.tally.clone());
        match passage.limit.within(Box::pin(passage.caller.worker.plan(unplanned)).as_mut()).await.map_err(late)? {
            Ok((plan, turn)) => return Ok((plan, turn, target.base)),
            Err(PlanError::Problem(problem)) => return Err(problem),
            Err(PlanError::Changed) if again => again = false,
            Err(PlanError::Changed) => {
                return Err(Problem::new(Reason::Unavailable, "The function is changing; ask again"));
            }
        }
    }
}

fn options(allow: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

/// The bound call's first half, and what is counted of it.
fn first_half(
    plan: &Plan,
    caller: plugins::Caller<'_>,
    query: Option<&str>,
    request: &Request<Body>,
    taken: &Taken,
) -> Result<Outgoing, Problem> {
    let (method, headers) = (request.method(), request.headers());
    let (content, unchecked) = (taken.content(), taken.unchecked());
    let outgoing = plan.bound.call.request(Arguments { method, query, headers, content, unchecked, caller })?;
    match outgoing.fit {
        Fit::Unfit => plan.tally.count_reported(),
        Fit::Unchecked => plan.tally.count_unchecked(),
        Fit::Fits | Fit::Unasked => {}
    }
    Ok(outgoing)
}

/// Makes `request` what goes to the upstream, but for its body.
fn compose(
    passage: &Passage,
    plan: &Plan,
    id: &HeaderValue,
    asked: &Uri,
    request: &mut Request<Body>,
    outgoing: Outgoing,
    noticed: Noticed,
) -> OutgoingBody {
    let carrier = plan.bound.call.carrier();
    let headers = request.headers_mut();
    if outgoing.passes == Passes::Nothing {
        *headers = outgoing.headers;
    } else {
        if noticed.content && !matches!(outgoing.body, OutgoingBody::Stream) {
            forward::strip_content(headers);
        }
        if noticed.for_binding {
            FOR_BINDINGS.iter().for_each(|name| _ = headers.remove(name));
        }
        forward::introduce(headers, &passage.caller, asked.authority(), noticed.forwarded);
        if outgoing.passes == Passes::WithoutCredentials {
            headers.remove(header::AUTHORIZATION);
            headers.remove(header::COOKIE);
        }
        headers.insert(&X_REQUEST_ID, id.clone());
        if let Some(left) = passage.left() {
            deadline::tell(headers, carrier, left);
        }
        forward::replace(headers, outgoing.headers);
    }
    request.extensions_mut().clear();
    *request.version_mut() = match carrier {
        Carrier::Http1 => Version::HTTP_11,
        Carrier::Grpc => Version::HTTP_2,
    };
    *request.method_mut() = outgoing.method;
    *request.uri_mut() = Uri::from(outgoing.path);
    outgoing.body
}

/// Sends the request to the endpoint whose turn it is; while nothing of it was sent, to the next.
async fn send(passage: &mut Passage, plan: &Plan, turn: &Turn, slot: &mut Slot) -> Result<Response<Body>, Problem> {
    let mut failed = (Reason::NoEndpoint, "The upstream has no endpoint that gets requests now");
    // Counted anew for each: the iterator would take room in the future while it waits.
    for address in (0..).map_while(|attempt| turn.attempts().nth(attempt)) {
        passage.note_endpoint(address);
        let pool = passage.caller.worker.pools.to(plan.bound.destination(address));
        let sent = match pool {
            Ok(pool) => passage.limit.within(pin!(pool.send(slot))).await.map_err(late)?,
            Err(error) => Err(error),
        };
        match sent {
            Ok(response) => return Ok(response),
            Err(error) => {
                tracing::debug!(%error, "an exchange failed");
                failed = unreachable(&error);
            }
        }
        if slot.is_none() {
            break;
        }
    }
    Err(Problem::new(failed.0, failed.1))
}

fn unreachable(error: &TransportError) -> (Reason, &'static str) {
    match error {
        TransportError::Connect(..) => {
            (Reason::Unreachable, "No connection to any of the upstream's endpoints that were tried")
        }
        TransportError::Broken(..) => (Reason::Reset, "The connection to the upstream broke before it answered"),
        TransportError::NotHttp(..) => (Reason::BadAnswer, "The upstream did not answer in HTTP"),
    }
}
