//! Finds gRPC services by server reflection.

use std::sync::Arc;

use catalog::model::UpstreamSpec;
use catalog::report::Finding;
use futures_util::future::BoxFuture;

use super::describe::describe;
use super::reflection::{Client, ReflectionError, Version, reflect};
use crate::fetch::Fetch;
use crate::probe::{Probe, ProbeError, Target};

/// Part of every digest: a version that describes the same descriptors otherwise counts up, so that they are described again.
const DESCRIBER: &[u8] = b"grpc 2";

/// Asks a server for its services and their descriptors.
#[derive(Debug)]
pub(super) struct Reflection;

impl Probe for Reflection {
    fn looks_at(&self, _: &UpstreamSpec) -> bool {
        true
    }

    fn probe<'a>(&'a self, target: &'a Target, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Finding, ProbeError>> {
        Box::pin(look(target, fetch))
    }
}

async fn look(target: &Target, fetch: &dyn Fetch) -> Result<Finding, ProbeError> {
    let spec = Arc::clone(&target.spec);
    let alpha_before = target.known.as_ref().and_then(|known| known.hint.as_deref()) == Some(Version::V1Alpha.name());
    let order = if alpha_before { [Version::V1Alpha, Version::V1] } else { [Version::V1, Version::V1Alpha] };
    let reflected = match reflect(&Client::new(fetch, &spec.base_path), order).await {
        Ok(reflected) => reflected,
        Err(ReflectionError::NotGrpc(_) | ReflectionError::Unimplemented) => return Ok(Finding::NotThis),
        Err(ReflectionError::Fetch(error)) => return Err(error.into()),
        Err(error @ ReflectionError::Answered(_)) => return Err(ProbeError::Answered(error.to_string())),
        Err(error @ ReflectionError::TooMuch(_)) => {
            return Err(ProbeError::Unreadable { location: "reflection".into(), cause: error.to_string() });
        }
    };
    let services = reflected.services.iter().map(String::as_bytes);
    let digest = reflected.files.digest([DESCRIBER].into_iter().chain(services));
    let hint = Some(reflected.version.name().to_owned());
    if target.known.as_ref().is_some_and(|known| known.digest == digest) {
        return Ok(Finding::Unchanged { hint });
    }
    let assembled = reflected.files.assemble();
    let description = describe(&reflected.services, &reflected.files, assembled, reflected.complaints);
    Ok(Finding::Found { description: Box::new(description), digest, tls: fetch.tls().await?, hint })
}
