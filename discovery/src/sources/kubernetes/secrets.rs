//! Secrets that objects refer to, each watched by its name, so that a right to read those alone is enough. What they hold goes to the
//! keyring and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use k8s_openapi::api::core::v1;
use kube::runtime::watcher;
use kube::{Api, Client};
use plugins::{Certificate, Keyring, Keys};
use serde::Deserialize;
use tokio::sync::watch as channel;
use tokio_stream::{StreamExt, StreamMap};

use super::limits;
use super::told;

/// A Secret, by namespace and name.
pub(in crate::sources) type SecretName = (String, String);

/// What is known of each Secret: that it is there, or why nothing of it can be used.
pub(in crate::sources) type Known = BTreeMap<SecretName, Result<(), String>>;

/// The watches of all Secrets that are wanted.
pub(in crate::sources) struct Secrets {
    pub(in crate::sources) client: Client,
    pub(in crate::sources) config: watcher::Config,
    pub(in crate::sources) keyring: Keyring,
    /// What their names on the keyring begin with.
    pub(in crate::sources) prefix: Arc<str>,
    pub(in crate::sources) known: channel::Sender<Arc<Known>>,
}

/// What a watch of one says: what is there, or why that is not known.
type Said = Result<Option<v1::Secret>, String>;

impl Secrets {
    /// Watches what is `wanted`, whatever that is by then.
    pub(in crate::sources) async fn keep(self, mut wanted: channel::Receiver<Arc<BTreeSet<SecretName>>>) -> Infallible {
        let mut watches: StreamMap<SecretName, BoxStream<'static, Said>> = StreamMap::new();
        wanted.mark_changed();
        loop {
            tokio::select! {
                Ok(()) = wanted.changed() => {
                    let names = wanted.borrow_and_update().clone();
                    self.watch_only(&names, &mut watches);
                }
                Some((name, said)) = watches.next() => self.take(name, said),
                else => std::future::pending().await,
            }
        }
    }

    fn watch_only(&self, names: &BTreeSet<SecretName>, watches: &mut StreamMap<SecretName, BoxStream<'static, Said>>) {
        let dropped: Vec<_> = watches.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in dropped {
            watches.remove(&name);
            self.put(&name, None);
            self.know(|known| _ = known.remove(&name));
        }
        for name in names {
            if watches.contains_key(name) {
                continue;
            }
            if watches.len() >= limits::SECRETS {
                let reason = format!("more than {} Secrets are not watched", limits::SECRETS);
                self.know(|known| _ = known.insert(name.clone(), Err(reason)));
                continue;
            }
            watches.insert(name.clone(), self.watch(name));
        }
    }

    fn watch(&self, (namespace, name): &SecretName) -> BoxStream<'static, Said> {
        told::one(Api::namespaced(self.client.clone(), namespace), self.config.clone(), name)
    }

    fn take(&self, name: SecretName, said: Said) {
        let known = match said {
            Ok(Some(secret)) => match Held::read(&secret) {
                Ok(held) => {
                    self.put(&name, Some(held));
                    Ok(())
                }
                // What was read before is used on, as with a resource that is refused.
                Err(fault) => Err(fault),
            },
            Ok(None) => {
                self.put(&name, None);
                Err("there is no such Secret".to_owned())
            }
            // What was read before is used on.
            Err(cause) if self.known.borrow().get(&name).is_some_and(Result::is_ok) => {
                return tracing::warn!(namespace = name.0, secret = name.1, %cause, "kubernetes.secret_not_watched");
            }
            Err(cause) => Err(cause),
        };
        self.know(|all| _ = all.insert(name, known));
    }

    fn know(&self, change: impl FnOnce(&mut Known)) {
        self.known.send_modify(|known| change(Arc::make_mut(known)));
    }

    fn put(&self, (namespace, name): &SecretName, held: Option<Held>) {
        let name = format!("{}/{namespace}/{name}", self.prefix);
        let (certificate, keys) = held.map(|held| (held.certificate, held.keys)).unwrap_or_default();
        self.keyring.certificates().place(&name).put(certificate);
        self.keyring.ring(&format!("aws/{name}")).put(keys);
    }
}

