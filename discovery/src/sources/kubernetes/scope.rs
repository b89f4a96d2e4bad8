//! What of a cluster is watched and listed, and what its objects may refer to: the section `kubernetes` of the configuration.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::outside::{self, Hosts};
use super::selector::Selector;

/// Where the keyring never has anything: what has its certificates there is not called.
pub(crate) const NOWHERE: &str = "nowhere";

/// Of which namespaces and Services there are upstreams. Says nothing: of all.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scope {
    /// Only these namespaces are watched, each by itself, so that a Role in each is all that this takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Only of namespaces with such labels.
    #[serde(skip_serializing_if = "Selector::is_empty")]
    pub namespace_selector: Selector,
    /// Only of Services with such labels, and of those that ask for it by Gloo's annotation `gloo.solo.io/discover`.
    #[serde(skip_serializing_if = "Selector::is_empty")]
    pub service_selector: Selector,
    /// The hosts that Services of type ExternalName may point to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_names: Vec<Hosts>,
    /// The namespaces whose Secrets resources of other namespaces may name, too; `*` is each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secret_namespaces: Vec<String>,
    /// The namespaces whose resources may have AWS asked and called as the daemon itself, without a Secret; `*` is each. The namespace of
    /// what is discovered is always one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aws_namespaces: Vec<String>,
    /// The folder of the authorities that resources and annotations may name as files. Without it they may name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_ca_folder: Option<PathBuf>,
}

impl Scope {
    /// The host of an ExternalName, or why it is not called.
    pub(super) fn outside(&self, name: Option<&str>) -> Result<String, String> {
        let host = outside::plain(name.unwrap_or_default());
        match self.external_names.iter().any(|hosts| hosts.have(&host)) {
            true => Ok(host),
            false => Err(format!("is of type ExternalName, and kubernetes.externalNames does not list {host}")),
        }
    }

    /// Whether what is in the namespace `own` may use Secrets of `namespace`; else why not.
    pub(crate) fn secrets_of(&self, namespace: &str, own: &str) -> Result<(), String> {
        match namespace == own || lists(&self.secret_namespaces, namespace) {
            true => Ok(()),
            false => Err(format!(
                "is of another namespace, and kubernetes.secretNamespaces does not list {namespace}: nobody calls it"
            )),
        }
    }

    /// Whether what is in the namespace `own` may use the daemon's own identity in AWS; else why not.
    pub(crate) fn own_aws(&self, own: &str) -> Result<(), String> {
        match lists(&self.aws_namespaces, own) {
            true => Ok(()),
            false => {
                Err(format!("is missing, and kubernetes.awsNamespaces does not list {own}: nobody asks or calls AWS"))
            }
        }
    }

    /// Whether objects may name `file`, which this machine would read; else why not.
    pub(crate) fn root_ca(&self, file: &str) -> Result<(), String> {
        let file = Path::new(file);
        let stays = || !file.components().any(|part| part == Component::ParentDir);
        match &self.root_ca_folder {
            Some(folder) if file.starts_with(folder) && stays() => Ok(()),
            Some(folder) => Err(format!("must be in {}, as kubernetes.rootCaFolder has it", folder.display())),
            None => {
                Err("kubernetes.rootCaFolder names no folder for such files; a Secret with ca.crt needs none".into())
            }
        }
    }

    /// Whether `namespace` is watched at all.
    pub(super) fn watches(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|only| only == namespace)
    }
}

fn lists(namespaces: &[String], namespace: &str) -> bool {
    namespaces.iter().any(|known| known == namespace || known == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(json: &str) -> Scope {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn secrets_are_used_by_their_namespace_and_from_where_the_setting_says() {
        let check = |json: &str, namespace: &str, fine: bool| {
            let said = scope(json).secrets_of(namespace, "shop");
            assert_eq!(said.is_ok(), fine, "{json} {namespace}: {said:?}");
        };
        check("{}", "shop", true);
        check("{}", "sea", false);
        check(r#"{"secretNamespaces": ["sea"]}"#, "sea", true);
        check(r#"{"secretNamespaces": ["sea"]}"#, "shop", true);
        check(r#"{"secretNamespaces": ["sea"]}"#, "lake", false);
        check(r#"{"secretNamespaces": ["*"]}"#, "lake", true);
    }

    #[test]
    fn files_of_authorities_are_in_the_folder_or_nowhere() {
        let check = |json: &str, file: &str, fine: bool| {
            let said = scope(json).root_ca(file);
            assert_eq!(said.is_ok(), fine, "{json} {file}: {said:?}");
        };
        check("{}", "/etc/ssl/ca.pem", false);
        let folder = r#"{"rootCaFolder": "/etc/ca"}"#;
        check(folder, "/etc/ca/mine/ca.pem", true);
        for outside in ["/etc/ca/../shadow", "/etc/cab/ca.pem", "ca.pem", "/proc/self/environ"] {
            check(folder, outside, false);
        }
    }
}
