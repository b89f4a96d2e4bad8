//! Documents that a source holds in memory, such as those in ConfigMaps: probes read them as if the upstream served them.
//!
//! They lie in folders, `configmap://{source}/{namespace}/{name}`; a location is a folder, `/`, the document's key there, and whatever
//! else after `#`, by which one version is told from another. An upstream is given what its own namespace holds, and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use catalog::model::UpstreamSpec;

/// What the locations of held documents begin with.
pub const SCHEME: &str = "configmap:";

/// All that are held. Cheap to clone; every clone holds the same.
#[derive(Clone, Default, Debug)]
pub struct Documents(Arc<Mutex<HashMap<Box<str>, Folder>>>);

/// Documents by their keys, or why there are none.
pub type Folder = Result<BTreeMap<String, Bytes>, String>;

impl Documents {
    /// Puts `now` in the place of what `folder` held; `None` is nothing more.
    pub fn put(&self, folder: &str, now: Option<Folder>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match now {
            Some(now) => _ = all.insert(folder.into(), now),
            None => _ = all.remove(folder),
        }
    }

    /// The document at `location`, for the upstream of `spec`.
    pub(crate) fn read(&self, location: &str, spec: &UpstreamSpec) -> Result<Bytes, String> {
        let location = location.split('#').next().unwrap_or_default();
        let mut parts = location.rsplitn(4, '/');
        let (Some(key), Some(name), Some(namespace), Some(_)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("{location} is not where a document is held"));
        };
        if spec.home.as_ref().is_none_or(|home| home.namespace != namespace) {
            return Err(format!("{name} is in another namespace, {namespace}"));
        }
        let folder = &location[..location.len() - key.len() - 1];
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.get(folder).ok_or_else(|| format!("{name} in {namespace} has not been read yet"))?;
        let held = held.as_ref().map_err(String::clone)?;
        held.get(key).cloned().ok_or_else(|| format!("{name} in {namespace} has no {key}"))
    }
}

#[cfg(test)]
mod tests {
    use catalog::model::Home;

    use super::*;

    #[test]
    fn an_upstream_reads_what_its_own_namespace_holds() {
        let documents = Documents::default();
        let check = |namespace: &str, location: &str, wanted: Result<&str, &str>| {
            let home = Some(Home { namespace: namespace.into(), discovery: None });
            let read = documents.read(location, &UpstreamSpec { home, ..UpstreamSpec::default() });
            assert_eq!(read, wanted.map(|text| text.to_owned().into()).map_err(str::to_owned), "{location}");
        };
        let at = "configmap:///shop/docs/api.yaml#1f";
        check("shop", at, Err("docs in shop has not been read yet"));
        documents.put("configmap:///shop/docs", Some(Err("there is no ConfigMap docs in shop".into())));
        check("shop", at, Err("there is no ConfigMap docs in shop"));
        documents.put("configmap:///shop/docs", Some(Ok([("api.yaml".to_owned(), "{}".into())].into())));
        check("shop", at, Ok("{}"));
        check("shop", "configmap:///shop/docs/api.yaml", Ok("{}"));
        check("shop", "configmap:///shop/docs/other", Err("docs in shop has no other"));
        check("sea", at, Err("docs is in another namespace, shop"));
        check("shop", "configmap:docs/api.yaml", Err("configmap:docs/api.yaml is not where a document is held"));
        check("shop", "configmap://http://a/shop/docs/api.yaml", Err("docs in shop has not been read yet"));
        documents.put("configmap:///shop/docs", None);
        check("shop", at, Err("docs in shop has not been read yet"));
    }
}
