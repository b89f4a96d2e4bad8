//! Lambda's control plane on loopback, as tests want it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::limits::ANSWER_BYTES;
use crate::aws::testing::{Came, server};
use crate::fetch::testing::{Server, reply};

/// Functions on a page: few, so that there are pages.
const PAGE: usize = 3;

/// One function.
#[derive(Clone, Default)]
pub(crate) struct Function {
    pub(crate) revision: u32,
    pub(crate) versions: Vec<&'static str>,
    /// Each with its version.
    pub(crate) aliases: Vec<(&'static str, &'static str)>,
    /// Whose URL streams: the function itself under the empty name, or aliases.
    pub(crate) urls: Vec<&'static str>,
    pub(crate) tags: Vec<(&'static str, &'static str)>,
}

/// What there is, by region, and what was asked.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) regions: BTreeMap<&'static str, BTreeMap<String, Function>>,
    /// What AWS answers instead: by a call's function, its page, the call or the region, status and code.
    pub(crate) refused: BTreeMap<&'static str, (u16, &'static str)>,
    /// Whether lists are longer than anything is read.
    pub(crate) endless: bool,
    /// Region, call, when.
    pub(crate) calls: Vec<(String, String, Instant)>,
}

/// The fake, and its server.
pub(crate) struct Fake {
    world: Arc<Mutex<World>>,
    pub(crate) server: Server,
}

impl Fake {
    pub(crate) async fn start(regions: &[&'static str]) -> Self {
        let all = regions.iter().map(|region| (*region, BTreeMap::new())).collect();
        let world = Arc::new(Mutex::new(World { regions: all, ..World::default() }));
        let shared = world.clone();
        let server = server(move |came| shared.lock().unwrap().answer(came)).await;
        Self { world, server }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn put(&self, region: &'static str, name: &str, function: Function) {
        self.world().regions.get_mut(region).unwrap().insert(name.to_owned(), function);
    }

    /// How often a call was made.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.world().calls.iter().filter(|(_, call, _)| call == action).count()
    }
}

pub(crate) fn arn(region: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:123456789012:function:{name}")
}

impl World {
    fn answer(&mut self, came: &Came) -> Vec<u8> {
        let region = came.credential(2);
        let target = came.head.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let action = match parts.as_slice() {
            [_, "functions"] => "ListFunctions",
            [_, "functions", _, "versions"] => "ListVersionsByFunction",
            [_, "functions", _, "aliases"] => "ListAliases",
            [_, "functions", _, "url"] => "GetFunctionUrlConfig",
            [_, "tags", ..] => "ListTags",
            _ => "GetResources",
        };
        self.calls.push((region.clone(), action.to_owned(), Instant::now()));
        let marker = parameter(query, "Marker").or_else(|| token(&came.body));
        let page = marker.and_then(|marker| marker.parse().ok()).unwrap_or(0);
        let odd = format!("{action} {page}");
        let subject = if action == "ListTags" { parts.last() } else { parts.get(2) }.copied().unwrap_or_default();
        let subject = subject.rsplit(':').next().and_then(|name| name.rsplit("%3A").next()).unwrap_or_default();
        let single = format!("{action} {subject}");
        if let Some((status, code)) =
            [&*single, &*odd, action, &region].into_iter().find_map(|part| self.refused.get(part).copied())
        {
            let headers = format!("x-amzn-errortype: {code}\r\nContent-Type: application/json\r\n");
            return reply(status, &headers, json!({"__type": code, "message": "no"}).to_string());
        }
        let functions = self.regions.get(region.as_str()).cloned().unwrap_or_default();
        let function = parts.get(2).and_then(|name| functions.get(*name)).cloned().unwrap_or_default();
        let answer = match action {
            "ListFunctions" => {
                let all = functions.iter().map(|(name, f)| configuration(&region, name, "$LATEST", f.revision));
                let (listed, next) = paged(all, page);
                json!({"Functions": listed, "NextMarker": next})
            }
            "ListVersionsByFunction" => {
                let name = parts[2];
                let versions = ["$LATEST"].iter().chain(&function.versions);
                let (listed, next) = paged(versions.map(|v| configuration(&region, name, v, function.revision)), page);
                json!({"Versions": listed, "NextMarker": next})
            }
            "ListAliases" => {
                let alias = |(alias, version): &(&str, &str)| {
                    json!({
                    "AliasArn": format!("{}:{alias}", arn(&region, parts[2])), "Name": alias, "FunctionVersion": version,
                    "Description": format!("{alias} of {}", parts[2])})
                };
                let (listed, next) = paged(function.aliases.iter().map(alias), page);
                json!({"Aliases": listed, "NextMarker": next})
            }
            "GetFunctionUrlConfig" => {
                let alias = parameter(query, "Qualifier").unwrap_or_default();
                if !function.urls.contains(&&*alias) {
                    let headers = "x-amzn-errortype: ResourceNotFoundException\r\n";
                    return reply(404, headers, json!({"Message": "there is none"}).to_string());
                }
                json!({"FunctionUrl": format!("https://{alias}x.lambda-url.test/"), "FunctionArn": arn(&region, parts[2]),
                       "AuthType": "AWS_IAM", "CreationTime": "2026-01-01T00:00:00Z",
                       "LastModifiedTime": "2026-01-01T00:00:00Z", "InvokeMode": "RESPONSE_STREAM"})
            }
            "ListTags" => {
                let name = path.rsplit(['/', ':']).next().unwrap_or_default().rsplit("%3A").next().unwrap_or_default();
                let tags: BTreeMap<_, _> =
                    functions.get(name).map(|f| f.tags.clone()).unwrap_or_default().into_iter().collect();
                json!({"Tags": tags})
            }
            _ => {
                let tagged = functions.iter().filter(|(_, function)| !function.tags.is_empty());
                let mapping = |(name, function): (&String, &Function)| {
                    let tags = function.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
                    json!({"ResourceARN": arn(&region, name), "Tags": tags.collect::<Vec<_>>()})
                };
                let (listed, next) = paged(tagged.map(mapping), page);
                json!({"PaginationToken": next.unwrap_or_default(), "ResourceTagMappingList": listed})
            }
        };
        let padding = if self.endless { " ".repeat(ANSWER_BYTES) } else { String::new() };
        reply(200, "Content-Type: application/json\r\n", answer.to_string() + &padding)
    }
}

/// What is on the page that begins at `from`, and where the next one does.
fn paged(all: impl Iterator<Item = Value>, from: usize) -> (Vec<Value>, Option<String>) {
    let mut rest = all.skip(from);
    let listed = rest.by_ref().take(PAGE).collect();
    (listed, rest.next().map(|_| (from + PAGE).to_string()))
}

fn token(body: &str) -> Option<String> {
    let asked: Value = serde_json::from_str(body).ok()?;
    Some(asked["PaginationToken"].as_str()?.to_owned())
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

fn configuration(region: &str, name: &str, version: &str, revision: u32) -> Value {
    let qualified = if version == "$LATEST" { String::new() } else { format!(":{version}") };
    json!({"FunctionName": name, "FunctionArn": format!("{}{qualified}", arn(region, name)), "Version": version,
           "Description": format!("revision {revision}"), "Timeout": 30, "MemorySize": 128, "Runtime": "python3.13",
           "LastModified": "2026-01-01T00:00:00.000+0000", "RevisionId": format!("{revision}")})
}
