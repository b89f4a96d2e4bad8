//! Full-text search over functions: words in the lower-case texts of each upstream, one upstream after the other. A hundred
//! thousand texts are some tens of megabytes, which a vectorised search goes through in milliseconds; an index would cost more
//! than it saves.

use std::sync::Arc;

use memchr::memmem::Finder;

use super::{FunctionEntry, Snapshot, UpstreamEntry, UpstreamKey};

/// How well a function fits a query, best first.
#[derive(Clone, Copy)]
pub enum Rank {
    /// Its name is the query.
    Exact,
    /// Its name begins with the query.
    Prefix,
    /// Its name contains every word.
    Name,
    /// Every word is found somewhere.
    Text,
}

/// The most words of a query that are looked at; a longer one is not a search but a text.
const MAX_WORDS: usize = 16;

/// A query made ready. Words are separated by white space, and case does not matter. A word that the upstream's name has is
/// found for all its functions.
#[derive(Debug)]
pub struct Query {
    words: Vec<(String, Finder<'static>)>,
}

/// A query as the functions of one upstream see it: the words that are still to be found, or all where none is.
struct Wanted<'q> {
    text: String,
    words: Vec<&'q Finder<'static>>,
    is_found: bool,
}

impl Query {
    /// The query `text`; without a word in it everything fits.
    pub fn new(text: &str) -> Self {
        let text = text.to_lowercase();
        let word = |word: &str| (word.to_owned(), Finder::new(word).into_owned());
        Self { words: text.split_whitespace().take(MAX_WORDS).map(word).collect() }
    }

    fn of(&self, upstream: &str) -> Wanted<'_> {
        // Upstream names have no upper case.
        let open = self.words.iter().filter(|(_, word)| word.find(upstream.as_bytes()).is_none());
        let open: Vec<_> = open.collect();
        let is_found = open.is_empty();
        let words = if is_found { self.words.iter().collect() } else { open };
        let text: Vec<_> = words.iter().map(|(text, _)| text.as_str()).collect();
        Wanted { text: text.join(" "), words: words.iter().map(|(_, word)| word).collect(), is_found }
    }
}

impl Wanted<'_> {
    /// A word that every function that fits has.
    fn longest(&self) -> Option<&Finder<'static>> {
        self.words.iter().copied().filter(|_| !self.is_found).max_by_key(|word| word.needle().len())
    }

    fn rank(&self, text: &[u8]) -> Option<Rank> {
        if !self.is_found && !self.words.iter().all(|word| word.find(text).is_some()) {
            return None;
        }
        let name = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
        Some(match name.strip_prefix(self.text.as_bytes()) {
            Some([]) => Rank::Exact,
            Some(_) => Rank::Prefix,
            None if self.words.iter().all(|word| word.find(name).is_some()) => Rank::Name,
            None => Rank::Text,
        })
    }
}

impl Snapshot {
    /// The functions that fit `query` and for which `keep` says yes, each with its rank: best first, those of one rank in the order of all lists.
    pub fn search<'a>(
        &'a self,
        query: &Query,
        keep: impl Fn(&UpstreamEntry, &FunctionEntry) -> bool,
    ) -> Vec<(Rank, &'a Arc<UpstreamEntry>, &'a Arc<FunctionEntry>)> {
        let mut ranks: [Vec<_>; 4] = Default::default();
        for upstream in self.upstreams(None) {
            let wanted = query.of(&upstream.upstream.name);
            for (index, text) in upstream.texts.with(wanted.longest()) {
                let function = &upstream.functions[index];
                if let Some(rank) = wanted.rank(text)
                    && keep(upstream, function)
                {
                    ranks[rank as usize].push((rank, upstream, function));
                }
            }
        }
        ranks.concat()
    }

    /// All functions by namespace, upstream and name, from the first that is not before the function `from.1` of the upstream `from.0`.
    pub fn functions<'a>(
        &'a self,
        from: Option<(&UpstreamKey, &'a str)>,
    ) -> impl Iterator<Item = (&'a Arc<UpstreamEntry>, &'a Arc<FunctionEntry>)> + use<'a> {
        let (key, first) = from.unzip();
        let key = key.cloned();
        self.upstreams(key.as_ref()).flat_map(move |upstream| {
            let begins = key
                .as_ref()
                .is_some_and(|(ns, name)| *ns == upstream.upstream.namespace && *name == upstream.upstream.name);
            let first = first.filter(|_| begins).unwrap_or_default();
            let at = upstream.functions.partition_point(|entry| &*entry.function.name < first);
            upstream.functions[at..].iter().map(move |function| (upstream, function))
        })
    }
}
