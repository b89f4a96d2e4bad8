//! Why something is or is not in the catalog: what `portolan why` and `GET /why` answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use catalog::Catalog;
use catalog::model::{Endpoint, Kind, Stale};
use catalog::snapshot::{Snapshot, UpstreamEntry};
use serde::Serialize;
use url::Url;

use crate::attempts::{Attempt, Journal};
use crate::board::{Board, State as SourceState};
use crate::prober::{Discovery, KindLook, Outcomes};

/// Everything that explains. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Explainer {
    /// What is known.
    pub catalog: Catalog,
    /// The namespace of names without one.
    pub namespace: Arc<str>,
    /// The state of the sources.
    pub board: Board,
    /// The state of the looks.
    pub outcomes: Outcomes,
    /// What was asked and answered.
    pub journal: Journal,
}

/// The answer.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What was asked about.
    pub target: String,
    /// The upstreams that it means; several may be at one address.
    pub upstreams: Vec<Explained>,
    /// Where no source lists it: which ones looked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Looked>,
}

/// One upstream.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Its permanent id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Which source lists it, and under which key.
    pub origin: String,
    /// Set while its source does not vouch for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Stale>,
    /// Where it can be reached, with their health.
    pub endpoints: Vec<Endpoint>,
    /// The function that was asked about, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The rule by which it is looked at or not.
    pub rule: String,
    /// Where the looks at it stand.
    pub discovery: Option<Discovery>,
    /// The same for each kind.
    pub kinds: Vec<KindLook>,
    /// What its descriptions have and could not be made a function, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub complaints: BTreeMap<Kind, Vec<String>>,
    /// What was asked of it, newest first.
    pub attempts: Vec<Attempt>,
}

/// One source that does not list the target.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    /// Which source.
    pub source: String,
    /// How it is.
    pub state: SourceState,
    /// How many upstreams it lists.
    pub upstreams: usize,
    /// What it says of the target: the rule or fault that left it out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Why it last broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// What a target may mean.
#[derive(PartialEq, Eq, Debug)]
enum Meaning<'t> {
    /// An upstream by name or id, with its namespace where it is given, and a function of it.
    Upstream { name: &'t str, namespace: Option<&'t str>, function: Option<&'t str> },
    /// Whatever is at an address.
    Address { host: String, port: u16 },
}

impl Explainer {
    /// Explains `target`: an upstream, `upstream/function`, a URL or `host:port`.
    pub fn why(&self, target: &str) -> Explanation {
        let snapshot = self.catalog.snapshot();
        let upstreams = match meaning(target) {
            Meaning::Upstream { name, namespace, function } => {
                let found = snapshot.upstream(namespace.unwrap_or(&self.namespace), name);
                let found = found.or_else(|| snapshot.by_id(&name.into()));
                found.into_iter().map(|entry| self.explain(&snapshot, entry, function)).collect()
            }
            Meaning::Address { host, port } => {
                let there = snapshot.upstreams(None).filter(|entry| is_at(&snapshot, entry, &host, port));
                there.map(|entry| self.explain(&snapshot, entry, None)).collect::<Vec<_>>()
            }
        };
        let sources = if upstreams.is_empty() { self.looked(target) } else { Vec::new() };
        Explanation { target: target.to_owned(), upstreams, sources }
    }

    fn explain(&self, snapshot: &Snapshot, entry: &UpstreamEntry, function: Option<&str>) -> Explained {
        let upstream = &entry.upstream;
        let discovery = self.outcomes.of(&upstream.id);
        Explained {
            id: upstream.id.to_string(),
            name: upstream.name.to_string(),
            namespace: upstream.namespace.to_string(),
            origin: upstream.origin.to_string(),
            stale: snapshot.stale(upstream).cloned(),
            endpoints: snapshot.endpoints(&upstream.id).map(|set| set.all().to_vec()).unwrap_or_default(),
            function: function.map(|function| about(entry, function, self.left_out(entry, function))),
            rule: discovery.as_ref().map(|discovery| discovery.rule.clone()).unwrap_or_default(),
            kinds: discovery.as_ref().map(|discovery| discovery.kinds.clone()).unwrap_or_default(),
            discovery,
            complaints: complaints(entry),
            attempts: self.journal.of(&upstream.id),
        }
    }

