//! `GET /why`: why something is or is not in the catalog.

use axum::Json;
use axum::extract::{RawQuery, State};
use discovery::why::Explanation;
use plugins::Reason;

use super::Api;
use super::problem::Failure;
use super::query::parameters;

/// `GET /why?target=`
#[utoipa::path(get, path = "/api/v1/why", tag = "daemon",
    params(("target" = String, Query, description = "An upstream, `upstream/function`, a URL or `host:port`")),
    responses((status = 200, description = "The upstreams that it means, each with the rule and the attempts of discovery; or which sources looked"),
        (status = 400, body = super::openapi::ProblemBody)))]
pub(super) async fn why(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Json<Explanation>, Failure> {
    let target = parameters(query.as_deref(), &["target"])?.into_iter().next();
    let (_, target) = target.ok_or_else(|| {
        Failure::new(Reason::InvalidArguments, "`target` says what is asked about: an upstream, a URL or `host:port`")
    })?;
    Ok(Json(api.explainer.why(target.trim())))
}
