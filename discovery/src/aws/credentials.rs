//! Gets keys: from where AWS's own tools have them, from files, or by assuming roles. Each time anew, so that what was rotated is seen.

use std::path::Path;
use std::time::SystemTime;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::config::SharedHttpClient;
use plugins::keyring::Keys;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use url::form_urlencoded;

use super::call::{Call, Caller, FORM};
use super::endpoint::Variant;
use super::error::told;
use super::settings::{Base, RawKeyFiles, RawRole, RawWebIdentity};
use super::{AwsError, Endpoint, Service, Trouble, limits};

/// What sessions are called where nothing says otherwise; it stands in AWS's own logs.
const SESSION: &str = "portolan";

/// Where keys are asked for.
pub(super) struct Sts<'a> {
    pub(super) caller: &'a Caller,
    /// What AWS's own crate asks with.
    pub(super) http: SharedHttpClient,
    pub(super) region: &'a str,
    pub(super) endpoint: &'a Endpoint,
    pub(super) variant: Variant,
}

/// The keys that `base` has, and with them those of each of `roles` in turn.
pub(super) async fn get(base: &Base, roles: &[RawRole], sts: &Sts<'_>) -> Result<Keys, AwsError> {
    let mut keys = match base {
        Base::Chain => {
            let chain = DefaultCredentialsChain::builder().configure(sts.provider_config());
            provided(&chain.region(Region::new(sts.region.to_owned())).build().await).await?
        }
        Base::Profile(profile, file) => {
            let builder = ProfileFileCredentialsProvider::builder().configure(&sts.provider_config());
            let builder = builder.profile_name(profile);
            let builder = file.iter().fold(builder, |builder, file| builder.profile_files(only(file)));
            provided(&builder.build()).await?
        }
        Base::Files(files) => read(files).await?,
        Base::WebIdentity(web) => sts.with_token(web).await?,
        Base::Ring(ring) => ring.now().as_deref().cloned().ok_or_else(|| no_keys("the keyring has none"))?,
    };
    for role in roles {
        keys = sts.assume(role, &keys).await?;
    }
    Ok(keys)
}

#[expect(deprecated, reason = "the crate that the type moved to is an internal one")]
fn only(file: &Path) -> aws_config::profile::profile_file::ProfileFiles {
    use aws_config::profile::profile_file::{Builder, ProfileFileKind};
    Builder::new().with_file(ProfileFileKind::Credentials, file).build()
}

async fn provided(provider: &impl ProvideCredentials) -> Result<Keys, AwsError> {
    let found: Credentials = provider.provide_credentials().await.map_err(|error| match &error {
        // Its own text is a list of every crate that was asked.
        CredentialsError::CredentialsNotLoaded(_) if told(&error).contains("in chain") => {
            no_keys("neither the environment nor a profile, a web identity, the container or the machine has any")
        }
        error => no_keys(told(error)),
    })?;
    Ok(Keys {
        id: found.access_key_id().to_owned(),
        secret: found.secret_access_key().to_owned(),
        token: found.session_token().map(str::to_owned),
        expires: found.expiry(),
    })
}

async fn read(files: &RawKeyFiles) -> Result<Keys, AwsError> {
    let token = match &files.session_token {
        Some(file) => Some(text(file).await?),
        None => None,
    };
    let (id, secret) = (text(&files.access_key_id).await?, text(&files.secret_access_key).await?);
    Ok(Keys { id, secret, token, expires: None })
}

async fn text(file: &Path) -> Result<String, AwsError> {
    let fail = |text: String| no_keys(format!("{}: {text}", file.display()));
    let open = tokio::fs::File::open(file).await.map_err(|error| fail(error.to_string()))?;
    let mut text = String::new();
    open.take(limits::KEY_FILE).read_to_string(&mut text).await.map_err(|error| fail(error.to_string()))?;
    match text.trim() {
        "" => Err(fail("it is empty".into())),
        text => Ok(text.to_owned()),
    }
}

fn no_keys(text: impl Into<String>) -> AwsError {
    AwsError::new("get keys", Trouble::NoKeys, text)
}