    /// The rule by which the source of an upstream leaves a function of it out, where it lists functions itself.
    fn left_out(&self, entry: &UpstreamEntry, function: &str) -> Option<String> {
        let origin = &entry.upstream.origin;
        let source = origin.source.to_string();
        let status = self.board.read().into_iter().find(|status| status.source == source)?;
        status.left_out.get(&format!("{} {function}", origin.key)).cloned()
    }

    fn looked(&self, target: &str) -> Vec<Looked> {
        let wanted = match meaning(target) {
            Meaning::Upstream { name, .. } => name.to_owned(),
            Meaning::Address { host, .. } => host,
        };
        let statuses = self.board.read().into_iter();
        statuses
            .map(|status| {
                let left_out =
                    status.left_out.iter().filter(|(what, why)| what.contains(&wanted) || why.contains(&wanted));
                Looked {
                    source: status.source,
                    state: status.state,
                    upstreams: status.upstreams,
                    left_out: left_out.map(|(what, why)| format!("{what}: {why}")).collect(),
                    last_error: status.last_error.map(|failure| failure.message),
                }
            })
            .collect()
    }
}

fn complaints(entry: &UpstreamEntry) -> BTreeMap<Kind, Vec<String>> {
    let kinds = entry.upstream.kinds.iter().filter(|(_, state)| !state.complaints.is_empty());
    kinds.map(|(kind, state)| (kind.clone(), state.complaints.clone())).collect()
}

fn about(entry: &UpstreamEntry, name: &str, left_out: Option<String>) -> String {
    match (entry.function(name), left_out) {
        (Some(found), _) => format!("{name} was found as {} ({})", found.function.origin, found.function.kind),
        (None, Some(rule)) => format!("there is no {name}: {rule}"),
        (None, None) if entry.functions.is_empty() => {
            format!("there is no {name}: no function of the upstream is known")
        }
        (None, None) => {
            format!("there is no {name} among the {} functions that the upstream describes", entry.functions.len())
        }
    }
}

fn meaning(target: &str) -> Meaning<'_> {
    if let Some((scheme, rest)) = target.split_once("://") {
        let secure = scheme.ends_with('s');
        let scheme = if secure { "https" } else { "http" };
        if let Ok(url) = Url::parse(&format!("{scheme}://{rest}")) {
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            return Meaning::Address { host, port: url.port_or_known_default().unwrap_or_default() };
        }
    }
    if let Some((host, port)) = target.rsplit_once(':')
        && !host.contains('/')
        && let Ok(port) = port.parse()
    {
        return Meaning::Address { host: host.trim_matches(['[', ']']).to_ascii_lowercase(), port };
    }
    let (upstream, function) = target.split_once('/').map_or((target, None), |(name, rest)| (name, Some(rest)));
    let (name, namespace) = upstream.split_once('@').map_or((upstream, None), |(name, ns)| (name, Some(ns)));
    Meaning::Upstream { name, namespace, function }
}

fn is_at(snapshot: &Snapshot, entry: &UpstreamEntry, host: &str, port: u16) -> bool {
    let ip: Option<IpAddr> = host.parse().ok();
    let named = entry.upstream.spec.host.as_deref() == Some(host);
    let endpoints = snapshot.endpoints(&entry.upstream.id).into_iter().flat_map(|set| set.all());
    endpoints
        .into_iter()
        .any(|endpoint| endpoint.address.port() == port && (named || Some(endpoint.address.ip().to_canonical()) == ip))
}

#[cfg(test)]
mod tests {
    use catalog::model::{Description, Digest, SourceId, UpstreamSpec};
    use catalog::report::{Finding, Probed};
    use jiff::Timestamp;

