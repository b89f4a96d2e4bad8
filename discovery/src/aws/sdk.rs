//! The HTTP client of AWS's own crates: on the TLS stack that everything here is on, its answers bounded as those of our own calls are.

use aws_sdk_lambda::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_lambda::primitives::SdkBody;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http_body_util::Limited;

use super::limits;

/// A new one, with a pool of its own. Opens nothing before the first call.
pub(super) fn http_client() -> SharedHttpClient {
    let client = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring));
    SharedHttpClient::new(Bounded(client.build_https()))
}

/// What answers with so many bytes at most.
#[derive(Debug)]
struct Bounded<T>(T);

impl HttpClient for Bounded<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Bounded(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Bounded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        let bounded = |body: SdkBody| SdkBody::from_body_1_x(Limited::new(body, limits::ANSWER_BYTES));
        HttpConnectorFuture::new(async move { Ok(answer.await?.map(bounded)) })
    }
}
