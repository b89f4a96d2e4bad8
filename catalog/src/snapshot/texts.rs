//! What search looks at: for each upstream the texts of its functions, one behind the other in one piece of memory, so that a search
//! over all of the catalog reads it as fast as memory gives it.

use std::sync::Arc;

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

    /// All of them.
    pub(super) fn all(&self) -> &[u8] {
        self.all.as_bytes()
    }

    /// Each of them.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.all.as_bytes()[begin..*end])
    }
}

fn parts(entry: &FunctionEntry) -> impl Iterator<Item = &str> {
    let function = &entry.function;
    let summary = function.summary.as_deref();
    let description = function.description.as_deref().map(|text| cut(text, SEARCHED_DESCRIPTION));
    let tags = function.tags.iter().map(|tag| &**tag);
    [&*function.name, &*function.origin].into_iter().chain(summary).chain(tags).chain(description)
}
