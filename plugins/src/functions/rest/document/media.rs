//! Media types by name: which are JSON, which are made of fields, which one a body is built in.

/// As the catalog has it: lower case, without parameters.
pub(super) fn name(said: &str) -> String {
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether values of this type are JSON; ranges that JSON is in count.
pub(super) fn is_json(name: &str) -> bool {
    matches!(name, "application/json" | "text/json" | "*/*" | "application/*") || name.ends_with("+json")
}

/// Whether values of this type are made of fields, so that bare arguments can fill it.
pub(super) fn has_fields(name: &str) -> bool {
    is_json(name) || name == "application/x-www-form-urlencoded" || name.starts_with("multipart/")
}

/// Which of `names` is used where nothing chooses: JSON if it is there, a range that JSON is in last, else the first.
pub(super) fn default<'a>(names: impl Iterator<Item = &'a str> + Clone) -> usize {
    let position = |test: &dyn Fn(&str) -> bool| names.clone().position(test);
    position(&|name| name == "application/json")
        .or_else(|| position(&|name| is_json(name) && !name.contains('*')))
        .or_else(|| position(&is_json))
        .unwrap_or(0)
}
