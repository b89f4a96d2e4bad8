//! What the configuration says of AWS: the section `aws` of `portolan.yaml`. It holds no secret: keys are in files that it names.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use plugins::keyring::Ring;
use serde::{Deserialize, Serialize};
use url::Url;

use super::limits;
use crate::sources::{aws as lambda, ec2};

/// The section as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawAws {
    /// As whom AWS is asked; none means once, as AWS's own tools would.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<RawIdentity>,
    /// Regions of each identity that names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Where all services are, for each identity that names no other place; without one, where AWS has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The source `aws`.
    pub lambda: lambda::RawSettings,
    /// The source `ec2`.
    pub ec2: ec2::RawSettings,
}

/// One identity as it is written. At most one of `profile`, `keyFiles` and `webIdentity`; none means the chain of AWS's own tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawIdentity {
    /// Its name in upstreams' names; empty for one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it is used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// A profile of the files of AWS's tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The file that has the profile, in the form of `~/.aws/credentials`, instead of the usual ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// Files that have one text each, as secrets are mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_files: Option<RawKeyFiles>,
    /// A token of another identity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_identity: Option<RawWebIdentity>,
    /// Roles that are assumed from there, each with the keys of the one before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RawRole>,
    /// Where all services are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Files that hold keys, each one text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawKeyFiles {
    /// The access key's id.
    pub access_key_id: PathBuf,
    /// The secret access key.
    pub secret_access_key: PathBuf,
    /// The session token, of temporary keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<PathBuf>,
}

/// A role that is assumed with a token of another identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawWebIdentity {
    /// Where the token is; it is read anew each time.
    pub token_file: PathBuf,
    /// The role.
    pub role_arn: String,
    /// What the session is called; `portolan` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
}

/// A role that is assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawRole {
    /// The role.
    pub arn: String,
    /// What its owner demands to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What the session is called; `portolan` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
}

/// Where an identity's first keys come from.
#[derive(Clone, Debug, Default)]
pub enum Base {
    /// Variables, profile, SSO, web identity, container, machine: as AWS's own tools look for them.
    #[default]
    Chain,
    /// A profile; of a file of its own where there is one.
    Profile(String, Option<PathBuf>),
    /// Files with one text each.
    Files(RawKeyFiles),
    /// A token of another identity provider.
    WebIdentity(RawWebIdentity),
    /// What somebody else puts on the keyring.
    Ring(Arc<Ring>),
}

/// Why settings are of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A text stands where it cannot.
    #[error("aws.{place}: {fault}")]
    At {
        /// Where.
        place: String,
        /// What is wrong.
        fault: String,
    },
    /// A variable names no place.
    #[error("{0} is no URL that begins with http:// or https://")]
    NoUrl(&'static str),
    /// Nobody says in which region.
    #[error("no region is named: give AWS_REGION, aws.regions or --source {0}=REGION")]
    NoRegion(&'static str),
}

impl SettingsError {
    pub(crate) fn at(place: impl Into<String>, fault: impl Into<String>) -> Self {
        Self::At { place: place.into(), fault: fault.into() }
    }
}

impl RawAws {
    /// Whether it says anything of where or as whom, so that AWS is asked without a flag.
    pub fn asks(&self) -> bool {
        !self.identities.is_empty() || !self.regions.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.identities.len() > limits::IDENTITIES {
            return Err(SettingsError::at("identities", format!("more than {}", limits::IDENTITIES)));
        }
        regions("regions", &self.regions)?;
        self.endpoint.iter().try_for_each(|url| endpoint("endpoint", url))?;
        let mut names = BTreeSet::new();
        for (number, identity) in self.identities.iter().enumerate() {
            let place = format!("identities[{number}]");
            identity.check(&place)?;
            if !names.insert(&identity.name) {
                return Err(SettingsError::at(place, format!("there are two of the name {:?}", identity.name)));
            }
        }
        Ok(())
    }
}

impl RawIdentity {
    fn check(&self, place: &str) -> Result<(), SettingsError> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !self.name.chars().all(is_name) || self.name.len() > 32 {
            let fault = "lower-case letters, digits and -, 32 at most: it stands in the names of upstreams";
            return Err(SettingsError::at(format!("{place}.name"), fault));
        }
        regions(&format!("{place}.regions"), &self.regions)?;
        self.endpoint.iter().try_for_each(|url| endpoint(&format!("{place}.endpoint"), url))?;
        let has_profile = self.profile.is_some() || self.credentials_file.is_some();
        if [has_profile, self.key_files.is_some(), self.web_identity.is_some()].into_iter().filter(|is| *is).count() > 1
        {
            return Err(SettingsError::at(place, "give one of profile, keyFiles and webIdentity"));
        }
        if self.roles.len() > limits::ROLES {
            return Err(SettingsError::at(format!("{place}.roles"), format!("more than {}", limits::ROLES)));
        }
        let roles = self.roles.iter().enumerate().map(|(n, role)| (format!("roles[{n}].arn"), &role.arn));
        let web = self.web_identity.iter().map(|web| ("webIdentity.roleArn".to_owned(), &web.role_arn));
        for (field, arn) in roles.chain(web) {
            if !arn.starts_with("arn:") {
                return Err(SettingsError::at(format!("{place}.{field}"), "an ARN begins with arn:"));
            }
        }
        Ok(())
    }

    pub(super) fn base(&self) -> Base {
        let profile = || self.profile.clone().unwrap_or_else(|| "default".to_owned());
        match (&self.key_files, &self.web_identity) {
            (Some(files), _) => Base::Files(files.clone()),
            (None, Some(web)) => Base::WebIdentity(web.clone()),
            (None, None) if self.profile.is_some() || self.credentials_file.is_some() => {
                Base::Profile(profile(), self.credentials_file.clone())
            }
            (None, None) => Base::Chain,
        }
    }
}

/// Words and a number with `-` between, such as `eu-west-1`. A region becomes part of host names: anything else in it could lead
/// elsewhere.
pub(crate) fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    let Some((number, words)) = words.split_last() else { return false };
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    is_number && words.len() > 1 && words.iter().all(is_word) && text.len() <= 32
}

fn regions(place: &str, regions: &[String]) -> Result<(), SettingsError> {
    if regions.len() > limits::REGIONS {
        return Err(SettingsError::at(place, format!("more than {}", limits::REGIONS)));
    }
    match regions.iter().find(|region| !is_region(region)) {
        Some(region) => Err(SettingsError::at(place, format!("{region:?} is no region, such as eu-west-1"))),
        None => Ok(()),
    }
}

fn endpoint(place: &str, text: &str) -> Result<(), SettingsError> {
    // What was given is not repeated: it may hold a password.
    let url = Url::parse(text).map_err(|error| SettingsError::at(place, error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.username().is_empty() && url.password().is_none() && url.query().is_none() => Ok(()),
        "http" | "https" => Err(SettingsError::at(place, "an endpoint has no user name and no query")),
        _ => Err(SettingsError::at(place, "an endpoint begins with http:// or https://")),
    }
}
