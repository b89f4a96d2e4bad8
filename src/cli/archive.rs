//! `portolan backup` and `restore`: a store as one file.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use catalog::store::{SledStore, archive};
use reqwest::Method;

use super::client::{Client, ClientArgs};

/// Flags of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The daemon goes on meanwhile; the file holds one revision, whole.")]
pub(crate) struct BackupArgs {
    /// Where to write it
    file: PathBuf,
    #[command(flatten)]
    client: ClientArgs,
}

/// Writes a running daemon's store to a file: under another name first, so that the name never holds half of it.
pub(crate) async fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let mut response = Client::new(&args.client)?.send(Method::POST, "/api/v1/backup", &[]).await?;
    let draft = args.file.with_extension("part");
    let named = || format!("write {}", draft.display());
    let mut out = File::create(&draft).with_context(named)?;
    let mut size = 0;
    while let Some(piece) = response.chunk().await.context("read the backup")? {
        size += piece.len();
        out.write_all(&piece).with_context(named)?;
    }
    out.sync_all().with_context(named)?;
    std::fs::rename(&draft, &args.file).with_context(|| format!("write {}", args.file.display()))?;
    println!("{} ({size} bytes)", args.file.display());
    Ok(ExitCode::SUCCESS)
}

/// Flags of `restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = "No daemon may run on the folder, and it must not hold a catalog yet.")]
pub(crate) struct RestoreArgs {
    /// A file that `backup` wrote
    file: PathBuf,
    /// Where the catalog is to be kept
    #[arg(long, value_name = "DIR", env = "PORTOLAN_DATA_DIR")]
    data_dir: PathBuf,
}

/// Fills an empty store.
pub(crate) async fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let file = File::open(&args.file).with_context(|| format!("read {}", args.file.display()))?;
    let store = SledStore::open(&crate::wiring::store_folder(&args.data_dir)).await?;
    archive::read(&mut BufReader::new(file), &store)
        .await
        .with_context(|| format!("restore {}", args.file.display()))?;
    println!("restored to {}", args.data_dir.display());
    Ok(ExitCode::SUCCESS)
}
