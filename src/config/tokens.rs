//! The tokens: who may change the catalog, who may look, who may call. They are kept in files, so that no command line and no
//! configuration shows them, and are never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;

/// Where the tokens are kept.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenFiles {
    /// The token that may do everything through the admin address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// The token that may look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin_read_token_file: Option<PathBuf>,
    /// The call token.
    #[serde(skip)]
    pub(crate) call: Option<PathBuf>,
}

/// All tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    /// Those of the admin address.
    pub(crate) admin: AdminTokens,
    /// The call token.
    pub(crate) call: Option<Secret>,
}

/// The admin address's tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct AdminTokens {
    /// May do everything.
    pub(crate) write: Option<Secret>,
    /// May look. There is none without the other: without that one everybody may do everything.
    pub(crate) read: Option<Secret>,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl TokenFiles {
    /// Reads them. A file that is named and cannot be read, or holds nothing, is an error.
    pub(crate) fn read(&self) -> anyhow::Result<Tokens> {
        let admin = AdminTokens {
            write: self.admin_token_file.as_deref().map(token).transpose()?,
            read: self.admin_read_token_file.as_deref().map(token).transpose()?,
        };
        if admin.read.is_some() && admin.write.is_none() {
            bail!(
                "--admin-read-token-file needs --admin-token-file: without that, whoever reaches the admin address may do everything"
            );
        }
        Ok(Tokens { admin, call: self.call.as_deref().map(token).transpose()? })
    }
}

fn token(file: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read the token in {}", file.display()))?;
    match text.trim() {
        "" => bail!("the token file {} is empty", file.display()),
        token => Ok(Secret(token.to_owned())),
    }
}
