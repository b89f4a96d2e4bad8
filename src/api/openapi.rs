//! The API's own description, at `/openapi.json`.

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::view::{FunctionView, UpstreamView};
use super::{entries, events, lists, ops, why};

/// A page of upstreams.
#[derive(Serialize, ToSchema)]
pub(super) struct UpstreamPage {
    #[schema(inline = false)]
    items: Vec<UpstreamView<'static>>,
    /// Where the next page begins.
    next: Option<String>,
    /// How many fit in all.
    total: usize,
    /// The `since` of events that leaves no gap.
    revision: u64,
}

/// A page of functions.
#[derive(Serialize, ToSchema)]
pub(super) struct FunctionPage {
    #[schema(inline = false)]
    items: Vec<FunctionView<'static>>,
    /// Where the next page begins.
    next: Option<String>,
    /// How many fit in all.
    total: usize,
    /// The `since` of events that leaves no gap.
    revision: u64,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// `urn:portolan:problem:{reason}`
    r#type: String,
    title: String,
    status: u16,
    detail: String,
}

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Portolan", description = "The catalog of everything that can be called"),
    paths(
        ops::about,
        lists::upstreams,
        entries::upstream,
        entries::functions_of,
        entries::forget,
        entries::refresh,
        lists::functions,
        entries::function,
        entries::history,
        events::events,
        ops::sources,
        ops::accept,
        ops::backup,
        why::why
    ),
    components(schemas(UpstreamPage, FunctionPage, ProblemBody))
)]
pub(super) struct Document;

/// `GET /openapi.json`
pub(super) async fn document() -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(Document::openapi())
}
