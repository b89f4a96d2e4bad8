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

/// A query as the functions of one upstream see it.
struct Wanted<'q> {
    text: String,
    /// The words that are still to be found, or all where none is; the longest first.
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

    /// For upstreams whose names have none of its words: nearly all.
    fn usual(&self) -> Wanted<'_> {
        Wanted::new(self.words.iter(), false)
    }

    /// For the upstream of this name, if that has some of its words.
    fn named(&self, upstream: &str) -> Option<Wanted<'_>> {
        // Upstream names have no upper case.
        let is_open = |(_, word): &&(String, Finder<'_>)| word.find(upstream.as_bytes()).is_none();
        let open = self.words.iter().filter(is_open);
        match open.clone().count() {
            0 => Some(Wanted::new(self.words.iter(), true)),
            some if some < self.words.len() => Some(Wanted::new(open, false)),
            _ => None,
        }
    }
}

impl<'q> Wanted<'q> {
    fn new(words: impl Iterator<Item = &'q (String, Finder<'static>)> + Clone, is_found: bool) -> Self {
        let text: Vec<_> = words.clone().map(|(text, _)| text.as_str()).collect();
        let mut finders: Vec<_> = words.map(|(_, word)| word).collect();
        finders.sort_by_key(|word| std::cmp::Reverse(word.needle().len()));
        Self { text: text.join(" "), words: finders, is_found }
    }

    /// A word that every function that fits has, so that others need no second look.
    fn first(&self) -> Option<&Finder<'static>> {
        self.words.first().copied().filter(|_| !self.is_found)
    }

    /// The rank of a function whose text has the first word.
    fn rank(&self, text: &[u8]) -> Option<Rank> {
        if !self.is_found && !self.words.iter().skip(1).all(|word| word.find(text).is_some()) {
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
    /// The functions that fit `query`, of the upstreams and the functions for which the others say yes, each with its rank: best
    /// first, those of one rank in the order of all lists.
    pub fn search<'a>(
        &'a self,
        query: &Query,
        upstreams: impl Fn(&UpstreamEntry) -> bool,
        functions: impl Fn(&FunctionEntry) -> bool,
    ) -> Vec<(Rank, &'a Arc<UpstreamEntry>, &'a Arc<FunctionEntry>)> {
        let mut ranks: [Vec<_>; 4] = Default::default();
        let usual = query.usual();
        for upstream in self.upstreams(None).filter(|upstream| upstreams(upstream)) {
            let named = query.named(&upstream.upstream.name);
            let wanted = named.as_ref().unwrap_or(&usual);
            for (index, text) in upstream.texts.with(wanted.first()) {
                let function = &upstream.functions[index];
                if let Some(rank) = wanted.rank(text)
                    && functions(function)
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
