//! What one Secret holds, as Kubernetes and Gloo write it.

use k8s_openapi::api::core::v1;
use plugins::{Certificate, Keys};
use serde::Deserialize;

/// Why a Secret is of no use that has nothing of what is looked for.
const NEITHER: &str = "has neither aws_access_key_id and aws_secret_access_key nor any of tls.crt, tls.key and ca.crt";

/// What a Secret holds that is of use.
pub(super) enum Held {
    /// For TLS.
    Certificate(Certificate),
    /// Of AWS.
    Keys(Keys),
}

/// Which of both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sources) enum Holds {
    Certificate,
    Keys,
}

impl Holds {
    /// What is wrong with a Secret of which that is `known`, where it is to hold this.
    pub(in crate::sources) fn lacks(self, known: &Result<Self, String>) -> Option<String> {
        match known {
            Ok(holds) if *holds == self => None,
            Ok(Self::Keys) => Some("holds keys of AWS, and none of tls.crt, tls.key and ca.crt".to_owned()),
            Ok(Self::Certificate) => {
                Some("holds a certificate, and no keys of AWS: aws_access_key_id, aws_secret_access_key".to_owned())
            }
            Err(fault) => Some(fault.clone()),
        }
    }
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
    pub(super) fn holds(&self) -> Holds {
        match self {
            Self::Certificate(_) => Holds::Certificate,
            Self::Keys(_) => Holds::Keys,
        }
    }

    pub(super) fn parts(self) -> (Option<Certificate>, Option<Keys>) {
        match self {
            Self::Certificate(certificate) => (Some(certificate), None),
            Self::Keys(keys) => (None, Some(keys)),
        }
    }

    /// Reads what `secret` holds, as Kubernetes and Gloo write it.
    pub(super) fn read(secret: &v1::Secret) -> Result<Self, String> {
        let data = secret.data.as_ref();
        let part = |name: &str| data?.get(name).map(|part| part.0.as_slice()).filter(|part| !part.is_empty());
        let text = |name: &str| Some(String::from_utf8_lossy(part(name)?).trim().to_owned());
        if let (Some(id), Some(key)) = (text("aws_access_key_id"), text("aws_secret_access_key")) {
            return Ok(Self::Keys(Keys { id, secret: key, token: text("aws_session_token"), expires: None }));
        }
        // The causes could quote what is in there.
        if let Some(aws) = part("aws") {
            let aws: GlooAws = serde_saphyr::from_slice(aws).map_err(|_| "aws: cannot be read".to_owned())?;
            let GlooAws { access_key: id, secret_key: secret, session_token: token } = aws;
            return Ok(Self::Keys(Keys { id, secret, token, expires: None }));
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
        if [&chain, &key, &authorities].into_iter().all(Option::is_none) {
            return Err(NEITHER.to_owned());
        }
        let read = Certificate::read(chain.as_deref(), key.as_deref(), authorities.as_deref());
        read.map(Self::Certificate).map_err(|fault| fault.to_string())
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
            Ok(Held::Keys(keys)) => format!("{} {} {:?}", keys.id, keys.secret, keys.token),
            Ok(Held::Certificate(_)) => "a certificate".to_owned(),
            Err(fault) => fault,
        };
        assert_eq!(got, wanted);
        assert!(!got.contains("hidden"));
    }

    #[test]
    fn secrets_are_read_as_kubernetes_and_gloo_write_them() {
        let certificate = include_str!("../../../../plugins/testdata/cert.pem");
        check(&[("aws_access_key_id", "id"), ("aws_secret_access_key", "key\n")], "id key None");
        check(&[("aws", "accessKey: id\nsecretKey: key\nsessionToken: t\n")], "id key Some(\"t\")");
        check(&[("ca.crt", certificate)], "a certificate");
        let indented = certificate.lines().map(|line| format!("  {line}\n")).collect::<String>();
        check(&[("tls", &format!("rootCa: |\n{indented}"))], "a certificate");
        check(&[("aws", "accessKey: hidden")], "aws: cannot be read");
        check(&[("tls.key", "hidden")], "tls.crt: is missing");
        check(&[], NEITHER);
        check(&[("aws_access_key_id", "id"), ("aws_secret_acces_key", "hidden")], NEITHER);
    }
}
