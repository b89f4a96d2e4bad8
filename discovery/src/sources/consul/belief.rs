//! Which lists of services are believed. A token that lost its rights gets `200` and an empty list, and a cluster that lost its
//! data comes back with an empty catalog that fills again as agents sync: neither is proof that a service is gone.

use tokio::time::Instant;

use super::client::Answer;
use super::error::Cause;
use super::limits;
use super::map::CONSUL;
use super::wire::Services;

/// What is remembered of one data centre's lists, over all runs of the source.
#[derive(Default, Debug)]
pub(super) struct Belief {
    /// The last list's index.
    index: u64,
    /// Whether a list had Consul's own service; a token that may see it sees it always.
    itself: bool,
    /// Whether the last list was whole: the token hid nothing of it.
    whole: bool,
    /// Since when there is nothing.
    nothing_since: Option<Instant>,
    /// Until when what went missing with a loss is kept.
    doubt: Option<Instant>,
}

/// What a list says of the services that it lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    /// They are gone.
    Gone,
    /// They may come back until then.
    Doubted(Instant),
}

impl Belief {
    /// Judges a list that lacks `missing` of the `known` services, the `first` of a run or a later one. What is doubted already is
    /// neither known nor missing, but to the first. An error means that the list says nothing at all.
    pub(super) fn judge(
        &mut self,
        list: &Answer<Services>,
        (missing, known): (usize, usize),
        first: bool,
        now: Instant,
    ) -> Result<Missing, Cause> {
        let itself = list.body.contains_key(CONSUL);
        if list.body.is_empty() || (self.itself && !itself) {
            if list.filtered && list.body.is_empty() {
                return Err(Cause::Hidden);
            }
            let since = *self.nothing_since.get_or_insert(now);
            if now.saturating_duration_since(since) < limits::DISBELIEF {
                return Err(Cause::Vanished);
            }
            (self.index, self.itself, self.doubt) = (list.index, itself, None);
            return Ok(Missing::Gone);
        }
        (self.nothing_since, self.itself) = (None, itself);
        // An index goes backwards where the data were lost or replaced. And what vanished while nobody could look, and is
        // more than half, vanished more likely with the data, or with the right to see it, than by itself; so did very many at once.
        // Told once: a run that begins during the doubt, or first thing after, does not renew it.
        let decided = self.doubt.take_if(|until| now >= *until).is_some() || self.doubt.is_some();
        let most = 2 * missing > known;
        // What vanishes while nothing changes is hidden by the token, and more likely so what vanishes as the token begins to hide.
        let hidden = missing > 0 && (list.index == self.index || (self.whole && list.filtered));
        let lost = list.index < self.index
            || if first { (most || hidden) && !decided } else { hidden || (most && missing > limits::MASS) };
        if lost {
            self.doubt = Some(now + limits::DISBELIEF);
        }
        (self.index, self.whole) = (list.index, !list.filtered);
        // What a list had after the loss and a later one lacks is gone like any other.
        match self.doubt.filter(|until| now < *until && (lost || first)) {
            Some(until) => Ok(Missing::Doubted(until)),
            None => Ok(Missing::Gone),
        }
    }
}
