//! Options of the commands that watch: `run`, `demo`, `test`, and the configuration they are given.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `run`.
#[derive(Debug, Default, Args)]
pub struct RunArgs {
    /// Configuration and overrides.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Address to listen on, for example 127.0.0.1:8080; port 0 takes a free one.
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Where data is kept.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Which part of the product this process plays.
    #[arg(long, value_enum, default_value_t)]
    pub role: Role,
}

/// The part a process plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything in one process, without Kafka.
    #[default]
    All,
    /// Takes signals in and hands them to Kafka.
    Gateway,
    /// Stores and judges the partitions that it is given.
    Worker,
    /// Makes incidents of what workers find, explains them and acts; one at a time.
    Responder,
}

/// Which configuration.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// YAML file; environment variables such as SENTINEL_STORE__QUEUE_WRITES go over it.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Ends when all was shown; exit code 0 only if everything went as it should.
    #[arg(long)]
    pub headless: bool,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// Shows only this fault (may be given several times).
    #[arg(long = "fault", value_name = "NAME")]
    pub faults: Vec<String>,
    /// Simulated seconds per second.
    #[arg(long, default_value_t = 10.0)]
    pub speed: f64,
    /// Who approves the plans: the demo itself, or you in the UI.
    #[arg(long, value_enum, default_value_t)]
    pub approve: Approver,
    /// Address of the UI.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Seed of the shop's noise.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}

/// Who approves plans in the demo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Approver {
    /// The demo approves each plan as soon as it is proposed.
    #[default]
    Auto,
    /// You approve in the UI; the demo waits for it.
    Manual,
}

/// Options of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Runs them through a gateway, three partitions that change their owner every few minutes, and a responder, as they
    /// would run over Kafka.
    #[arg(long)]
    pub roles: bool,
    /// Scenario files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}
