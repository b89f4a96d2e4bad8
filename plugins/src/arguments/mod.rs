//! What every kind that takes JSON arguments shares: a query string read as arguments, text coerced by a schema, and
//! arguments checked against a schema with a JSON pointer for each fault.
//!
//! All of it is prepared when a function is bound ([`Coerce`], [`Validator`]); a request walks no schema. Nothing here is ever
//! fetched: a schema that refers to another document cannot be compiled.

mod binary;
mod coerce;
mod cost;
mod faults;
mod formats;
mod looks;
mod pointer;
mod query;
mod schema;
#[cfg(test)]
mod tests;
mod validator;

pub(crate) use binary::{BASE64, from_base64, to_base64};
pub(crate) use coerce::Coerce;
pub(crate) use faults::fault;
pub(crate) use pointer::{fragment, pointer};
pub(crate) use query::{form_text, parse};
pub(crate) use schema::{Bearing, Schemas, Types};
pub(crate) use validator::Validator;
