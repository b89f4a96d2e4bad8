//! The path: the base path and the template, cut into pieces when bound; variables filled in at a call.
//!
//! Several variables and text may share a segment (`{name}.{ext}`). An argument that is empty, `.` or `..`, or that makes its segment so,
//! is refused: it would name another resource.

use serde_json::Value;

use super::encode::{Escape, SEGMENT_RESERVED, VALUE, literal};
use super::style;
use crate::functions::rest::{Operation, Parameter, Style};

/// The part of a path template that is a path: without a fixed query or a fragment, which some documents write there.
pub(in crate::functions::rest) fn of_template(template: &str) -> &str {
    template.split(['?', '#']).next().unwrap_or_default()
}

/// The fixed query of a template; empty for none. What has variables there is a parameter of the query and not fixed.
pub(super) fn fixed_query(template: &str) -> String {
    let before_fragment = template.split('#').next().unwrap_or_default();
    let query = before_fragment.split_once('?').map(|(_, query)| query).unwrap_or_default();
    query.split('&').filter(|pair| !pair.contains('{')).map(literal).collect::<Vec<_>>().join("&")
}

/// A bound path.
#[derive(Debug)]
pub(super) struct Path {
    pieces: Box<[Piece]>,
    /// The length of all text.
    length: usize,
}

#[derive(Debug)]
enum Piece {
    /// Whole segments, or a part of one.
    Text(Box<str>),
    /// A segment with variables begins.
    Open,
    /// A variable: an index into the parameters.
    Variable(usize),
    /// That segment ends.
    Close,
}

/// Why a value cannot stand in a path: which parameter, and what is wrong.
pub(super) type Refused = (usize, &'static str);

const EMPTY_OR_DOTS: &str = "would be empty, . or .. in the path";

impl Path {
    /// Of the base path and the operation's template; `variables` are the names in it as indices into the parameters.
    pub(super) fn new(
        base: &str,
        operation: &Operation,
        variable: impl Fn(&str) -> Option<usize>,
    ) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = literal(base.trim_end_matches('/'));
        if !text.is_empty() && !text.starts_with('/') {
            text.insert(0, '/');
        }
        for segment in of_template(&operation.path).trim_start_matches('/').split('/') {
            text.push('/');
            if !segment.contains('{') {
                text.push_str(&literal(segment));
                continue;
            }
            push(&mut pieces, &mut text);
            pieces.push(Piece::Open);
            let mut rest = segment;
            while let Some((before, after)) = rest.split_once('{') {
                let (name, after) =
                    after.split_once('}').ok_or_else(|| format!("the path {} has an open brace", operation.path))?;
                text.push_str(&literal(before));
                push(&mut pieces, &mut text);
                let index = variable(name).ok_or_else(|| format!("the path's variable {name} is no parameter"))?;
                pieces.push(Piece::Variable(index));
                rest = after;
            }
            text.push_str(&literal(rest));
            push(&mut pieces, &mut text);
            pieces.push(Piece::Close);
        }
        push(&mut pieces, &mut text);
        let length = pieces.iter().map(|p| if let Piece::Text(text) = p { text.len() } else { 0 }).sum();
        Ok(Self { pieces: pieces.into(), length })
    }

    /// The length of its text, to which the variables come.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Appends the path. `write` appends one variable's value.
    pub(super) fn write(
        &self,
        out: &mut String,
        mut write: impl FnMut(&mut String, usize) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let (mut begin, mut last) = (0, 0);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Open => begin = out.len(),
                Piece::Variable(index) => {
                    write(out, *index)?;
                    last = *index;
                }
                Piece::Close if empty_or_dots(&out[begin..]) => return Err((last, EMPTY_OR_DOTS)),
                Piece::Close => {}
            }
        }
        Ok(())
    }
}

fn push(pieces: &mut Vec<Piece>, text: &mut String) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text).into()));
    }
}

fn empty_or_dots(text: &str) -> bool {
    matches!(text, "" | "." | "..")
}

/// Appends one argument in its style.
pub(super) fn variable(out: &mut String, index: usize, parameter: &Parameter, value: &Value) -> Result<(), Refused> {
    let escape = Escape::Percent(if parameter.allow_reserved { SEGMENT_RESERVED } else { VALUE });
    if parameter.content.is_some() {
        escape.write(out, &super::place::content(parameter, value));
        return Ok(());
    }
    let begin = out.len();
    style::simple(out, value, parameter.explode, escape);
    if empty_or_dots(&out[begin..]) {
        return Err((index, EMPTY_OR_DOTS));
    }
    match parameter.style {
        Style::Label => {
            out.truncate(begin);
            style::label(out, value, parameter.explode, escape);
        }
        Style::Matrix => {
            out.truncate(begin);
            style::matrix(out, &parameter.name, value, parameter.explode, escape);
        }
        _ => {}
    }
    Ok(())
}
