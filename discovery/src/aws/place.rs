//! Where AWS is asked: each identity in each of its regions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use serde::{Serialize, Serializer};
use url::form_urlencoded;

use super::call::{Call, FORM, JSON};
use super::endpoint::Variant;
use super::identity::Provider;
use super::settings::is_region;
use super::{AwsError, Endpoint, Identity, Lane, Pace, RawAws, RawIdentity, Service, SettingsError, Trouble};
use super::{limits, profile};

/// Which of AWS is watched: what the configuration says, completed by the environment. Cheap to clone; every clone has the same
/// identities, so that keys are got once and calls are paced together.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    raw: Arc<RawAws>,
    identities: Arc<Mutex<BTreeMap<String, Arc<Identity>>>>,
}

/// One identity in one region.
#[derive(Clone, Debug)]
pub struct Place {
    /// Who.
    pub identity: Arc<Identity>,
    /// Where.
    pub region: String,
    /// How fast; the same for all who ask there as that identity.
    pub pace: Arc<Pace>,
    /// Where each service is, where a setting or a variable says so.
    endpoints: Endpoints,
}

/// What names other places for services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Endpoints {
    all: Option<Endpoint>,
    own: Vec<(Service, Endpoint)>,
    variant: Variant,
}

impl Serialize for Aws {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl Aws {
    /// What a configuration says, if it can be meant.
    pub fn new(raw: RawAws) -> Result<Self, SettingsError> {
        raw.check()?;
        Ok(Self { raw: Arc::new(raw), identities: Arc::default() })
    }

    /// What the configuration says.
    pub fn raw(&self) -> &RawAws {
        &self.raw
    }

    /// Every identity in each of its regions: those that are `asked` for by a flag go before the identity's own, these before
    /// `aws.regions`, these before what the environment and the profile say. `kind` is the source that wants to know.
    pub fn places(
        &self,
        kind: &'static str,
        asked: &[String],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<Place>, SettingsError> {
        if let Some(odd) = asked.iter().find(|region| !is_region(region)) {
            return Err(SettingsError::at("regions", format!("{odd:?} is no region, such as eu-west-1")));
        }
        let usual = [RawIdentity::default()];
        let identities = if self.raw.identities.is_empty() { &usual[..] } else { &self.raw.identities };
        let mut places = Vec::new();
        for raw in identities {
            let profile = profile::read(raw.profile.as_deref(), &variable);
            let lists = [asked, &raw.regions, &self.raw.regions];
            let regions = match lists.into_iter().find(|regions| !regions.is_empty()) {
                Some(regions) => regions.to_vec(),
                None => vec![of_environment(&profile, raw.profile.is_some(), &variable, kind)?],
            };
            let endpoints = Endpoints::of(raw, &self.raw, &profile, &variable)?;
            let identity = self.identity(raw, regions.first().map_or("us-east-1", String::as_str), &endpoints);
            for region in &regions {
                let known = |place: &Place| place.region == *region && place.identity.name == raw.name;
                if !places.iter().any(known) {
                    let (identity, endpoints, pace) = (identity.clone(), endpoints.clone(), identity.pace(region));
                    places.push(Place { identity, region: region.clone(), pace, endpoints });
                }
            }
        }
        Ok(places)
    }

    fn identity(&self, raw: &RawIdentity, region: &str, endpoints: &Endpoints) -> Arc<Identity> {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let sts = endpoints.of_service(Service::Sts, region);
            let (name, roles) = (raw.name.clone(), raw.roles.clone());
            Arc::new(Identity::new(name, raw.base(), roles, region.to_owned(), sts, endpoints.variant))
        };
        identities.entry(raw.name.clone()).or_insert_with(new).clone()
    }
}

fn of_environment(
    profile: &profile::Profile,
    is_named: bool,
    variable: impl Fn(&str) -> Option<String>,
    kind: &'static str,
) -> Result<String, SettingsError> {
    let usual = || variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    // A profile that is named says more than the environment around it.
    let region = match is_named {
        true => profile.region.clone().or_else(usual),
        false => usual().or_else(|| profile.region.clone()),
    };
    let region = region.ok_or(SettingsError::NoRegion(kind))?;
    match is_region(&region) {
        true => Ok(region),
        false => Err(SettingsError::at("regions", format!("{region:?} is no region, such as eu-west-1"))),
    }
}

impl Endpoints {
    fn of(
        raw: &RawIdentity,
        all: &RawAws,
        profile: &profile::Profile,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let given = raw.endpoint.as_ref().or(all.endpoint.as_ref()).and_then(|url| Endpoint::at(url));
        let is_set = |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let variant =
            Variant { fips: is_set("AWS_USE_FIPS_ENDPOINT"), dual_stack: is_set("AWS_USE_DUALSTACK_ENDPOINT") };
        if given.is_some() || is_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            return Ok(Self { all: given, own: Vec::new(), variant });
        }
        // One that cannot be meant must not lead to AWS itself.
        let named = |name: &'static str| {
            let url = variable(name);
            url.map(|url| Endpoint::at(&url).ok_or(SettingsError::NoUrl(name))).transpose()
        };
        let all = match named("AWS_ENDPOINT_URL")? {
            Some(all) => Some(all),
            None => profile.endpoint.as_ref().and_then(|url| Endpoint::at(url)),
        };
        let mut own = Vec::new();
        for service in [Service::Lambda, Service::Ec2, Service::Tagging, Service::Sts] {
            own.extend(named(service.variable())?.map(|endpoint| (service, endpoint)));
        }
        Ok(Self { all, own, variant })
    }

    fn of_service(&self, service: Service, region: &str) -> Endpoint {
        let own = self.own.iter().find(|(of, _)| *of == service).map(|(_, endpoint)| endpoint);
        own.or(self.all.as_ref()).cloned().unwrap_or_else(|| Endpoint::of(service, region, self.variant))
    }
}