impl Sts<'_> {
    fn provider_config(&self) -> ProviderConfig {
        let region = Region::new(self.region.to_owned());
        // Without a word from the environment the profile's own counts.
        let [fips, dual_stack] = [self.variant.fips, self.variant.dual_stack].map(|is| is.then_some(true));
        let config = ProviderConfig::without_region().with_region(Some(region)).with_http_client(self.http.clone());
        config.with_use_fips(fips).with_use_dual_stack(dual_stack)
    }

    async fn assume(&self, role: &RawRole, keys: &Keys) -> Result<Keys, AwsError> {
        let session = role.session_name.as_deref().unwrap_or(SESSION);
        let mut form = vec![("Action", "AssumeRole"), ("RoleArn", &role.arn), ("RoleSessionName", session)];
        form.extend(role.external_id.as_deref().map(|id| ("ExternalId", id)));
        self.ask(&format!("assume {}", role.arn), &form, Some(keys)).await
    }

    async fn with_token(&self, web: &RawWebIdentity) -> Result<Keys, AwsError> {
        let token = text(&web.token_file).await?;
        let session = web.session_name.as_deref().unwrap_or(SESSION);
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", &web.role_arn),
            ("RoleSessionName", session),
            ("WebIdentityToken", &token),
        ];
        self.ask(&format!("assume {} with a token", web.role_arn), &form, None).await
    }

    async fn ask(&self, act: &str, form: &[(&str, &str)], keys: Option<&Keys>) -> Result<Keys, AwsError> {
        let version = ("Version", "2011-06-15");
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).extend_pairs([version]).finish();
        let signed = keys.map(|keys| (keys, self.region, Service::Sts.name()));
        let call = Call { act, endpoint: self.endpoint, content_type: FORM, target: None, body, signed };
        let answer = self
            .caller
            .post(call)
            .await
            .map_err(|error| AwsError::new("get keys", error.trouble, format!("{act}: {error}")))?;
        // What cannot be read is not repeated: it holds the keys.
        granted(&answer).ok_or_else(|| AwsError::new(act, Trouble::Unreadable, "the answer is not what STS documents"))
    }
}

/// The keys in an answer of STS.
fn granted(answer: &[u8]) -> Option<Keys> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "AssumeRoleResult", alias = "AssumeRoleWithWebIdentityResult")]
        result: Result,
    }
    #[derive(Deserialize)]
    struct Result {
        #[serde(rename = "Credentials")]
        credentials: Granted,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Granted {
        access_key_id: String,
        secret_access_key: String,
        session_token: String,
        expiration: jiff::Timestamp,
    }
    let response: Response = quick_xml::de::from_str(std::str::from_utf8(answer).ok()?).ok()?;
    let granted = response.result.credentials;
    Some(Keys {
        id: granted.access_key_id,
        secret: granted.secret_access_key,
        token: Some(granted.session_token),
        expires: Some(SystemTime::from(granted.expiration)),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_sdk_lambda::config::http::HttpRequest;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    /// Answers nothing, and tells who was asked.
    #[derive(Clone, Debug, Default)]
    struct Asked(std::sync::Arc<Mutex<Vec<String>>>);

    impl HttpConnector for Asked {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.0.lock().unwrap().push(request.uri().to_owned());
            HttpConnectorFuture::ready(Err(ConnectorError::user("nobody is here".into())))
        }
    }

    #[tokio::test]
    async fn roles_of_a_profile_are_assumed_where_our_own_are() {
        let text = "[a]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = b\n\
                    [b]\naws_access_key_id = AKID\naws_secret_access_key = s\n";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        let base = Base::Profile("a".to_owned(), Some(file.path().to_owned()));
        for (fips, dual_stack) in [(true, false), (true, true), (false, true)] {
            let (asked, variant) = (Asked::default(), Variant { fips, dual_stack });
            let connector = SharedHttpConnector::new(asked.clone());
            let http = http_client_fn(move |_, _| connector.clone());
            let (caller, region, endpoint) =
                (Caller::default(), "us-east-1", Endpoint::of(Service::Sts, "us-east-1", variant));
            let sts = Sts { caller: &caller, http, region, endpoint: &endpoint, variant };
            get(&base, &[], &sts).await.unwrap_err();
            assert_eq!(asked.0.lock().unwrap().first(), Some(&format!("{}/", endpoint.url())));
        }
    }
}
