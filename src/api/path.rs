//! What a request's path says.

use axum::extract::{self, FromRequestParts};
use http::request::Parts;
use plugins::Reason;
use serde::de::DeserializeOwned;

use super::problem::Failure;

/// What stands in the path where its route has names. A path that cannot be read is a problem like all others.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let extract::Path(named) = extract::Path::from_request_parts(parts, state).await.map_err(|rejection| {
            let ours = rejection.status().is_server_error();
            let reason = if ours { Reason::Internal } else { Reason::InvalidArguments };
            Failure::new(reason, rejection.body_text())
        })?;
        Ok(Self(named))
    }
}
