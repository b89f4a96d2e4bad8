//! What a function kind is: how it is described, bound and called; the filters that shape traffic; and how TLS is spoken to upstreams.
//!
//! Nothing here opens a connection or starts a task. A [`Probe`] reaches the network through [`Fetch`] alone, and a
//! [`BoundCall`] is data: the router carries what it says. A new kind is a folder under `functions/` and a row in [`registry`].

mod arguments;
pub mod call;
pub mod certificates;
pub mod fetch;
pub mod filter;
pub mod filters;
pub mod functions;
pub mod keyring;
pub mod kind;
pub mod places;
pub mod probe;
pub mod problem;
pub mod registry;
pub mod tls;

pub use call::{
    Answer, Arguments, BodyMap, BoundCall, Caller, Carrier, Content, Finish, Fit, HeldMap, Intake, Outgoing,
    OutgoingBody, Passes, Reply, Whole,
};
pub use certificates::{Certificate, Certificates};
pub use fetch::{Bounds, Fetch, FetchError, Fetched, Get, Work, offload};
pub use filter::{Exchange, Filter, OnAnswer, Phase, Verdict};
pub use keyring::{Keyring, Keys, Ring};
pub use kind::{BindError, FunctionKind};
pub use places::{Place, Places};
pub use probe::{Probe, ProbeError, Target};
pub use problem::{Fault, Occasion, Problem, Reason};
