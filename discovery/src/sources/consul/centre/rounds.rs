//! When a round of reads begins: soon after it is wanted, but never so often that reading takes much of the agent's time.

use tokio::time::Instant;

use super::super::limits;

/// The pace of the rounds of one data centre.
#[derive(Default, Debug)]
pub(super) struct Rounds {
    wanted: bool,
    began: Option<Instant>,
    /// Not before.
    rested: Option<Instant>,
}

impl Rounds {
    /// Something may have changed that only a round can find.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// When the next round begins; `None` while one runs or none is wanted.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        (self.wanted && self.began.is_none()).then(|| self.rested.unwrap_or(now).max(now))
    }

    /// A round begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.wanted = false;
        self.began = Some(now);
    }

    /// Nothing of a round waits to be read any more.
    pub(super) fn end(&mut self, now: Instant) {
        if let Some(began) = self.began.take() {
            let rest = now.saturating_duration_since(began).saturating_mul(limits::REST).min(limits::LONGEST_REST);
            self.rested = Some(now + rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_round_is_followed_by_rest() {
        let (start, mut rounds) = (Instant::now(), Rounds::default());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(rounds.due(at(0)), None);
        rounds.want();
        assert_eq!(rounds.due(at(1)), Some(at(1)));
        rounds.begin(at(1));
        rounds.want();
        assert_eq!(rounds.due(at(50)), None);
        rounds.end(at(101));
        assert_eq!(rounds.due(at(102)), Some(at(301)));
        rounds.begin(at(301));
        assert_eq!(rounds.due(at(502)), None);
        rounds.end(at(100_501));
        rounds.end(at(100_502));
        rounds.want();
        assert_eq!(rounds.due(at(100_503)), Some(at(100_501) + limits::LONGEST_REST));
    }
}
