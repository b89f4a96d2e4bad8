//! `portolan call`: a function, through the gateway.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Response;
use serde_json::{Map, Value};

use super::client::{Client, ClientArgs, segment};

const EXAMPLES: &str = "\
Examples:
  portolan call pets getPet -p petId=7
  portolan call pets addPet -d '{\"name\": \"Rex\", \"tags\": [\"dog\"]}'
  portolan call pets addPet -d @pet.json --dry-run
  portolan call greeter helloworld.Greeter/SayHello -p name=World -i";

/// Flags of `call`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CallArgs {
    /// The upstream's name or id
    upstream: String,
    /// The function's name
    function: String,
    /// All arguments as JSON, or @FILE with them (@- for standard input)
    #[arg(short, long, value_name = "JSON|@FILE")]
    data: Option<String>,
    /// One argument; the value is read as the function's schema says; repeatable
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    params: Vec<String>,
    /// One header more; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Shows what would be sent, and sends nothing
    #[arg(long)]
    dry_run: bool,
    /// How long the call may take, in seconds
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// Prints the status and the headers too
    #[arg(short, long)]
    include: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Calls and prints the answer; a status of 400 or more is exit code 1.
pub(crate) async fn run(args: &CallArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let about = client.json("/api/v1", &[]).await?;
    let gateway = about["publicUrl"].as_str().or(about["gateways"][0]["url"].as_str());
    let gateway = gateway.context("the daemon names no gateway")?;
    let upstream = args.client.upstream(&args.upstream);
    let mut url = url::Url::parse(&format!("{gateway}/fn/{upstream}/{}", segment(&args.function)))?;
    for param in &args.params {
        let (name, value) = param.split_once('=').with_context(|| format!("-p {param}: it has the form KEY=VALUE"))?;
        url.query_pairs_mut().append_pair(name, value);
    }
    let mut request = client.http().post(url).header("content-type", "application/json").body(body(args)?);
    for header in &args.headers {
        let (name, value) =
            header.split_once(':').with_context(|| format!("-H {header}: it has the form NAME: VALUE"))?;
        request = request.header(name.trim(), value.trim());
    }
    if args.dry_run {
        request = request.header("portolan-dry-run", "1");
    }
    if let Some(seconds) = args.timeout {
        let limit = Duration::try_from_secs_f64(seconds).context("--timeout")?;
        request = request.header("request-timeout", limit.as_secs_f64().to_string());
    }
    print(args, request.send().await.with_context(|| format!("no answer from the gateway {gateway}"))?).await
}

fn body(args: &CallArgs) -> anyhow::Result<Vec<u8>> {
    let text = match args.data.as_deref() {
        None => return Ok(Value::Object(Map::new()).to_string().into_bytes()),
        Some("@-") => std::io::read_to_string(std::io::stdin()).context("read standard input")?,
        Some(data) => match data.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("read {file}"))?,
            None => data.to_owned(),
        },
    };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        bail!("-d: this is no JSON: {error}");
    }
    Ok(text.into_bytes())
}

async fn print(args: &CallArgs, mut response: Response) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let status = response.status();
    if args.include {
        writeln!(out, "{:?} {status}", response.version())?;
        for (name, value) in response.headers() {
            writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        writeln!(out)?;
    }
    let mut last = b'\n';
    while let Some(piece) = response.chunk().await? {
        out.write_all(&piece)?;
        out.flush()?;
        last = piece.last().copied().unwrap_or(last);
    }
    if last != b'\n' && std::io::IsTerminal::is_terminal(&out) {
        writeln!(out)?;
    }
    Ok(ExitCode::from(u8::from(status.is_client_error() || status.is_server_error())))
}
