//! Where AWS is asked: each identity in each of its regions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use plugins::Keyring;
use serde::{Serialize, Serializer};
use url::form_urlencoded;

use super::call::{Call, FORM, JSON};
use super::endpoint::Variant;
use super::identity::Provider;
use super::settings::is_region;
use super::{
    AwsError, Base, Endpoint, Identity, Lane, Pace, RawAws, RawIdentity, RawRole, Service, SettingsError, Trouble,
};
use super::{limits, profile};

/// Which of AWS is watched: what the configuration says, completed by the environment. Cheap to clone; every clone has the same
/// identities, so that keys are got once and calls are paced together.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    raw: Arc<RawAws>,
    /// Those that somebody asks as.
    identities: Arc<Mutex<BTreeMap<String, Weak<Identity>>>>,
}

/// As whom a resource wants AWS to be asked.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Who {
    /// The name on the keyring of a Secret's keys; without one the daemon's own are meant.
    pub(crate) secret: Option<String>,
    /// The role that is assumed with them.
    pub(crate) role: Option<String>,
}

impl Who {
    /// Its identity's name, which no identity of the configuration can have; empty for the daemon's own.
    pub(crate) fn name(&self) -> String {
        [&self.secret, &self.role].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
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
            let region = regions.first().map_or("us-east-1", String::as_str);
            let (name, roles, sts) = (raw.name.clone(), raw.roles.clone(), endpoints.of_service(Service::Sts, region));
            let identity =
                self.identity(Identity::new(name, raw.base(), roles, region.to_owned(), sts, endpoints.variant));
            for region in &regions {
                let known = |place: &Place| place.region == *region && place.identity.name == raw.name;
                if !places.iter().any(known) {
                    places.push(Place::new(identity.clone(), region, endpoints.clone()));
                }
            }
        }
        Ok(places)
    }

    /// Where a resource says: in `region`, as `who`.
    pub(crate) fn place(
        &self,
        who: &Who,
        region: &str,
        keyring: &Keyring,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Place, SettingsError> {
        if !is_region(region) {
            return Err(SettingsError::at("region", format!("{region:?} is no region, such as eu-west-1")));
        }
        let own = self.raw.identities.iter().find(|raw| raw.name.is_empty() && who.secret.is_none());
        let usual = RawIdentity::default();
        let raw = own.unwrap_or(&usual);
        let base =
            who.secret.as_ref().map_or_else(|| raw.base(), |secret| Base::Ring(keyring.ring(&format!("aws/{secret}"))));
        let role = |arn: &String| RawRole { arn: arn.clone(), external_id: None, session_name: None };
        let roles = raw.roles.iter().cloned().chain(who.role.as_ref().map(role)).collect();
        let profile = profile::read(raw.profile.as_deref(), &variable);
        let endpoints = Endpoints::of(raw, &self.raw, &profile, &variable)?;
        let sts = endpoints.of_service(Service::Sts, region);
        let identity = self.identity(Identity::new(who.name(), base, roles, region.to_owned(), sts, endpoints.variant));
        Ok(Place::new(identity, region, endpoints))
    }

    /// The identity called as `new` is that somebody asks as already, else `new`.
    fn identity(&self, new: Identity) -> Arc<Identity> {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = identities.get(&new.name).and_then(Weak::upgrade) {
            return known;
        }
        identities.retain(|_, identity| identity.strong_count() > 0);
        let new = Arc::new(new);
        identities.insert(new.name.clone(), Arc::downgrade(&new));
        new
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
    fn new(identity: Arc<Identity>, region: &str, endpoints: Endpoints) -> Self {
        let pace = identity.pace(region);
        Self { identity, region: region.to_owned(), pace, endpoints }
    }

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
