//! What authors wrote above their declarations, where the server sends it.

use std::collections::HashMap;

use super::super::reflection::File;

/// The comments of one file by the path of what they belong to (`SourceCodeInfo.Location.path`).
#[derive(Debug, Default)]
pub(super) struct Comments(HashMap<Vec<i32>, String>);

impl Comments {
    /// Of a file; none of one that is not there.
    pub(super) fn of(file: Option<&File>) -> Self {
        let locations = file.and_then(|file| file.proto.source_code_info.as_ref()).map(|info| info.location.as_slice());
        let comment = |location: &prost_types::source_code_info::Location| {
            let text = [location.leading_comments(), location.trailing_comments()].into_iter().map(tidy);
            let text = text.into_iter().find(|text| !text.is_empty())?;
            Some((location.path.clone(), text))
        };
        Self(locations.unwrap_or_default().iter().filter_map(comment).collect())
    }

    /// Of the declaration at `path`.
    pub(super) fn at(&self, path: &[i32]) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

/// Without the indentation that `//` leaves, and without lines for tools (`buf:lint…`, `@exclude`).
fn tidy(comment: &str) -> String {
    let lines = comment.lines().map(|line| line.trim_end()).map(|line| line.strip_prefix(' ').unwrap_or(line));
    let kept: Vec<_> = lines.filter(|line| !line.starts_with("buf:lint") && !line.starts_with("@exclude")).collect();
    kept.join("\n").trim().to_owned()
}

/// The longest summary, in characters.
const MAX_SUMMARY: usize = 160;

/// What a list shows: up to the first full stop or empty line, on one line.
pub(super) fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    let sentence = line[..end].strip_suffix('.').unwrap_or(&line[..end]);
    match sentence.char_indices().nth(MAX_SUMMARY) {
        Some((at, _)) => format!("{}…", sentence[..at].trim_end()),
        None => sentence.to_owned(),
    }
}
