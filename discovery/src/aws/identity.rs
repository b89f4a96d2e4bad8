//! As whom AWS is asked: keys, got anew before they end.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_lambda::config::SharedHttpClient;
use plugins::keyring::{Keys, Ring};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::call::Caller;
use super::credentials::{self, Sts};
use super::endpoint::Variant;
use super::settings::{Base, RawRole};
use super::{AwsError, Endpoint, Pace, Trouble, limits, sdk};
use crate::backoff::jitter;

/// An identity. Inert until its keys are asked for.
pub struct Identity {
    pub(super) name: String,
    pub(super) base: Base,
    pub(super) roles: Vec<RawRole>,
    /// Where it assumes roles.
    pub(super) region: String,
    pub(super) sts: Endpoint,
    pub(super) variant: Variant,
    pub(super) caller: Caller,
    http: OnceLock<SharedHttpClient>,
    kept: Mutex<Kept>,
    /// Held by whoever gets keys.
    renewal: tokio::sync::Mutex<()>,
    paces: Mutex<BTreeMap<String, Arc<Pace>>>,
    doubts: Notify,
}

/// The keys of now.
#[derive(Default)]
struct Kept {
    keys: Option<Arc<Keys>>,
    /// Those of the keyring that they were made of, where they were.
    of: Option<Arc<Keys>>,
    /// When to get them anew; `None`: at once.
    due: Option<Instant>,
    got: Option<Instant>,
    failures: u32,
    error: Option<AwsError>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Identity {
    pub(super) fn new(
        name: String,
        base: Base,
        roles: Vec<RawRole>,
        region: String,
        sts: Endpoint,
        variant: Variant,
    ) -> Self {
        Self {
            name,
            base,
            roles,
            region,
            sts,
            variant,
            caller: Caller::default(),
            http: OnceLock::new(),
            kept: Mutex::default(),
            renewal: tokio::sync::Mutex::default(),
            paces: Mutex::default(),
            doubts: Notify::new(),
        }
    }

    /// Its configured name; empty for the default one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keys of now. One of those who ask gets them anew when it is time; the others wait for it only where the last ones have ended.
    pub async fn keys(&self) -> Result<Arc<Keys>, AwsError> {
        self.kept().follow(&self.base);
        if self.kept().is_due() {
            let good = self.kept().good();
            let turn = match (self.renewal.try_lock(), good) {
                (Ok(turn), _) => turn,
                (Err(_), Some(keys)) => return Ok(keys),
                (Err(_), None) => self.renewal.lock().await,
            };
            // Somebody may have got them meanwhile, or put others in their place.
            self.kept().follow(&self.base);
            if self.kept().is_due() {
                while !self.renew().await {}
            }
            drop(turn);
        }
        let kept = self.kept();
        let nothing = || AwsError::new("get keys", Trouble::NoKeys, "there are none");
        kept.good().ok_or_else(|| kept.error.clone().unwrap_or_else(nothing))
    }

    /// Gets keys anew. Returns whether that counts: what was made of keys that somebody replaced meanwhile does not.
    async fn renew(&self) -> bool {
        let of = self.kept().of.clone();
        let (http, variant) = (self.http(), self.variant);
        let sts = Sts { caller: &self.caller, http, region: &self.region, endpoint: &self.sts, variant };
        let got = timeout(limits::KEYS, credentials::get(&self.base, &self.roles, &sts)).await;
        let got = got.unwrap_or_else(|_| Err(AwsError::new("get keys", Trouble::Away, "nobody answers in time")));
        let (now, mut kept) = (Instant::now(), self.kept());
        kept.follow(&self.base);
        if kept.of != of {
            return false;
        }
        match got {
            Ok(keys) => {
                kept.due = Some(now + renewal(keys.expires));
                (kept.keys, kept.got, kept.failures, kept.error) = (Some(Arc::new(keys)), Some(now), 0, None);
            }
            Err(error) => {
                kept.failures += 1;
                let wait = limits::KEYS_BACKOFF.wait(kept.failures);
                // Without good ones whoever asked tells of it.
                if kept.good().is_some() {
                    tracing::warn!(identity = %self.name, %error, ?wait, "aws.keys_not_renewed");
                }
                (kept.due, kept.error) = (Some(now + wait), Some(error));
            }
        }
        true
    }

    /// AWS refused the keys: they are got anew, but not more often than is good for anybody. Where that failed, it has its own time.
    pub fn doubt(&self) {
        let mut kept = self.kept();
        let soon = kept.got.filter(|_| kept.failures == 0).map(|got| got + limits::DOUBTED);
        if soon.is_some() && soon < kept.due {
            kept.due = soon;
            self.doubts.notify_waiters();
        }
    }

    /// Keeps the newest keys on `ring` for ever; takes them from there when they have ended.
    pub async fn keep(&self, ring: &Ring) -> Infallible {
        loop {
            let doubted = self.doubts.notified();
            let keys = self.keys().await.ok();
            ring.put(keys.as_deref().cloned());
            tokio::select! {
                () = sleep_until(self.next()) => {}
                () = doubted => {}
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When to look at the keys again. While others get them it is past the time for that.
    pub(super) fn next(&self) -> Instant {
        let (now, kept) = (Instant::now(), self.kept());
        let due = kept.due.filter(|due| *due > now).unwrap_or(now + limits::RENEWING);
        let ends = kept.good().and_then(|keys| keys.expires).map(|end| now + remaining(end));
        ends.map_or(due, |ends| due.min(ends)).max(now + Duration::from_millis(1))
    }

    /// How fast it may ask in `region`; the same for all who ask.
    pub fn pace(&self, region: &str) -> Arc<Pace> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.entry(region.to_owned()).or_default().clone()
    }

    pub(super) fn http(&self) -> SharedHttpClient {
        self.http.get_or_init(sdk::http_client).clone()
    }
}

impl Kept {
    /// Whoever replaces keys on the keyring wants nothing of the ones before any more, nor of what was made of them.
    fn follow(&mut self, base: &Base) {
        let Base::Ring(ring) = base else { return };
        let of = ring.now();
        if of != self.of {
            *self = Self { of, ..Self::default() };
        }
    }

    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= Instant::now())
    }

    fn good(&self) -> Option<Arc<Keys>> {
        let has_ended = |keys: &Keys| keys.expires.is_some_and(|end| end <= SystemTime::now());
        self.keys.clone().filter(|keys| !has_ended(keys))
    }
}

/// How long until keys that end then are got anew.
fn renewal(expires: Option<SystemTime>) -> Duration {
    let Some(left) = expires.map(remaining) else { return jitter(limits::READ_AGAIN) };
    // Keys of a short life are renewed after two thirds of it.
    let early = limits::BEFORE_THE_END.min(left / 3);
    left.saturating_sub(jitter(early))
}

fn remaining(end: SystemTime) -> Duration {
    end.duration_since(SystemTime::now()).unwrap_or_default()
}

/// For AWS's own crates.
#[derive(Clone, Debug)]
pub(super) struct Provider(pub(super) Arc<Identity>);

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let keys = self.0.keys().await.map_err(CredentialsError::provider_error)?;
            Ok(Credentials::new(keys.id.clone(), keys.secret.clone(), keys.token.clone(), keys.expires, "portolan"))
        })
    }
}