/// What a Secret holds that is of use.
#[derive(Default)]
struct Held {
    certificate: Option<Certificate>,
    keys: Option<Keys>,
}

/// How Gloo wrote a certificate into one part of a Secret once.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct GlooTls {
    cert_chain: Option<String>,
    private_key: Option<String>,
    root_ca: Option<String>,
}

/// How Gloo wrote AWS credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GlooAws {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

impl Held {
    fn read(secret: &v1::Secret) -> Result<Self, String> {
        let data = secret.data.as_ref();
        let part = |name: &str| data?.get(name).map(|part| part.0.as_slice()).filter(|part| !part.is_empty());
        let text = |name: &str| Some(String::from_utf8_lossy(part(name)?).trim().to_owned());
        if let (Some(id), Some(key)) = (text("aws_access_key_id"), text("aws_secret_access_key")) {
            let keys = Keys { id, secret: key, token: text("aws_session_token"), expires: None };
            return Ok(Self { keys: Some(keys), ..Self::default() });
        }
        // The causes could quote what is in there.
        if let Some(aws) = part("aws") {
            let aws: GlooAws = serde_saphyr::from_slice(aws).map_err(|_| "aws: cannot be read".to_owned())?;
            let keys = Keys { id: aws.access_key, secret: aws.secret_key, token: aws.session_token, expires: None };
            return Ok(Self { keys: Some(keys), ..Self::default() });
        }
        let gloo: GlooTls = match part("tls") {
            Some(tls) => serde_saphyr::from_slice(tls).map_err(|_| "tls: cannot be read".to_owned())?,
            None => GlooTls::default(),
        };
        let or = |name: &str, gloo: &Option<String>| {
            part(name).map(<[u8]>::to_vec).or_else(|| gloo.clone().map(String::into_bytes))
        };
        let [chain, key, authorities] =
            [("tls.crt", &gloo.cert_chain), ("tls.key", &gloo.private_key), ("ca.crt", &gloo.root_ca)]
                .map(|(name, gloo)| or(name, gloo));
        let read = Certificate::read(chain.as_deref(), key.as_deref(), authorities.as_deref());
        Ok(Self { certificate: Some(read.map_err(|fault| fault.to_string())?), ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn check(parts: &[(&str, &str)], wanted: &str) {
        let data =
            parts.iter().map(|(name, text)| ((*name).to_owned(), ByteString(text.as_bytes().to_vec()))).collect();
        let got = match Held::read(&v1::Secret { data: Some(data), ..v1::Secret::default() }) {
            Ok(held) => {
                let keys = held.keys.map(|keys| format!("{} {} {:?}", keys.id, keys.secret, keys.token));
                format!("{} {}", keys.unwrap_or("-".into()), held.certificate.is_some())
            }
            Err(fault) => fault,
        };
        assert_eq!(got, wanted);
        assert!(!got.contains("hidden"));
    }

    #[test]
    fn secrets_are_read_as_kubernetes_and_gloo_write_them() {
        let certificate = include_str!("../../../../plugins/testdata/cert.pem");
        check(&[("aws_access_key_id", "id"), ("aws_secret_access_key", "key\n")], "id key None false");
        check(&[("aws", "accessKey: id\nsecretKey: key\nsessionToken: t\n")], "id key Some(\"t\") false");
        check(&[("ca.crt", certificate)], "- true");
        let indented = certificate.lines().map(|line| format!("  {line}\n")).collect::<String>();
        check(&[("tls", &format!("rootCa: |\n{indented}"))], "- true");
        check(&[("aws", "accessKey: hidden")], "aws: cannot be read");
        check(&[("tls.key", "hidden")], "tls.crt: is missing");
        check(&[], "data: has none of tls.crt, tls.key and ca.crt");
    }
}
