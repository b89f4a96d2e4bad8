//! `GET /why`: why something is or is not in the catalog.

use axum::Json;
use axum::extract::{Query, State};
use discovery::why::Explanation;
use serde::Deserialize;

use super::Api;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
}

/// `GET /why?target=`
#[utoipa::path(get, path = "/api/v1/why", tag = "daemon",
    params(("target" = String, Query, description = "An upstream, `upstream/function`, a URL or `host:port`")),
    responses((status = 200, description = "The upstreams that it means, each with the rule and the attempts of discovery; or which sources looked")))]
pub(super) async fn why(State(api): State<Api>, Query(asked): Query<Asked>) -> Json<Explanation> {
    Json(api.explainer.why(asked.target.trim()))
}
