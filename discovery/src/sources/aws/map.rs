//! From AWS's words to ours.

use aws_sdk_lambda::operation::get_function_url_config::GetFunctionUrlConfigOutput;
use aws_sdk_lambda::types::{AliasConfiguration, FunctionConfiguration, InvokeMode};
use jiff::Timestamp;
use serde::Deserialize;

use super::filter::Tags;

/// A function's newest code, or one of its versions.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Configuration {
    /// Without a qualifier.
    pub(super) arn: String,
    pub(super) name: String,
    /// `$LATEST`, `1`.
    pub(super) version: String,
    pub(super) description: Option<String>,
    /// In seconds.
    pub(super) timeout: Option<u32>,
    /// In MiB.
    pub(super) memory: Option<u32>,
    pub(super) runtime: Option<String>,
    /// As RFC 3339 has it.
    pub(super) last_modified: Option<String>,
    /// Another one after each change.
    pub(super) revision: String,
}

/// An alias of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Alias {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: Option<String>,
}

/// A URL that AWS itself has given a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Url {
    pub(super) url: String,
    pub(super) streaming: bool,
}

/// What is listed; `None` where it has no name.
pub(super) fn configuration(listed: FunctionConfiguration) -> Option<Configuration> {
    let name = listed.function_name?;
    let arn = listed.function_arn?;
    let version = listed.version.unwrap_or_else(|| "$LATEST".to_owned());
    // A version's own name in AWS ends in it.
    let arn = arn.strip_suffix(&format!(":{version}")).unwrap_or(&arn).to_owned();
    let last_modified = listed.last_modified;
    Some(Configuration {
        arn,
        name,
        version,
        description: listed.description.filter(|text| !text.is_empty()),
        timeout: listed.timeout.and_then(|seconds| u32::try_from(seconds).ok()),
        memory: listed.memory_size.and_then(|size| u32::try_from(size).ok()),
        runtime: listed.runtime.map(|runtime| runtime.as_str().to_owned()),
        revision: format!(
            "{} {}",
            listed.revision_id.unwrap_or_default(),
            last_modified.as_deref().unwrap_or_default()
        ),
        last_modified: last_modified.as_deref().and_then(rfc_3339),
    })
}

/// Lambda writes `2026-01-01T00:00:00.000+0000`, without a colon.
fn rfc_3339(text: &str) -> Option<String> {
    let read = text.parse().or_else(|_| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text));
    read.ok().map(|at: Timestamp| at.to_string())
}

pub(super) fn alias(listed: AliasConfiguration) -> Option<Alias> {
    Some(Alias {
        name: listed.name?,
        version: listed.function_version.unwrap_or_default(),
        description: listed.description.filter(|text| !text.is_empty()),
    })
}

pub(super) fn url(answer: GetFunctionUrlConfigOutput) -> Url {
    Url { streaming: answer.invoke_mode == Some(InvokeMode::ResponseStream), url: answer.function_url }
}

/// A page of the tagging service's `GetResources`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(super) struct TaggedPage {
    /// Empty on the last page.
    pub(super) pagination_token: String,
    pub(super) resource_tag_mapping_list: Vec<Tagged>,
}

/// One resource with its tags.
#[derive(Deserialize)]
pub(super) struct Tagged {
    #[serde(rename = "ResourceARN")]
    pub(super) arn: String,
    #[serde(rename = "Tags", default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl Tagged {
    /// As a map.
    pub(super) fn tags(self) -> (String, Tags) {
        (self.arn, self.tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::rfc_3339;

    #[test]
    fn times_are_as_rfc_3339_has_them() {
        let check = |text: &str, read: Option<&str>| assert_eq!(rfc_3339(text).as_deref(), read, "{text}");
        check("2026-01-01T00:00:00.000+0000", Some("2026-01-01T00:00:00Z"));
        check("2026-01-01T00:00:00.250+0000", Some("2026-01-01T00:00:00.25Z"));
        check("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00Z"));
        check("yesterday", None);
    }
}
