//! Upstreams that are written down, and of which a cloud lists the rest: the Lambda functions of an account and region, instances of EC2.
//!
//! Stands between what writes them down and `hosts`, for sources that have resources. Promises that what asks for the same place as the
//! same identity is read once; that a place which fails, for which there is no room, or whose Secret is not there, keeps what it listed
//! last, of an earlier run too, and says why (`Failing`); that other keys in a Secret are used for the next call; and that nothing is asked
//! for what nobody writes down any more. A resource that says no more than what the source `aws` lists anyway *is* that upstream, by its
//! name.

mod dress;
mod limits;
mod poll;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use catalog::model::UpstreamSpec;
use futures_util::stream::BoxStream;
use plugins::Keyring;
use tokio::sync::watch;

use self::dress::Dresser;
use self::poll::Pollers;
use super::aws::{self as lambda, Given};
use super::ec2::{self, Chosen};
use super::hosts::{self, Like, Lookup, Target, Written};
use crate::aws::{self, Aws, Place, SettingsError, Who};
use crate::eligibility::{self, Rules};
use crate::registry::Settings;
use crate::{Reports, SourceError};

/// What of an upstream a cloud lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cloud {
    /// As whom.
    pub(crate) who: Who,
    /// Where.
    pub(crate) region: String,
    /// What.
    pub(crate) what: What,
}

/// What is listed there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// Functions of Lambda, and those of them that are named.
    Functions(Vec<Given>),
    /// Instances of EC2, as hosts.
    Instances(Chosen),
}

/// What is to be said of upstreams: why their places cannot be read now, or what of them has no effect. By their keys.
pub(crate) type Failing = BTreeMap<Arc<str>, String>;

/// How clouds are asked. Cheap to clone; every clone asks as the same identities.
#[derive(Clone)]
pub struct Clouds {
    aws: Aws,
    environment: Option<fn(&str) -> Option<String>>,
    keyring: Keyring,
    rules: Rules,
    /// The namespace of what is discovered.
    namespace: Arc<str>,
    functions: lambda::Settings,
    interval: Duration,
    /// The regions that the source `aws` lists as the daemon itself.
    listed: Arc<[String]>,
}

#[cfg(test)]
impl Default for Clouds {
    fn default() -> Self {
        Self::new(&Settings::default()).expect("nothing is asked for")
    }
}

impl Clouds {
    /// As `settings` say. Asks nobody.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let places = aws::asked(settings, "aws")?.places;
        let own = places.into_iter().filter(|place| place.identity.name().is_empty());
        Ok(Self {
            aws: settings.aws.clone(),
            environment: settings.environment,
            keyring: settings.keyring.clone(),
            rules: settings.rules.clone(),
            namespace: settings.namespace.as_str().into(),
            functions: lambda::Settings::new(&settings.aws.raw().lambda)?,
            interval: ec2::Settings::new(&settings.aws.raw().ec2)?.interval,
            listed: own.map(|place| place.region).collect(),
        })
    }

    /// Where secrets go.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The namespace of what is discovered.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn place(&self, cloud: &Cloud) -> Result<Place, SettingsError> {
        let variable = |name: &str| self.environment.and_then(|of| of(name)).filter(|value| !value.is_empty());
        self.aws.place(&cloud.who, &cloud.region, &self.keyring, variable)
    }

    /// The upstream of the source `aws` that `target` is by its name, where it asks for nothing else; and what its user may not expect.
    fn discovered(&self, target: &Target, cloud: &Cloud) -> (Option<Like>, Option<String>) {
        let What::Functions(given) = &cloud.what else { return (None, None) };
        let name = lambda::named("", &cloud.region);
        let is_it = cloud.who == Who::default()
            && target.name == name
            && target.namespace.as_deref().is_none_or(|namespace| namespace == &*self.namespace)
            && self.listed.contains(&cloud.region);
        if !is_it {
            return (None, None);
        }
        if given.iter().any(Given::names) {
            let warning =
                format!("has lambdaFunctions, and so is not {name} of the source aws but an upstream of its own");
            return (None, Some(warning));
        }
        let warning = eligibility::own_no(&target.spec).map(|rule| {
            format!("{rule}, which has no effect: it is {name} of the source aws, which lists its functions")
        });
        let like = Like {
            kind: "aws".into(),
            instance: None,
            key: cloud.region.as_str().into(),
            name,
            with: Vec::new(),
            without: Vec::new(),
        };
        (Some(like), warning)
    }

    /// How the functions of `target` are listed.
    fn settings(&self, reports: &Reports, target: &Target) -> lambda::Settings {
        let namespace = target.namespace.as_deref().unwrap_or(&self.namespace);
        let spec: &UpstreamSpec = &target.spec;
        self.functions.clone().under(&self.rules, reports.source(), namespace, spec)
    }
}

/// The Secrets whose keys clouds are asked with.
pub(crate) struct Secrets<'a> {
    /// Says when there may be other keys on the keyring.
    pub(crate) changes: BoxStream<'a, ()>,
    /// Whether one, by its name there, has not been looked at yet.
    pub(crate) is_awaited: Box<dyn Fn(&str) -> bool + Send + Sync + 'a>,
}

/// Lists what is `written`, as [`hosts::keep`] does, and what clouds have of it. The first list waits a little for each cloud's first word.
pub(crate) async fn keep<'a>(
    reports: &'a Reports,
    lookup: Lookup,
    clouds: &'a Clouds,
    written: BoxStream<'a, Result<Written, SourceError>>,
    secrets: Secrets<'a>,
    failing: watch::Sender<Arc<Failing>>,
) -> Result<Infallible, SourceError> {
    let (pollers, found) = Pollers::new(reports.clone(), clouds.interval);
    let (dresser, wanted) = Dresser::new(reports, clouds, written, found, failing);
    tokio::select! {
        ended = Box::pin(hosts::keep(reports, lookup, dresser.written())) => ended,
        ended = Box::pin(pollers.keep(wanted, secrets)) => ended,
    }
}
