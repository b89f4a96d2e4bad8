//! The admin address's errors: the same problems as the gateway's (RFC 9457).

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use catalog::CatalogError;
use catalog::store::StoreError;
use http::StatusCode;
use plugins::{Occasion, Problem, Reason};
use router::{RequestIds, X_REQUEST_ID};

/// A problem as an answer.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Problem);

impl Failure {
    /// An occurrence of `reason`.
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self(Problem::new(reason, detail))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        let reason = match &error {
            CatalogError::Unknown(_) => Reason::NotFound,
            CatalogError::StillListed(_) => Reason::Conflict,
            _ => {
                tracing::error!(%error, "admin.failed");
                return Self::new(Reason::Unavailable, "the catalog cannot do this now; the log says why");
            }
        };
        Self::new(reason, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        CatalogError::from(error).into()
    }
}

impl IntoResponse for Failure {
    /// Its status and the problem itself, which [`tell`] renders where the request's id is known.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.reason.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(Told(self.0));
        response
    }
}

#[derive(Clone)]
struct Told(Problem);

/// Gives each request an id, and each problem the shape that all have.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    let id = RequestIds::default().of(request.headers());
    let occasion = Occasion { request_id: id.to_str().ok(), ..Occasion::default() };
    let mut response = next.run(request).await;
    if let Some(Told(problem)) = response.extensions_mut().remove() {
        let mut told = problem.answer(&occasion).map(Body::from);
        // `Allow`, which the framework knows.
        told.headers_mut().extend(response.headers().clone());
        response = told;
    }
    response.headers_mut().insert(&X_REQUEST_ID, id);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_nobody_tells_is_none_the_less_one() {
        for row in Reason::TABLE {
            assert_eq!(Failure::new(row.reason, "").into_response().status(), row.status, "{}", row.name);
        }
    }
}