impl Place {
    /// For people, and the key of what is there: `eu-west-1`, `prod/eu-west-1`.
    pub fn name(&self) -> String {
        match self.identity.name() {
            "" => self.region.clone(),
            identity => format!("{identity}/{}", self.region),
        }
    }

    /// Where `service` is.
    pub fn endpoint(&self, service: Service) -> Endpoint {
        self.endpoints.of_service(service, &self.region)
    }

    /// The configuration of one of AWS's own clients: this identity's keys, no retries of its own, and time limits.
    pub fn sdk(&self, service: Service) -> SdkConfig {
        let timeouts = TimeoutConfig::builder().connect_timeout(limits::CONNECT).operation_timeout(limits::ANSWER);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .endpoint_url(self.endpoint(service).url())
            .http_client(self.identity.http())
            .credentials_provider(SharedCredentialsProvider::new(Provider(self.identity.clone())))
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .build()
    }

    /// A call of a Query API, in its turn: an action with its parameters. The answer is XML.
    pub async fn query(&self, service: Service, action: &str, parameters: &[(&str, &str)]) -> Result<Bytes, AwsError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .extend_pairs(parameters)
            .finish();
        self.call(Lane::Fast, service, action, FORM, None, form).await
    }

    /// A call of a JSON service, in its turn: its target, such as `ResourceGroupsTaggingAPI_20170126.GetResources`.
    pub async fn json(&self, lane: Lane, service: Service, target: &str, body: String) -> Result<Bytes, AwsError> {
        let action = target.rsplit('.').next().unwrap_or_default();
        self.call(lane, service, action, JSON, Some(target), body).await
    }

    async fn call(
        &self,
        lane: Lane,
        service: Service,
        action: &str,
        content_type: &'static str,
        target: Option<&str>,
        body: String,
    ) -> Result<Bytes, AwsError> {
        let keys = self.identity.keys().await?;
        self.pace.turn(lane).await;
        let (act, endpoint) = (format!("{}:{action} in {}", service.name(), self.region), self.endpoint(service));
        let signed = Some((&*keys, &*self.region, service.name()));
        let call = Call { act: &act, endpoint: &endpoint, content_type, target, body, signed };
        let answer = self.identity.caller.post(call).await;
        self.learn(answer.as_ref().err().map(|error| error.trouble));
        answer
    }

    /// What came of a call, however it was made: throttles slow down all who ask, keys that are refused are got anew.
    pub fn learn(&self, trouble: Option<Trouble>) {
        self.pace.answered(trouble == Some(Trouble::Throttled));
        if trouble == Some(Trouble::BadKeys) {
            self.identity.doubt();
        }
    }
}
