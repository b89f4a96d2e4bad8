//! OpenAPI documents.

use std::collections::HashSet;

use catalog::model::Description;
use plugins::functions::rest::Rest;
use plugins::functions::rest::document::read;

use super::bound::bind;

/// Reads a document. It must be read the same way again, name each function once, and leave no schema that points nowhere;
/// each function can be bound, or the reason is said.
pub fn documents(bytes: &[u8]) {
    let location = "http://127.0.0.1/api/openapi.json".parse().expect("a URL");
    let Ok(description) = read(bytes, &location) else { return };
    let again = read(bytes, &location).expect("it was read before");
    assert_eq!(text(&description), text(&again), "read twice, it says two things");
    let mut origins = HashSet::new();
    for described in &description.functions {
        assert!(origins.insert(&described.origin), "{} is there twice", described.origin);
        if let Err(error) = bind(&Rest, described, &description) {
            assert!(error.0.len() > 2, "{} does not say why", described.origin);
            assert!(!error.0.contains("PointerToNowhere"), "{}: {error}", described.origin);
        }
    }
}

/// All that it says.
fn text(description: &Description) -> String {
    format!("{description:?}")
}
