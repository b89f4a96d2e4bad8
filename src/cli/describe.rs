//! `portolan describe`, `refresh`, `forget` and `accept`: one thing of the catalog.

use std::process::ExitCode;

use clap::ValueEnum;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, ClientArgs, segment};
use super::output;

/// What can be described.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum What {
    /// Something that runs
    Upstream,
    /// Something that can be called
    Function,
}

/// How it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Shape {
    /// As YAML
    Yaml,
    /// As JSON
    Json,
}

/// Flags of `describe`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  portolan describe upstream pets\n  portolan describe function pets/getPet\n  portolan describe function helloworld/helloworld.Greeter/SayHello"
)]
pub(crate) struct DescribeArgs {
    /// Upstream or function
    what: What,
    /// An upstream's name or id; a function's as UPSTREAM/FUNCTION
    name: String,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    output: Shape,
    #[command(flatten)]
    client: ClientArgs,
}

/// Prints everything known of it, for a function with a `curl` line.
pub(crate) async fn run(args: &DescribeArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let mut object = match args.what {
        What::Upstream => client.json(&args.client.upstream_path(&args.name), &[]).await?,
        What::Function => {
            let Some((upstream, function)) = args.name.split_once('/') else {
                anyhow::bail!("a function is named UPSTREAM/FUNCTION; `portolan get functions -o name` lists all");
            };
            let path = format!("/api/v1/functions/{}/{}", args.client.upstream(upstream), segment(function));
            client.json(&path, &[]).await?
        }
    };
    if args.what == What::Function {
        object["curl"] = Value::String(curl(&object));
    }
    match args.output {
        Shape::Json => println!("{}", serde_json::to_string_pretty(&object)?),
        Shape::Yaml => print!("{}", output::yaml(&object)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// A line that calls the function, with an example of each argument that it requires.
fn curl(function: &Value) -> String {
    let url = function["callUrl"].as_str().unwrap_or_default();
    let arguments = crate::api::example::arguments(&function["input"]);
    match &arguments {
        Value::Object(none) if none.is_empty() && function["safe"] == true => format!("curl '{url}'"),
        _ => {
            let body = arguments.to_string().replace('\'', r"'\''");
            format!("curl '{url}' -H 'Content-Type: application/json' -d '{body}'")
        }
    }
}

/// Flags of commands that name an upstream.
#[derive(Debug, clap::Args)]
pub(crate) struct NamedArgs {
    /// `upstream`
    #[arg(value_parser = ["upstream"])]
    what: String,
    /// Its name or id
    name: String,
    #[command(flatten)]
    client: ClientArgs,
}

/// Asks for a look at an upstream now.
pub(crate) async fn refresh(args: &NamedArgs) -> anyhow::Result<ExitCode> {
    let path = format!("{}/refresh", args.client.upstream_path(&args.name));
    let answer: Value = Client::new(&args.client)?.send(Method::POST, &path, &[]).await?.json().await?;
    print!("{}", output::yaml(&answer)?);
    Ok(ExitCode::SUCCESS)
}

/// Drops an upstream that no source lists.
pub(crate) async fn forget(args: &NamedArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    client.send(Method::DELETE, &args.client.upstream_path(&args.name), &[]).await?;
    println!("{} forgotten", args.name);
    Ok(ExitCode::SUCCESS)
}

/// Flags of `accept`.
#[derive(Debug, clap::Args)]
pub(crate) struct AcceptArgs {
    /// The source, as `portolan get sources` names it
    source: String,
    #[command(flatten)]
    client: ClientArgs,
}

/// Takes a list that is held back.
pub(crate) async fn accept(args: &AcceptArgs) -> anyhow::Result<ExitCode> {
    let path = format!("/api/v1/sources/{}/accept", segment(&args.source));
    let answer: Value = Client::new(&args.client)?.send(Method::POST, &path, &[]).await?.json().await?;
    println!("{}", json!({ "revision": answer["revision"] }));
    Ok(ExitCode::SUCCESS)
}
