//! OpenAPI documents in ConfigMaps: only those that an annotation names are read, each by a watch of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use catalog::model::Digest;
use futures_util::StreamExt;
use futures_util::stream::{AbortHandle, BoxStream, SelectAll, abortable};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher;
use kube::{Api, Client};

use super::limits;
use super::told;
use super::users::Users;
use super::view::namespace;
use crate::documents::{Documents, SCHEME};

/// A document that a Service takes from a ConfigMap of its own namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Document {
    /// The key of the ConfigMap, `namespace/name`.
    pub(super) config_map: Arc<str>,
    /// The document's own key there.
    key: String,
}

impl Document {
    /// The document that `NAME/KEY` names in `namespace`.
    pub(super) fn named(namespace: &str, text: &str) -> Result<Self, String> {
        let part =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        match text.split_once('/').filter(|(name, key)| part(name) && part(key)) {
            Some((name, key)) => Ok(Self { config_map: format!("{namespace}/{name}").into(), key: key.to_owned() }),
            None => Err(format!("{text:?} is not the name of a ConfigMap, / and a key of it")),
        }
    }
}

/// What the ConfigMaps that are used have.
#[derive(Default)]
pub(super) struct ConfigMaps {
    pub(super) users: Users,
    documents: Documents,
    /// Which source this is: two clusters may have ConfigMaps of one name.
    source: Arc<str>,
    /// The digest of each document, by ConfigMap and key; a ConfigMap that was looked for and not found has none.
    known: HashMap<Arc<str>, BTreeMap<String, Digest>>,
}

impl ConfigMaps {
    /// Puts what is in ConfigMaps into `documents`, under the name of `source`.
    pub(super) fn new(documents: Documents, source: &str) -> Self {
        Self { documents, source: source.into(), ..Self::default() }
    }

    /// Where `document` is, with its version where that is known.
    pub(super) fn location(&self, document: &Document) -> String {
        let at = format!("{}/{}", self.folder(&document.config_map), document.key);
        match self.known.get(&document.config_map).and_then(|keys| keys.get(&document.key)) {
            Some(digest) => format!("{at}#{}", digest.short(limits::VERSION)),
            None => at,
        }
    }

    /// Whether `document`'s ConfigMap was read.
    pub(super) fn is_read(&self, document: &Document) -> bool {
        self.known.contains_key(&document.config_map)
    }

    /// Takes what was said of a ConfigMap; whether that changed something.
    pub(super) fn take(&mut self, config_map: &Arc<str>, said: Result<Option<ConfigMap>, String>) -> bool {
        if self.users.of(config_map).is_none() {
            return false;
        }
        let folder = self.folder(config_map);
        let contents = match said {
            Ok(Some(there)) => contents(there),
            Ok(None) => BTreeMap::new(),
            // What was read stays.
            Err(_) if self.known.contains_key(config_map) => return false,
            Err(cause) => {
                self.documents.put(&folder, Some(Err(format!("the ConfigMap {config_map} cannot be read: {cause}"))));
                return false;
            }
        };
        let digests = contents.iter().map(|(key, content)| (key.clone(), Digest::of([&**content]))).collect();
        let held = match contents.is_empty() {
            true => Err(format!("there is nothing in a ConfigMap {config_map}")),
            false => Ok(contents),
        };
        self.documents.put(&folder, Some(held));
        self.known.insert(config_map.clone(), digests) != self.known.get(config_map).cloned()
    }

    /// Nobody uses it any more.
    pub(super) fn drop(&mut self, config_map: &Arc<str>) {
        self.known.remove(config_map);
        self.documents.put(&self.folder(config_map), None);
    }

    fn folder(&self, config_map: &str) -> String {
        format!("{SCHEME}//{}/{config_map}", self.source)
    }
}

fn contents(config_map: ConfigMap) -> BTreeMap<String, Bytes> {
    let texts = config_map.data.unwrap_or_default().into_iter().map(|(key, text)| (key, Bytes::from(text)));
    let bytes = config_map.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, Bytes::from(bytes.0)));
    texts.chain(bytes).collect()
}

/// What a watch says of its ConfigMap: what is there, or why that cannot be read.
pub(super) type Said = (Arc<str>, Result<Option<ConfigMap>, String>);

/// The watches of ConfigMaps that are used.
pub(super) struct Watches {
    client: Client,
    config: watcher::Config,
    running: BTreeMap<Arc<str>, AbortHandle>,
    /// Those that cannot be read, and why.
    failing: BTreeMap<Arc<str>, String>,
    streams: SelectAll<BoxStream<'static, Said>>,
}

