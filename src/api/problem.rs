//! The admin address's errors: the same problems as the gateway's (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use catalog::CatalogError;
use catalog::store::StoreError;
use http::{HeaderValue, StatusCode, header};
use plugins::{Problem, Reason};
use serde_json::json;

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
    fn into_response(self) -> Response {
        let Problem { reason, detail, faults, headers } = self.0;
        let row = reason.row();
        let mut body = json!({
            "type": format!("urn:portolan:problem:{}", row.name),
            "title": row.title,
            "status": row.status,
            "detail": detail,
        });
        if !faults.is_empty() {
            body["errors"] = json!(faults);
        }
        let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().extend(headers);
        response
    }
}
