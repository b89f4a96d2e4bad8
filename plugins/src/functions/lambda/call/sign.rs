//! Signature version 4 of AWS, as calls of functions need it: the same few headers each time, over a path that was encoded once.
//!
//! What changes once a day (the key that a day's signatures are made with) is kept beside the function and replaced without a lock.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::target::Target;
use crate::keyring::{Keys, Ring};
use crate::problem::{Problem, Reason};

/// What signatures are made for.
const SERVICE: &str = "lambda";

/// The seconds of a day: credentials have a scope of one.
const DAY: u64 = 86_400;

static X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Headers that say something to AWS, by their names in lower case and in their order.
pub(super) type Said = &'static [(&'static str, &'static str)];

/// Signs with the newest keys of one ring.
#[derive(Debug)]
pub(super) struct Signer {
    region: String,
    ring: Arc<Ring>,
    today: ArcSwapOption<Today>,
}

/// What one day's signatures with the same keys have in common.
struct Today {
    keys: Arc<Keys>,
    /// Since 1970.
    day: u64,
    /// `20261121`.
    date: String,
    /// `20261121/eu-west-1/lambda/aws4_request`.
    scope: String,
    token: Option<HeaderValue>,
    secret: [u8; 32],
}

impl std::fmt::Debug for Today {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Today").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Signer {
    /// For a region, with the keys of `ring`.
    pub(super) fn new(region: &str, ring: Arc<Ring>) -> Self {
        Self { region: region.to_owned(), ring, today: ArcSwapOption::empty() }
    }

    /// The headers of a `POST` of `payload` at the time `now`: what is `said`, and what signs it.
    pub(super) fn sign(
        &self,
        now: SystemTime,
        target: &Target,
        said: Said,
        payload: &[u8],
    ) -> Result<HeaderMap, Problem> {
        let keys = self.ring.now().filter(|keys| keys.expires.is_none_or(|end| now < end)).ok_or_else(missing)?;
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let known = self.today.load();
        let fresh;
        let today = match known.as_ref() {
            Some(today) if today.day == seconds / DAY && Arc::ptr_eq(&today.keys, &keys) => today,
            _ => {
                fresh = Arc::new(Today::new(keys, seconds / DAY, &self.region)?);
                self.today.store(Some(fresh.clone()));
                &fresh
            }
        };
        let time = today.time(seconds % DAY);
        let mut names = String::from("host;x-amz-date");
        let mut hash = Sha256::new();
        hash.update(&target.canonical);
        hash.update(&time);
        hash.update("\n");
        let token = today.token.as_ref().map(|token| (X_AMZ_SECURITY_TOKEN.as_str(), token.as_bytes()));
        for (name, value) in said.iter().map(|(name, value)| (*name, value.as_bytes())).chain(token) {
            names.push(';');
            names.push_str(name);
            for part in [name.as_bytes(), b":", value, b"\n"] {
                hash.update(part);
            }
        }
        for part in [b"\n", names.as_bytes(), b"\n", &hex(&Sha256::digest(payload))] {
            hash.update(part);
        }
        let hash = hex(&hash.finalize());
        let text = [b"AWS4-HMAC-SHA256\n", time.as_bytes(), b"\n", today.scope.as_bytes(), b"\n", &hash].concat();
        let signature = calculate_signature(today.secret, &text);
        let authorization = [
            "AWS4-HMAC-SHA256 Credential=",
            &today.keys.id,
            "/",
            &today.scope,
            ", SignedHeaders=",
            &names,
            ", Signature=",
            &signature,
        ]
        .concat();
        let mut headers = HeaderMap::with_capacity(8);
        let mut authorization = HeaderValue::try_from(authorization).map_err(|_| missing())?;
        authorization.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, authorization);
        headers.insert(&X_AMZ_DATE, HeaderValue::try_from(time).map_err(|_| missing())?);
        for (name, value) in said {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(token) = &today.token {
            headers.insert(&X_AMZ_SECURITY_TOKEN, token.clone());
        }
        Ok(headers)
    }
}

impl Today {
    fn new(keys: Arc<Keys>, day: u64, region: &str) -> Result<Self, Problem> {
        let begins = i64::try_from(day * DAY).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let date = begins.map(|time| time.strftime("%Y%m%d").to_string()).unwrap_or_default();
        let time = UNIX_EPOCH + std::time::Duration::from_secs(day * DAY);
        let mut secret = [0; 32];
        secret.copy_from_slice(generate_signing_key(&keys.secret, time, region, SERVICE).as_ref());
        let token = keys.token.as_deref().map(HeaderValue::try_from).transpose().map_err(|_| missing())?;
        let token = token.map(|mut token| {
            token.set_sensitive(true);
            token
        });
        let scope = format!("{date}/{region}/{SERVICE}/aws4_request");
        Ok(Self { keys, day, date, scope, token, secret })
    }

    /// `20261121T231901Z`.
    fn time(&self, second: u64) -> String {
        let mut time = String::with_capacity(16);
        time.push_str(&self.date);
        time.push('T');
        for part in [second / 3600, second / 60 % 60, second % 60] {
            time.push(char::from(b'0' + (part / 10) as u8));
            time.push(char::from(b'0' + (part % 10) as u8));
        }
        time.push('Z');
        time
    }
}

/// No keys, none that hold, or what cannot be keys. Says nothing of them.
fn missing() -> Problem {
    Problem::new(Reason::NoCredentials, "no keys that hold are known for the AWS identity of this upstream")
}

fn hex(bytes: &[u8]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}
