//! AWS on loopback, saying what a test wants.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Aws, Place, RawAws};
use crate::fetch::testing::{Server, head};

/// A call as it came.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Came {
    /// What is in the form under `name`.
    pub(crate) fn form(&self, name: &str) -> String {
        let found = url::form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    /// A part of the credential that the call is signed with: 0 its id, 2 the region, 3 the service.
    pub(crate) fn credential(&self, part: usize) -> String {
        let found = self.head.split("Credential=").nth(1).and_then(|rest| rest.split(',').next());
        found.and_then(|credential| credential.split('/').nth(part)).unwrap_or_default().to_owned()
    }
}

/// Answers each call with what `answer` says: a whole HTTP/1.1 message.
pub(crate) async fn server(answer: impl Fn(&Came) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = Arc::new(answer);
    Server::start(move |mut stream| {
        let answer = answer.clone();
        async move {
            while let Some(came) = came(&mut stream).await {
                if stream.write_all(&answer(&came)).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// The next call on a connection.
pub(crate) async fn came(stream: &mut TcpStream) -> Option<Came> {
    let head = head(stream).await?;
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(Came { head, body: String::from_utf8_lossy(&body).into_owned() })
}

/// The places of a section `aws` (of the default one where it is empty), all at `server`, with keys from a file of the test data where it names none.
pub(crate) fn places(server: &Server, section: &str) -> Vec<Place> {
    let mut raw: RawAws = serde_saphyr::from_str(if section.is_empty() { DEFAULT } else { section }).unwrap();
    raw.endpoint = Some(format!("http://{}", server.address));
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/aws/credentials");
    for identity in &mut raw.identities {
        if identity.key_files.is_none() && identity.web_identity.is_none() {
            identity.credentials_file.get_or_insert_with(|| keys.into());
        }
    }
    Aws::new(raw).unwrap().places("ec2", &[], |_| None).unwrap()
}

const DEFAULT: &str = "{identities: [{regions: [eu-west-1]}]}";
