//! `portolan demo`: sample services and a daemon that discovers them, in one process, for a newcomer.

mod books;
mod greeter;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;

use crate::cli::DemoArgs;
use crate::cli::serve::{AccessLog, LogFormat, ServeArgs};
use crate::config::{Config, RawConfig};
use crate::life::Signals;
use crate::wiring::Daemon;

/// Runs until it is told to stop.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start("warn", LogFormat::Text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::listen()?;
        let mut services = JoinSet::new();
        let books = start_books(&mut services).await?;
        let greeter = start_greeter(&mut services).await?;
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let daemon = Daemon::start(config(args, folder.path(), books, greeter)?).await?;
        tokio::select! {
            () = daemon.ready() => println!("{}", guide(&daemon, books, greeter)),
            () = signals.stop() => return daemon.stop().await,
        }
        signals.stop().await;
        daemon.stop().await
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn start_books(services: &mut JoinSet<()>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("start the sample services")?;
    let address = listener.local_addr()?;
    services.spawn(async move {
        if let Err(error) = axum::serve(listener, books::service()).await {
            tracing::error!(%error, "demo.books_ended");
        }
    });
    Ok(address)
}

async fn start_greeter(services: &mut JoinSet<()>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("start the sample services")?;
    let address = listener.local_addr()?;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_file_descriptor_set(greeter::descriptors())
        .build_v1()
        .context("describe the greeter")?;
    services.spawn(async move {
        let server = tonic::transport::Server::builder().add_service(greeter::Greeter).add_service(reflection);
        if let Err(error) = server.serve_with_incoming(TcpListenerStream::new(listener)).await {
            tracing::error!(%error, "demo.greeter_ended");
        }
    });
    Ok(address)
}

fn config(args: &DemoArgs, folder: &std::path::Path, books: SocketAddr, greeter: SocketAddr) -> anyhow::Result<Config> {
    let flags = ServeArgs {
        gateway: Some(args.gateway),
        admin: Some(args.admin),
        data_dir: Some(folder.to_owned()),
        upstreams: vec![format!("books=http://{books}"), format!("greeter=grpc://{greeter}")],
        sources: vec!["none".to_owned()],
        access_log: Some(AccessLog::Off),
        grace: Some(1),
        ..ServeArgs::default()
    };
    let config = Config::new(&flags, RawConfig::default())?;
    Ok(Config { warmup: Duration::from_secs(10), ..config })
}

fn guide(daemon: &Daemon, books: SocketAddr, greeter: SocketAddr) -> String {
    let (gateway, admin) = (&daemon.api.gateway.url, daemon.admin);
    let count = daemon.api.catalog.snapshot().function_count();
    format!(
        "\
Two services run here that describe themselves: books (REST, OpenAPI) at {books} and a greeter (gRPC,
reflection) at {greeter}. Portolan found their {count} functions, and each has a URL. Try:

  curl '{gateway}/fn/books/listBooks?author=Darwin'
  curl '{gateway}/fn/books/getBook?id=3'
  curl {gateway}/fn/books/addBook -H 'Content-Type: application/json' -d '{{\"title\": \"Moby-Dick\", \"author\": \"Herman Melville\", \"year\": 1851}}'
  curl {gateway}/fn/books/addBook -H 'Content-Type: application/json' -d '{{\"title\": 7}}'
  curl {gateway}/fn/books/getBook -H 'Portolan-Dry-Run: 1' -H 'Content-Type: application/json' -d '{{\"id\": 3}}'
  curl {gateway}/fn/greeter/demo.Greeter/SayHello -H 'Content-Type: application/json' -d '{{\"name\": \"World\"}}'
  curl '{gateway}/fn/greeter/demo.Greeter/SayHellos?name=World&times=3'

The fourth is refused, with the reasons; the fifth shows what would be sent, and sends nothing.

The catalog is at http://{admin}/api/v1/functions, and

  curl 'http://{admin}/api/v1/functions?q=book'
  curl 'http://{admin}/api/v1/why?target=books'

show what is there and why. From another terminal `portolan get functions` lists it. Ctrl-C ends everything."
    )
}
