//! Describes upstreams that their sources call functions: nothing is asked of them, so that none is started for it.

use catalog::model::{Description, Digest, UpstreamSpec};
use catalog::report::Finding;
use futures_util::future::BoxFuture;

use super::{Binding, Http};
use crate::fetch::Fetch;
use crate::probe::{Probe, ProbeError, Target};

impl Probe for Http {
    fn looks_at(&self, spec: &UpstreamSpec) -> bool {
        spec.sole_function.is_some()
    }

    fn probe<'a>(&'a self, target: &'a Target, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Finding, ProbeError>> {
        Box::pin(async move {
            let Some(function) = &target.spec.sole_function else { return Ok(Finding::NotThis) };
            let binding = Binding { path: String::new(), async_path: None, timeout: function.timeout };
            let described = binding.described(&function.name);
            let digest = Digest::of([function.name.as_bytes(), described.binding.to_string().as_bytes()]);
            if target.known.as_ref().is_some_and(|known| known.digest == digest) {
                return Ok(Finding::Unchanged { hint: None });
            }
            let description = Description { functions: vec![described], ..Description::default() };
            Ok(Finding::Found { description: Box::new(description), digest, tls: fetch.tls().await?, hint: None })
        })
    }
}
