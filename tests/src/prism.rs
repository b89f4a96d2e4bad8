//! Prism: answers as an OpenAPI document says, and refuses calls that break it.

use std::path::Path;
use std::process::Command;

use crate::installed::named;
use crate::service::Service;

/// Mocks a document (OpenAPI 2.0, 3.0 or 3.1; JSON or YAML). A call that breaks it is answered 422 (or 400,
/// 401, 415 … where the document has that) with a problem that names each fault. The document itself is not
/// served.
pub async fn mock(document: &Path) -> Service {
    Service::start("prism", |port| {
        let mut command = Command::new(named("PORTOLAN_TEST_PRISM"));
        command.args(["mock", "--errors", "--host", "127.0.0.1", "--port", &port.to_string()]).arg(document);
        command
    })
    .await
}
