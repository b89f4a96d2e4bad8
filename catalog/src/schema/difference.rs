//! Where two JSON values differ, as JSON pointers (RFC 6901).

use serde_json::Value;

/// The most places that one revision lists.
const MAX_PLACES: usize = 64;

/// The longest pointer that is listed, in bytes; a deeper place is named by the place that it is in.
const MAX_POINTER: usize = 256;

/// The places where two values differ.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    /// The first ones.
    pub(crate) places: Vec<String>,
    /// How many more there are.
    pub(crate) more: u32,
}

impl Difference {
    /// Adds a place.
    pub(crate) fn push(&mut self, place: String) {
        match self.places.len() < MAX_PLACES {
            true if self.places.last() == Some(&place) => {}
            true => self.places.push(place),
            false => self.more += 1,
        }
    }
}

/// Adds to `found` where `old` and `new` differ: members of objects one by one, anything else as a whole.
/// `at` is the pointer of the two.
pub(crate) fn difference(at: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Difference) {
    // An own stack: the values are foreign, and so is their depth.
    let mut open = vec![(at.to_owned(), old, new)];
    while let Some((at, old, new)) = open.pop() {
        let (Some(Value::Object(old)), Some(Value::Object(new))) = (old, new) else {
            if old != new {
                found.push(at);
            }
            continue;
        };
        let mut names: Vec<&String> = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))).collect();
        names.sort_unstable();
        for name in names.into_iter().rev() {
            let below = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let below = if below.len() > MAX_POINTER { at.clone() } else { below };
            open.push((below, old.get(name), new.get(name)));
        }
    }
}
