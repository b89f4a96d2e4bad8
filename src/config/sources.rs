//! Which sources run: those that are named, else those that the environment names as their own tools read it.

use std::fmt;

use anyhow::bail;
use serde::{Serialize, Serializer};

/// A source to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SourceChoice {
    /// A Consul agent; without an address the one that the environment names, else the local one.
    Consul(Option<String>),
}

impl fmt::Display for SourceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consul(None) => f.write_str("consul"),
            Self::Consul(Some(address)) => write!(f, "consul={address}"),
        }
    }
}

impl Serialize for SourceChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What runs, and what was looked for and does not run, for the start-up table.
pub(super) fn choose(
    asked: &[String],
    environment: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<(Vec<SourceChoice>, Vec<String>)> {
    if asked.is_empty() {
        return Ok(match environment("CONSUL_HTTP_ADDR").filter(|a| !a.is_empty()) {
            Some(_) => (vec![SourceChoice::Consul(None)], vec![]),
            None => {
                (vec![], vec!["consul: CONSUL_HTTP_ADDR is not set; --source consul[=ADDRESS] starts it".to_owned()])
            }
        });
    }
    let mut chosen = Vec::new();
    for text in asked {
        let (kind, address) = match text.split_once('=') {
            Some((kind, address)) => (kind, Some(address.to_owned()).filter(|a| !a.is_empty())),
            None => (text.as_str(), None),
        };
        match kind {
            "none" if asked.len() == 1 => {}
            "none" => bail!("--source none starts nothing and goes with no other --source"),
            "consul" => chosen.push(SourceChoice::Consul(address)),
            other => bail!("--source {other}: there is no such source; there are: consul, none"),
        }
    }
    let twice = (1..chosen.len()).find(|&n| chosen[..n].contains(&chosen[n]));
    if let Some(n) = twice {
        bail!("--source {} is given twice", chosen[n]);
    }
    Ok((chosen, vec![]))
}
