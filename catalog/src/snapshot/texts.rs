//! What search looks at: for each upstream the texts of its functions, one behind the other in one piece of memory, so that a search
//! over all of the catalog reads it as fast as memory gives it.

use std::sync::Arc;

use memchr::memmem::Finder;

use super::entry::{FunctionEntry, cut};

/// How much of a description search looks at, in bytes: its first lines say what a function is about.
const SEARCHED_DESCRIPTION: usize = 256;

/// The texts of an upstream's functions, in their order and in lower case: the name, a line end, and the rest.
#[derive(Default, Debug)]
pub(crate) struct Texts {
    all: Box<str>,
    /// Where each ends.
    ends: Box<[usize]>,
}

impl Texts {
    pub(crate) fn new(functions: &[Arc<FunctionEntry>]) -> Self {
        let length = functions.iter().map(|entry| parts(entry).map(|part| part.len() + 1).sum::<usize>()).sum();
        let mut all = String::with_capacity(length);
        let mut ends = Vec::with_capacity(functions.len());
        for entry in functions {
            let begin = all.len();
            for part in parts(entry) {
                all.push_str(part);
                all.push('\n');
            }
            if !all[begin..].is_ascii() {
                let lower = all[begin..].to_lowercase();
                all.replace_range(begin.., &lower);
            }
            ends.push(all.len());
        }
        all.make_ascii_lowercase();
        Self { all: all.into(), ends: ends.into() }
    }

    /// Each that has `word`, which has no white space in it, by its index; without a word all of them.
    pub(super) fn with(&self, word: Option<&Finder<'_>>) -> impl Iterator<Item = (usize, &[u8])> {
        let all = self.all.as_bytes();
        let (mut next, mut begin) = (0, 0);
        std::iter::from_fn(move || {
            let ends = &self.ends[next..];
            let index = match word {
                Some(word) => {
                    let place = begin + word.find(&all[begin..])?;
                    next + ends.partition_point(|end| *end <= place)
                }
                None => next,
            };
            let end = *self.ends.get(index)?;
            let from = if index == next { begin } else { self.ends[index - 1] };
            (next, begin) = (index + 1, end);
            Some((index, &all[from..end]))
        })
    }
}

fn parts(entry: &FunctionEntry) -> impl Iterator<Item = &str> {
    let function = &entry.function;
    let summary = function.summary.as_deref();
    let description = function.description.as_deref().map(|text| cut(text, SEARCHED_DESCRIPTION));
    let tags = function.tags.iter().map(|tag| &**tag);
    [&*function.name, &*function.origin].into_iter().chain(summary).chain(tags).chain(description)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A word is found in each text that has it, and in no other.
        #[test]
        fn those_with_a_word_are_found(texts in prop::collection::vec("[abc]{0,4}\n", 0..8), word in "[abc]{1,3}") {
            let ends = texts.iter().scan(0, |end, text| { *end += text.len(); Some(*end) }).collect();
            let all = Texts { all: texts.concat().into(), ends };
            let with = |word| all.with(word).map(|(index, text)| (index, str::from_utf8(text).unwrap())).collect::<Vec<_>>();
            let each = || texts.iter().map(String::as_str).enumerate();
            prop_assert_eq!(with(None), each().collect::<Vec<_>>());
            prop_assert_eq!(with(Some(&Finder::new(&word))), each().filter(|(_, text)| text.contains(&word)).collect::<Vec<_>>());
        }
    }
}
