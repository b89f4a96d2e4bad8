//! Calls of Lambda's control plane in one place: each in its turn, its failures told apart.

use std::collections::BTreeMap;
use std::error::Error;

use aws_sdk_lambda::Client as Sdk;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use serde_json::json;

use super::filter::Tags;
use super::limits;
use super::map::{self, Alias, Configuration, TaggedPage, Url};
use crate::aws::{AwsError, Lane, Place, Service, Trouble, told};

/// Asks in one place.
pub(super) struct Client {
    place: Place,
    sdk: Sdk,
}

impl Client {
    /// Opens nothing before the first call.
    pub(super) fn new(place: Place) -> Self {
        let sdk = Sdk::new(&place.sdk(Service::Lambda));
        Self { place, sdk }
    }

    /// All functions.
    pub(super) async fn functions(&self) -> Result<Vec<Configuration>, AwsError> {
        const ACTION: &str = "ListFunctions";
        let page = |marker: Option<String>| async move {
            let call = || self.sdk.list_functions().max_items(limits::PER_PAGE).set_marker(marker.clone()).send();
            let page = self.ask(Lane::Fast, ACTION, call).await?;
            let page = page.ok_or_else(|| self.error(ACTION, Trouble::Refused, "there is no such thing"))?;
            Ok((page.functions.into_iter().flatten().filter_map(map::configuration).collect(), page.next_marker))
        };
        self.pages(ACTION, page).await
    }

    /// The published versions of a function; one that has just gone has none.
    pub(super) async fn versions(&self, lane: Lane, function: &str) -> Result<Vec<Configuration>, AwsError> {
        const ACTION: &str = "ListVersionsByFunction";
        let page = |marker: Option<String>| async move {
            let call = || {
                let call = self.sdk.list_versions_by_function().function_name(function);
                call.max_items(limits::PER_PAGE).set_marker(marker.clone()).send()
            };
            let Some(page) = self.ask(lane, ACTION, call).await? else { return Ok(Default::default()) };
            let versions = page.versions.into_iter().flatten().filter_map(map::configuration);
            Ok((versions.filter(|version| version.version != "$LATEST").collect(), page.next_marker))
        };
        self.pages(ACTION, page).await
    }

    /// The aliases of a function; one that has just gone has none.
    pub(super) async fn aliases(&self, lane: Lane, function: &str) -> Result<Vec<Alias>, AwsError> {
        const ACTION: &str = "ListAliases";
        let page = |marker: Option<String>| async move {
            let call = || {
                let call = self.sdk.list_aliases().function_name(function);
                call.max_items(limits::PER_PAGE).set_marker(marker.clone()).send()
            };
            let Some(page) = self.ask(lane, ACTION, call).await? else { return Ok(Default::default()) };
            Ok((page.aliases.into_iter().flatten().filter_map(map::alias).collect(), page.next_marker))
        };
        self.pages(ACTION, page).await
    }

    /// The URL of a function, or of an alias of it, where it has one.
    pub(super) async fn url(&self, lane: Lane, function: &str, alias: Option<&str>) -> Result<Option<Url>, AwsError> {
        let call = || {
            let call = self.sdk.get_function_url_config().function_name(function);
            call.set_qualifier(alias.map(str::to_owned)).send()
        };
        Ok(self.ask(lane, "GetFunctionUrlConfig", call).await?.map(map::url))
    }

    /// The tags of one function.
    pub(super) async fn tags(&self, lane: Lane, arn: &str) -> Result<Tags, AwsError> {
        let answer = self.ask(lane, "ListTags", || self.sdk.list_tags().resource(arn).send()).await?;
        Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
    }

    /// The tags of all functions that have some, by their ARN.
    pub(super) async fn all_tags(&self) -> Result<BTreeMap<String, Tags>, AwsError> {
        const TARGET: &str = "ResourceGroupsTaggingAPI_20170126.GetResources";
        let page = |token: Option<String>| async move {
            let ask = json!({
                "ResourceTypeFilters": ["lambda:function"],
                "ResourcesPerPage": limits::TAGGED_PER_PAGE,
                "PaginationToken": token.unwrap_or_default(),
            });
            let answer = patiently(|| self.place.json(Lane::Fast, Service::Tagging, TARGET, ask.to_string())).await?;
            let page: TaggedPage = serde_json::from_slice(&answer)
                .map_err(|error| self.error("GetResources", Trouble::Unreadable, error.to_string()))?;
            Ok((page.resource_tag_mapping_list, Some(page.pagination_token)))
        };
        let tagged = self.pages("GetResources", page).await?;
        Ok(tagged.into_iter().map(map::Tagged::tags).collect())
    }

    /// What is on all pages of a list, each asked for with what the one before names; half a list is none.
    async fn pages<T, F>(&self, action: &str, page: impl Fn(Option<String>) -> F) -> Result<Vec<T>, AwsError>
    where
        F: Future<Output = Result<(Vec<T>, Option<String>), AwsError>>,
    {
        let (mut all, mut marker) = (Vec::new(), None);
        for _ in 0..limits::PAGES {
            let (items, next) = page(marker).await?;
            all.extend(items);
            marker = next.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
        let text = format!("the list has more than {} pages", limits::PAGES);
        Err(self.error(action, Trouble::Unreadable, text))
    }

    /// Makes a call, again where it was throttled. `None`: what it asks about is not there.
    async fn ask<T, E, F>(&self, lane: Lane, action: &str, call: impl Fn() -> F) -> Result<Option<T>, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: Error + ProvideErrorMetadata + 'static,
    {
        patiently(|| self.once(lane, action, &call)).await
    }

    /// Makes a call in its turn.
    async fn once<T, E, F>(&self, lane: Lane, action: &str, call: &impl Fn() -> F) -> Result<Option<T>, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: Error + ProvideErrorMetadata + 'static,
    {
        // First, so that nobody waits for a turn who has no keys, and the reason is told as it is.
        self.place.identity.keys().await?;
        self.place.pace.turn(lane).await;
        let answer = match call().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(self.of_sdk(action, error)),
        };
        self.place.learn(answer.as_ref().err().map(|error| error.trouble));
        answer
    }

    fn of_sdk<E: Error + ProvideErrorMetadata + 'static>(
        &self,
        action: &str,
        error: SdkError<E, HttpResponse>,
    ) -> AwsError {
        let act = self.act(action);
        match &error {
            SdkError::ServiceError(answer) => {
                let (code, message) = (answer.err().code(), answer.err().message());
                let status = answer.raw().status().as_u16();
                AwsError::answered(act, status, code.unwrap_or_default(), message.unwrap_or_default())
            }
            SdkError::ResponseError(_) => AwsError::new(act, Trouble::Unreadable, told(&error)),
            _ => AwsError::new(act, Trouble::Away, told(&error)),
        }
    }

    fn error(&self, action: &str, trouble: Trouble, text: impl Into<String>) -> AwsError {
        AwsError::new(self.act(action), trouble, text)
    }

    fn act(&self, action: &str) -> String {
        let service = if action == "GetResources" { "tag" } else { "lambda" };
        format!("{service}:{action} in {}", self.place.region)
    }
}

/// Makes a call again where it was throttled.
async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    for _ in 0..limits::THROTTLED_AGAIN {
        match call().await {
            Err(error) if error.trouble == Trouble::Throttled => {}
            answer => return answer,
        }
    }
    call().await
}