    use super::*;
    use crate::testing::Bench;

    #[test]
    fn targets_mean_upstreams_functions_or_addresses() {
        let upstream = |name, namespace, function| Meaning::Upstream { name, namespace, function };
        let address = |host: &str, port| Meaning::Address { host: host.into(), port };
        let check = |target, wanted: Meaning<'_>| assert_eq!(meaning(target), wanted, "{target}");
        check("pets", upstream("pets", None, None));
        check("pets@team", upstream("pets", Some("team"), None));
        check("pets/get-/pets/{id}", upstream("pets", None, Some("get-/pets/{id}")));
        check("lambda/hello:1", upstream("lambda", None, Some("hello:1")));
        check("http://10.0.0.1:8080/openapi.json", address("10.0.0.1", 8080));
        check("https://Pets.test", address("pets.test", 443));
        check("grpc://[::1]:50051", address("::1", 50051));
        check("pets.test:80", address("pets.test", 80));
        check("[::1]:80", address("::1", 80));
    }

    #[tokio::test]
    async fn what_is_known_and_what_is_not_is_explained() {
        let bench = Bench::new().await;
        let id = bench.list("pets", UpstreamSpec::default(), &["127.0.0.1:9"]).await;
        let board = Board::default();
        let source = SourceId::new("static", "resources");
        board.add(&source);
        board.leave_out(&source, [("ghosts in a.yaml:3:7".to_owned(), "spec.static.hosts: has no host".to_owned())]);
        let journal = Journal::default();
        let attempt = Attempt {
            time: Timestamp::now(),
            times: 1,
            kind: None,
            endpoint: "127.0.0.1:9".parse().unwrap(),
            asked: "GET /openapi.json".into(),
            answer: "404".into(),
            took_ms: 1,
        };
        journal.record(&id, attempt);
        let (catalog, outcomes) = (bench.catalog.clone(), Outcomes::default());
        let explainer = Explainer { catalog, namespace: "gloo-system".into(), board, outcomes, journal };

        let by_any_name = ["pets", "pets@gloo-system", id.as_str(), "127.0.0.1:9", "http://127.0.0.1:9/x"];
        for target in by_any_name {
            let why = explainer.why(target);
            assert_eq!((why.upstreams.len(), why.sources.len()), (1, 0), "{target}");
            let pets = &why.upstreams[0];
            assert_eq!((pets.id.as_str(), pets.origin.as_str(), pets.endpoints.len()), (id.as_str(), "static/pets", 1));
            assert_eq!(&*pets.attempts[0].asked, "GET /openapi.json");
        }
        let description = Description { complaints: vec!["GET /a: has no answer".into()], ..Description::default() };
        let finding = Finding::Found {
            description: Box::new(description),
            digest: Digest::of([&b"x"[..]]),
            tls: false,
            hint: None,
        };
        let endpoint = "127.0.0.1:9".parse().unwrap();
        explainer.catalog.probed(Probed { upstream: id, kind: Kind::new("rest"), endpoint, finding }).await.unwrap();
        assert_eq!(explainer.why("pets").upstreams[0].complaints[&Kind::new("rest")], ["GET /a: has no answer"]);
        let function = explainer.why("pets/getPet").upstreams[0].function.clone();
        assert_eq!(function.as_deref(), Some("there is no getPet: no function of the upstream is known"));
        let why = explainer.why("ghosts");
        assert!(why.upstreams.is_empty() && why.sources[0].left_out[0].starts_with("ghosts in a.yaml:3:7: spec."));
        assert!(explainer.why("pets@elsewhere").upstreams.is_empty());
        let source = SourceId::new("static", "");
        explainer.board.add(&source);
        explainer.board.leave_out(&source, [("pets hidden".to_owned(), "a rule".to_owned())]);
        let function = explainer.why("pets/hidden").upstreams[0].function.clone();
        assert_eq!(function.as_deref(), Some("there is no hidden: a rule"));
    }
}
