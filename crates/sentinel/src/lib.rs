//! The whole program: reads the command line and does what it says.

mod access;
mod agent;
mod alert_desk;
mod ask;
mod assemble;
mod back_tester;
mod backlog;
mod backtest;
mod bands;
mod bench;
mod book;
mod clean;
mod cli;
mod client;
mod config;
mod demo;
#[cfg(test)]
mod described;
mod eyes;
mod feedback_client;
mod feedback_desk;
mod forecasts;
mod front;
mod groups;
mod health;
mod inbox;
mod intake;
mod kafka_out;
mod key;
mod knowledge_client;
mod knowledge_desk;
mod label_client;
mod listener;
mod metadata_book;
mod model_client;
mod model_watch;
mod nearest;
mod news_desk;
mod offsets;
mod otlp;
mod panics;
mod predictions;
mod responder;
mod roles;
mod row_desk;
mod rules;
mod run;
mod scenario;
mod seed_config;
mod seed_watches;
mod shards;
mod simulated;
mod steady_clock;
mod warmup;
mod words;
mod write_request;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use signal::Ledger as _;

use crate::cli::{AuditCommand, Cli, Command, ConfigArgs, RunArgs};
use crate::config::Config;

/// Batches are made by one thread and dropped by another, which the allocator of the C library is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of a bad configuration (EX_USAGE of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;

/// Does what the command line asks for, and says how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Run(RunArgs::default()));
    start_logging(&command);
    // An error only means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(it) => it,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(dispatch(command));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.unwrap_or_else(|error| {
        if let Some(problems) = error.downcast_ref::<Problems>() {
            eprintln!("{problems}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args).await?,
        Command::Demo(args) => return demo::demo(args).await,
        Command::Check(args) => check(&args)?,
        Command::Config(args) => print!("{}", serde_saphyr::to_string(&load_config(args.file.as_deref())?)?),
        Command::Test(args) => return scenario::test(&args),
        Command::Bench(args) => bench::bench(&args).await?,
        Command::Score(args) => return offline::finish(offline::score::run(&args)),
        Command::Forecast(args) => return offline::finish(offline::forecast::run(&args)),
        Command::Templates(args) => return offline::finish(offline::templates::run(&args)),
        Command::Diagnose(args) => return offline::finish(offline::diagnose::run(&args)),
        Command::Outliers(args) => return offline::finish(offline::outliers::run(&args)),
        Command::Train(args) => return offline::finish(offline::train::run(&args)),
        Command::Drift(args) => return offline::drift::run(&args),
        Command::Performance(args) => return offline::finish(offline::performance::run(&args)),
        Command::Eval(args) => return offline::finish(offline::eval::run(&args)),
        Command::Backtest(args) => return offline::finish(backtest::run(&args).await),
        Command::Status(args) => client::status(&args).await?,
        Command::Incidents(args) => client::incidents(&args).await?,
        Command::Actions(args) => client::actions(&args).await?,
        Command::Approve(args) => client::approve(&args).await?,
        Command::Reject(args) => client::reject(&args).await?,
        Command::Feedback(args) => feedback_client::run(&args).await?,
        Command::Labels(args) => return offline::finish(label_client::run(&args).await),
        Command::Report(args) => client::report(&args).await?,
        Command::Ask(args) => knowledge_client::ask(&args).await?,
        Command::Knowledge(args) => return knowledge_client::knowledge(&args).await,
        Command::Models(args) => model_client::models(&args).await?,
        Command::Retrain(args) => model_client::retrain(&args).await?,
        Command::Rollback(args) => model_client::rollback(&args).await?,
        Command::Promote(args) => model_client::promote(&args).await?,
        Command::Audit(args) => audit(&args.command).await?,
        Command::DemoProcess { .. } => demo::wait_for_parent()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `sentinel check`.
fn check(args: &ConfigArgs) -> anyhow::Result<()> {
    let config = load_config(args.file.as_deref())?;
    for it in model_watch::unreadable(&config.model_watches) {
        println!("note: {it}");
    }
    println!("The configuration is good.");
    Ok(())
}

/// `sentinel audit`: of a stopped server's directory, or of a running server.
async fn audit(command: &AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Verify { data_dir: Some(data_dir), .. } = command else { return client::audit(command).await };
    anyhow::ensure!(data_dir.is_dir(), "{} is not a directory", data_dir.display());
    let (store, _) = store::Store::open(data_dir, store::Config::default())
        .with_context(|| format!("cannot open the store in {}", data_dir.display()))?;
    println!("The chain holds: {} entries.", store.verify()?);
    Ok(())
}

/// All problems of a configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(|it| format!("configuration: {it}")).collect::<Vec<_>>().join("\n"))]
struct Problems(Vec<String>);

fn load_config(file: Option<&Path>) -> anyhow::Result<Config> {
    let config = Config::load(file).map_err(Problems)?;
    refuse_problems(rules::file::load(&config.rules).1)?;
    Ok(config)
}

fn refuse_problems(problems: Vec<String>) -> anyhow::Result<()> {
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems).into()) }
}

/// An HTTP client without redirects and with a time-out.
fn http_client() -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.timeout(std::time::Duration::from_secs(30)).build().context("cannot build the HTTP client")
}

/// Logs go to standard error, so that standard output stays for answers. Only a server tells what it does.
fn start_logging(command: &Command) {
    let usual = if matches!(command, Command::Run(_)) { tracing::Level::INFO } else { tracing::Level::WARN };
    let level = std::env::var("SENTINEL_LOG").ok().and_then(|it| it.parse().ok()).unwrap_or(usual);
    let is_terminal = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    logs.with_ansi(is_terminal).with_target(false).init();
}
