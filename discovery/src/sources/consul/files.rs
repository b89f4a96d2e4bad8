//! What the settings name by file: the token, the authorities, the client's certificate. Read at the start of each run, so that a
//! rotated file is taken up by the next one. Errors name files and never repeat what stands in them.

use std::path::Path;

use http::{HeaderMap, HeaderValue};
use reqwest::{Certificate, Identity};

use super::error::chain;
use super::settings::{Settings, TlsFiles};

/// The headers that say who asks. A token file goes before a token, as with Consul's tools.
pub(super) async fn credentials(settings: &Settings) -> Result<HeaderMap, String> {
    let secret = |text: &str| -> Result<HeaderValue, String> {
        let mut value = HeaderValue::from_str(text).map_err(|_| "it holds control characters".to_owned())?;
        value.set_sensitive(true);
        Ok(value)
    };
    let mut headers = HeaderMap::new();
    if let Some(token) = &settings.token {
        headers.insert("x-consul-token", secret(token.reveal())?);
    }
    if let Some(path) = &settings.token_file {
        let text = tokio::fs::read_to_string(path).await.map_err(|e| format!("{}: {e}", path.display()))?;
        if !text.trim().is_empty() {
            headers.insert("x-consul-token", secret(text.trim())?);
        }
    }
    Ok(headers)
}

/// Puts the certificates of `files` into `builder`. A file of authorities goes before a folder, as with Consul's tools.
pub(super) async fn tls(
    mut builder: reqwest::ClientBuilder,
    files: &TlsFiles,
) -> Result<reqwest::ClientBuilder, String> {
    let mut authorities = Vec::new();
    if let Some(path) = &files.ca {
        authorities.push(path.clone());
    } else if let Some(folder) = &files.ca_folder {
        let unreadable = |e| format!("{}: {e}", folder.display());
        let mut entries = tokio::fs::read_dir(folder).await.map_err(unreadable)?;
        while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
            if tokio::fs::metadata(entry.path()).await.is_ok_and(|m| m.is_file()) {
                authorities.push(entry.path());
            }
        }
    }
    if !authorities.is_empty() {
        let mut roots = Vec::new();
        for path in &authorities {
            let pem = read(path).await?;
            roots.extend(Certificate::from_pem_bundle(&pem).map_err(|e| format!("{}: {}", path.display(), chain(&e)))?);
        }
        builder = builder.tls_certs_only(roots);
    }
    if let (Some(certificate), Some(key)) = (&files.certificate, &files.key) {
        let mut pem = read(certificate).await?;
        pem.push(b'\n');
        pem.extend(read(key).await?);
        // The error may repeat the file's content: only its place is told.
        let identity = Identity::from_pem(&pem)
            .map_err(|_| format!("{} and {} are no certificate and key", certificate.display(), key.display()))?;
        builder = builder.identity(identity);
    }
    Ok(builder.tls_danger_accept_invalid_certs(files.accept_any))
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|e| format!("{}: {e}", path.display()))
}
