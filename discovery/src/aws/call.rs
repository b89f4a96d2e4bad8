//! One signed call: bounded in time and bytes, its refusals told apart by AWS's own codes.

use std::sync::OnceLock;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use plugins::keyring::Keys;
use quick_xml::de::from_str;
use reqwest::{redirect, retry};
use serde::Deserialize;

use super::error::{reason, told};
use super::{AwsError, Endpoint, Trouble, limits};

/// A form, as the Query APIs take it.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// JSON, as the services with targets take it.
pub(super) const JSON: &str = "application/x-amz-json-1.1";

/// Makes calls. Opens nothing before the first.
#[derive(Debug, Default)]
pub(super) struct Caller(OnceLock<reqwest::Client>);

/// What is asked.
pub(super) struct Call<'a> {
    /// For people: `ec2:DescribeInstances in eu-west-1`.
    pub(super) act: &'a str,
    pub(super) endpoint: &'a Endpoint,
    pub(super) content_type: &'static str,
    /// `X-Amz-Target`.
    pub(super) target: Option<&'a str>,
    pub(super) body: String,
    /// Who asks: keys, region, and the service as signatures have it.
    pub(super) signed: Option<(&'a Keys, &'a str, &'static str)>,
}

impl Call<'_> {
    fn error(&self, trouble: Trouble, text: impl Into<String>) -> AwsError {
        AwsError::new(self.act, trouble, text)
    }

    /// The headers to send, with the signature where there is one.
    fn headers(&self, url: &str, now: SystemTime) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(target) = self.target {
            headers.insert("x-amz-target", target.parse().map_err(|_| "no target".to_owned())?);
        }
        let Some((keys, region, service)) = self.signed else { return Ok(headers) };
        let (id, secret, token) = (keys.id.as_str(), keys.secret.as_str(), keys.token.clone());
        let identity = Credentials::new(id, secret, token, keys.expires, "portolan").into();
        let parameters = SigningParams::builder().identity(&identity).region(region).name(service).time(now);
        let parameters = parameters.settings(SigningSettings::default()).build().map_err(|error| error.to_string())?;
        let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(self.body.as_bytes());
        let request = SignableRequest::new("POST", url, texts, body).map_err(|error| error.to_string())?;
        let signature = sign(request, &parameters.into()).map_err(|error| error.to_string())?;
        let (instructions, _) = signature.into_parts();
        let mut request = http::Request::new(());
        *request.headers_mut() = headers;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.into_parts().0.headers)
    }
}

impl Caller {
    /// POSTs, and returns the body of a good answer.
    pub(super) async fn post(&self, call: Call<'_>) -> Result<Bytes, AwsError> {
        let url = format!("{}/", call.endpoint.url());
        let headers = call.headers(&url, SystemTime::now()).map_err(|text| call.error(Trouble::Refused, text))?;
        let away = |error: reqwest::Error| call.error(Trouble::Away, told(&error.without_url()));
        let http = self.client().map_err(away)?;
        let mut answer = http.post(url).headers(headers).body(call.body.clone()).send().await.map_err(away)?;
        let (status, head) = (answer.status(), answer.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > limits::ANSWER_BYTES {
                let text = format!("the answer is longer than {} bytes", limits::ANSWER_BYTES);
                return Err(call.error(Trouble::Unreadable, text));
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            StatusCode::OK => Ok(body.freeze()),
            status => Err(refusal(call.act, status, &head, &body)),
        }
    }

    fn client(&self) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("portolan/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .connect_timeout(limits::CONNECT)
            .timeout(limits::ANSWER)
            .build()?;
        Ok(self.0.get_or_init(|| client))
    }
}

/// What AWS says of why not: in XML, in JSON, or in a header.
fn refusal(act: &str, status: StatusCode, head: &HeaderMap, body: &[u8]) -> AwsError {
    let text = String::from_utf8_lossy(body);
    let (code, message) = of_xml(&text).or_else(|| of_json(body)).unwrap_or_default();
    let in_header = head.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = if code.is_empty() { in_header.unwrap_or_default() } else { &code };
    // `com.amazonaws…#Code:http://…`
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let code = if code.is_empty() && message.is_empty() { reason(status) } else { code };
    AwsError::answered(act, status.as_u16(), code, &message)
}

fn of_xml(text: &str) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Errors {
        #[serde(rename = "Error")]
        error: Fault,
    }
    #[derive(Deserialize)]
    struct Fault {
        #[serde(rename = "Code", default)]
        code: String,
        #[serde(rename = "Message", default)]
        message: String,
    }
    // EC2 has `Errors` around it, STS has not.
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "Errors")]
        errors: Option<Errors>,
        #[serde(rename = "Error")]
        error: Option<Fault>,
    }
    let response: Response = text.trim_start().starts_with('<').then(|| from_str(text).ok()).flatten()?;
    let fault = response.errors.map(|errors| errors.error).or(response.error)?;
    Some((fault.code, fault.message))
}

fn of_json(body: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Fault {
        #[serde(rename = "__type", alias = "code", default)]
        code: String,
        #[serde(alias = "Message", default)]
        message: String,
    }
    let fault: Fault = serde_json::from_slice(body).ok()?;
    Some((fault.code, fault.message))
}