impl Watches {
    /// None yet.
    pub(super) fn new(client: Client, config: watcher::Config) -> Self {
        Self { client, config, running: BTreeMap::new(), failing: BTreeMap::new(), streams: SelectAll::new() }
    }

    /// Watches these, and no others. Returns those that are too many.
    pub(super) fn keep(&mut self, config_maps: impl Iterator<Item = Arc<str>>) -> Vec<Arc<str>> {
        let mut wanted: Vec<_> = config_maps.collect();
        let too_many = wanted.split_off(wanted.len().min(limits::CONFIG_MAPS));
        self.running.retain(|config_map, watch| {
            let stays = wanted.contains(config_map);
            if !stays {
                watch.abort();
            }
            stays
        });
        self.failing.retain(|config_map, _| self.running.contains_key(config_map));
        for config_map in wanted {
            if !self.running.contains_key(&config_map) {
                let (stream, abort) = abortable(self.one(config_map.clone()));
                self.running.insert(config_map, abort);
                self.streams.push(stream.boxed());
            }
        }
        too_many
    }

    /// What is said next; pends for ever where nothing is watched.
    pub(super) async fn next(&mut self) -> Said {
        let Some((config_map, said)) = self.streams.next().await else { return std::future::pending().await };
        match &said {
            Ok(_) => _ = self.failing.remove(&config_map),
            Err(cause) if self.running.contains_key(&config_map) => {
                self.failing.insert(config_map.clone(), cause.clone());
            }
            Err(_) => {}
        }
        (config_map, said)
    }

    /// What is wrong with the first that cannot be read.
    pub(super) fn failure(&self) -> Option<String> {
        let (config_map, cause) = self.failing.first_key_value()?;
        let more = match self.failing.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Some(format!("{config_map}: {cause}{more}"))
    }

    fn one(&self, config_map: Arc<str>) -> BoxStream<'static, Said> {
        let name = config_map.rsplit('/').next().unwrap_or_default();
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace(&config_map));
        let said = told::one(api, self.config.clone(), name);
        said.map(move |said| (config_map.clone(), said)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use catalog::model::{Home, UpstreamSpec};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_has_another_location_when_it_changes() {
        let documents = Documents::default();
        let mut maps = ConfigMaps::new(documents.clone(), "");
        let document = Document::named("shop", "docs/api.yaml").unwrap();
        let read = |location: &str| {
            let home = Some(Home { namespace: "shop".into(), discovery: None });
            documents.read(location, &UpstreamSpec { home, ..UpstreamSpec::default() })
        };
        let map = |text: &str| {
            let object =
                json!({"metadata": {"name": "docs"}, "data": {"api.yaml": text}, "binaryData": {"more": "eHl6"}});
            Ok(Some(serde_json::from_value(object).unwrap()))
        };
        let (config_map, service) = (document.config_map.clone(), "shop/api".into());
        assert!(!maps.take(&config_map, map("one")), "nobody uses it");
        maps.users.change(&service, None, Some(&config_map));
        assert_eq!(
            (maps.location(&document).as_str(), maps.is_read(&document)),
            ("configmap:///shop/docs/api.yaml", false)
        );

        assert!(!maps.take(&config_map, Err("forbidden".into())));
        assert!(read(&maps.location(&document)).unwrap_err().ends_with("shop/docs cannot be read: forbidden"));
        assert!(maps.take(&config_map, map("one")));
        let one = maps.location(&document);
        assert!(one.starts_with("configmap:///shop/docs/api.yaml#") && maps.is_read(&document));
        assert_eq!(read(&one).unwrap(), "one");
        assert_eq!(read("configmap:///shop/docs/more").unwrap(), "xyz");
        assert!(!maps.take(&config_map, map("one")));
        assert!(maps.take(&config_map, map("two")));
        assert_ne!(maps.location(&document), one);
        assert!(!maps.take(&config_map, Err("the server is away".into())));
        assert_eq!(read(&one).unwrap(), "two", "what is left out after # counts for nothing");
        assert!(maps.take(&config_map, Ok(None)));
        assert!(read(&one).unwrap_err().contains("nothing in a ConfigMap shop/docs"));
        maps.drop(&config_map);
        assert!(!maps.is_read(&document));
    }

    #[test]
    fn a_document_is_named_by_its_config_map_and_key() {
        for wrong in ["docs", "/api.yaml", "docs/", "a/b/c", "../x/y", "docs/a b", "docs/a#b"] {
            assert!(Document::named("shop", wrong).is_err(), "{wrong}");
        }
    }
}
