//! What SIGHUP reads again: the tokens, the admin address's certificate and key, and the resources. All from the paths that were
//! in force at the start; the configuration itself is read at a start alone.

use plugins::filters::access::Token;
use tokio::sync::watch;

use crate::admin::Keys;
use crate::config::Config;

/// Whoever holds what can be read again.
pub(crate) struct Reload {
    config: Config,
    keys: watch::Sender<Keys>,
    call: Option<Token>,
    resources: watch::Sender<()>,
}

impl Reload {
    /// For the daemon of this configuration, whose admin address has these keys.
    pub(crate) fn new(config: &Config, keys: watch::Sender<Keys>) -> Self {
        let call = config.tokens.call.as_ref().map(|token| Token::new(&token.0));
        Self { config: config.clone(), keys, call, resources: watch::Sender::new(()) }
    }

    /// The call token, which changes where it is kept.
    pub(crate) fn call_token(&self) -> Option<Token> {
        self.call.clone()
    }

    /// Changes when the resources are to be read again.
    pub(crate) fn resources(&self) -> watch::Receiver<()> {
        self.resources.subscribe()
    }

    /// Reads all of it again. Where a token or a certificate is wrong, all of them stay as they are.
    pub(crate) fn run(&self) {
        self.resources.send_replace(());
        match self.secrets() {
            Ok(()) => tracing::info!("daemon.reloaded"),
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "daemon.reload_failed: tokens and certificates stay as they were"
            ),
        }
    }

    fn secrets(&self) -> anyhow::Result<()> {
        let tokens = self.config.token_files.read()?;
        self.keys.send_replace(Keys::new(&self.config, tokens.admin)?);
        if let (Some(token), Some(call)) = (&self.call, tokens.call) {
            token.replace(&call.0);
        }
        Ok(())
    }
}
