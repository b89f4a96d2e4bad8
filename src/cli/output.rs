//! How lists are printed: tables for people, JSON, YAML or names for programs.

use std::io::Write;

use serde_json::Value;

/// The shapes of an output.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// More columns
    Wide,
    /// All items as one JSON object
    Json,
    /// The same as YAML
    Yaml,
    /// One name a line
    Name,
}

/// A column: its title, whether only `wide` has it, and an item's cell.
pub(crate) type Column = (&'static str, bool, fn(&Value) -> String);

/// Prints `items` to stdout.
pub(crate) fn list(items: &[Value], columns: &[Column], format: Format) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&serde_json::json!({ "items": items }))?)?,
        Format::Yaml => write!(out, "{}", yaml(&serde_json::json!({ "items": items }))?)?,
        Format::Name => items.iter().try_for_each(|item| writeln!(out, "{}", full_name(item)))?,
        Format::Table | Format::Wide => out.write_all(table(items, columns, format == Format::Wide).as_bytes())?,
    }
    Ok(())
}

/// A value as YAML.
pub(crate) fn yaml(value: &Value) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(value)?)
}

/// `upstream/function` for a function, the name for all else.
pub(crate) fn full_name(item: &Value) -> String {
    match item["upstream"].as_str() {
        Some(upstream) => format!("{upstream}/{}", text(&item["name"])),
        None => text(&item["name"]),
    }
}

/// A cell for any value: texts as they are, nothing for null.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn table(items: &[Value], columns: &[Column], wide: bool) -> String {
    let columns: Vec<_> = columns.iter().filter(|(_, only_wide, _)| wide || !only_wide).collect();
    let mut rows = vec![columns.iter().map(|(title, ..)| (*title).to_owned()).collect::<Vec<_>>()];
    rows.extend(items.iter().map(|item| columns.iter().map(|(_, _, cell)| cell(item)).collect()));
    let widths: Vec<_> =
        (0..columns.len()).map(|c| rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}   "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let columns: &[Column] =
            &[("NAME", false, |i| text(&i["name"])), ("N", false, |i| text(&i["n"])), ("W", true, |_| "w".into())];
        let items = [json!({"name": "größer", "n": 1}), json!({"name": "a"})];
        assert_eq!(table(&items, columns, false), "NAME     N\ngrößer   1\na\n");
        assert_eq!(table(&items, columns, true), "NAME     N   W\ngrößer   1   w\na            w\n");
    }

    #[test]
    fn a_function_is_named_with_its_upstream() {
        assert_eq!(full_name(&json!({"upstream": "pets", "name": "list"})), "pets/list");
        assert_eq!(full_name(&json!({"name": "pets"})), "pets");
    }
}
