//! Whether function URLs are open, and the call token.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};

/// Who may call function URLs.
#[derive(Clone, Debug, Default)]
pub enum Config {
    /// Nothing was said: open on loopback listeners, closed on others.
    #[default]
    Loopback,
    /// Everybody that reaches the listener.
    Open,
    /// Whoever knows the token, on loopback listeners too.
    Token(Token),
}

/// The call token, kept as its digest: it can be compared and not be shown. Its clones change with it.
#[derive(Clone)]
pub struct Token(Arc<ArcSwap<[u8; 32]>>);

impl Token {
    /// The token `text`; surrounding white space (a file's last line end) is no part of it.
    pub fn new(text: &str) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(digest(text))))
    }

    /// Makes `text` the token, from the next request on.
    pub fn replace(&self, text: &str) {
        self.0.store(Arc::new(digest(text)));
    }

    /// Whether `given` is the token. The digests have one length and are compared to their end, so that the time taken tells nothing.
    pub fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.load().iter().zip(given).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.trim().as_bytes()).into()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}
