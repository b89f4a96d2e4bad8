//! The base path that a document gives: the path of its first server.

use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::paths::Site;
use super::tree::{Object, Version};
use super::{Reader, short_text};

impl<'a> Reader<'a> {
    /// The path of the first of the operation's nearest servers (its own, its path item's, the document's), resolved, without a
    /// trailing `/`; `None` where there are none.
    pub(super) fn base_path(&mut self, site: &Site<'a>, operation: &Object<'a>) -> Option<String> {
        if self.tree.version == Version::V2 {
            let path = self.tree.top("basePath")?;
            return trimmed(&format!("/{}", path.as_str()?.trim_matches('/')));
        }
        let document = self.tree.top.clone();
        let nearest = [operation, &*site.item, &*document].into_iter().filter_map(|holder| holder.get("servers"));
        nearest.map(|raw| self.first_server(raw)).find(Option::is_some).flatten()
    }

    fn first_server(&mut self, raw: &RawValue) -> Option<String> {
        let servers = self.tree.value(raw).ok()?;
        path_of(&filled(servers.get(0)?), self.tree.location)
    }
}

/// The URL template of `server` with its variables' defaults. A variable without one is left out: what the publisher did not know
/// (mostly the host) is not ours to guess.
fn filled(server: &Value) -> String {
    let template = server.get("url").and_then(short_text).unwrap_or_default();
    let mut url = String::with_capacity(template.len());
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        let variable = &server["variables"][name];
        let value = short_text(&variable["default"]).or_else(|| short_text(&variable["enum"][0]));
        url.push_str(before);
        url.push_str(&value.unwrap_or_default());
        rest = after;
    }
    url.push_str(rest);
    url
}

/// The path of `url`. Whatever host it names is of no concern, so that hosts may be of any form; an empty URL names no server.
fn path_of(url: &str, location: &Url) -> Option<String> {
    let url = url.trim();
    let after_host = match (url.find("://"), url.strip_prefix("//")) {
        (Some(at), _) => Some(&url[at + 3..]),
        (None, after) => after.or_else(|| url.split('/').next().filter(|first| is_host(first)).map(|_| url)),
    };
    let path = match after_host {
        Some(rest) => rest.find(['/', '?', '#']).map_or("/", |at| &rest[at..]),
        None if url.is_empty() => return None,
        None => url,
    };
    trimmed(location.join(path).ok()?.path())
}

/// Whether the first segment of a URL without a scheme is a host: it has a dot, and after the last one letters only.
fn is_host(segment: &str) -> bool {
    let name = segment.split(':').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(before, last)| {
        !before.trim_matches('.').is_empty() && last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

fn trimmed(path: &str) -> Option<String> {
    Some(path.trim_end_matches('/').to_owned())
}
