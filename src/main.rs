//! Portolan: finds every function that an organisation runs and gives each a URL.
//!
//! The command line is [`cli`]; [`wiring`] names all rooms and reads top to bottom as the data flow.

mod admin;
mod api;
mod called;
mod cli;
mod config;
mod demo;
mod gateway;
mod life;
mod logging;
mod readiness;
mod reload;
mod stop;
mod table;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Two providers compiled in would make rustls refuse to choose; this is the one that is.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("portolan: a TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("portolan: {error:#}");
            ExitCode::FAILURE
        }
    }
}
