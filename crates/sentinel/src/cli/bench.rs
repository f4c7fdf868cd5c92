//! Options of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::bench::ingest::Peer;
use crate::bench::predict::PredictArgs;

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What is measured; everything but these if it is left out.
    #[command(subcommand)]
    pub command: Option<BenchCommand>,
    /// Prints the result as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
}

/// Measurements that take longer.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Sends very many series once a second by remote write and measures how long each sample waits for its verdict.
    Scale(ScaleArgs),
    /// Stores days of history and measures how long a start takes that learns from it.
    Backfill(BackfillArgs),
    /// Measures how many events a second come in over each protocol, how long they wait for their verdict, what they
    /// take on disk, and how other programs fare with the same requests.
    Ingest(IngestArgs),
    /// Asks a server for predictions at a rate and measures how long the answers take.
    Predict(PredictArgs),
    /// Fills a topic of a running Kafka and measures how fast a server reads, stores and judges it.
    Kafka(KafkaArgs),
    /// Measures how long typical queries of dashboards take, and how long they take Prometheus on the same samples.
    Query(QueryBenchArgs),
    /// Makes two tables and measures what `sentinel drift` takes to compare them: time, processor time and memory.
    Drift(DriftBenchArgs),
    /// Puts faults into simulated shops and measures how long it takes from the alert to a report with ranked causes, and
    /// how often the first cause is right.
    Diagnose(DiagnoseBenchArgs),
}

/// Options of `bench diagnose`.
#[derive(Clone, Debug, Args)]
pub struct DiagnoseBenchArgs {
    /// Shops; each has all faults, one after the other.
    #[arg(long, default_value_t = 3)]
    pub shops: u32,
    /// Seed of the first shop; the next ones count up from it.
    #[arg(long, default_value_t = 11)]
    pub seed: u64,
}

/// Options of `bench query`.
#[derive(Clone, Debug, Args)]
pub struct QueryBenchArgs {
    /// Series that are stored.
    #[arg(long, default_value_t = 10_000)]
    pub series: usize,
    /// Hours of samples that are stored, one every 15 seconds.
    #[arg(long, default_value_t = 3)]
    pub hours: u32,
    /// Hours that a panel shows, a point a minute.
    #[arg(long, default_value_t = 1.0)]
    pub panel_hours: f64,
    /// How often each query is asked; the median counts.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// The Prometheus to compare with; by default the one on the path.
    #[arg(long)]
    pub prometheus: Option<PathBuf>,
}

/// Options of `bench drift`.
#[derive(Clone, Debug, Args)]
pub struct DriftBenchArgs {
    /// Rows of each of the two tables.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: usize,
    /// Columns; three quarters of them are numbers.
    #[arg(long, default_value_t = 20)]
    pub columns: usize,
    /// The same seed gives the same tables.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// A Python with Evidently and pyarrow, which gets the same files.
    #[arg(long, value_name = "PROGRAM")]
    pub evidently: Option<PathBuf>,
}

/// Options of `bench ingest`.
#[derive(Clone, Debug, Args)]
pub struct IngestArgs {
    /// Samples, or log lines, that are sent over each protocol at full speed.
    #[arg(long, default_value_t = 2_000_000)]
    pub events: u64,
    /// Series that they are of.
    #[arg(long, default_value_t = 10_000)]
    pub series: usize,
    /// Samples a second at which the time until the verdict is measured, in thousands each second.
    #[arg(long, default_value_t = 100_000)]
    pub rate: usize,
    /// Seconds for which that is measured.
    #[arg(long, default_value_t = 20)]
    pub secs: u64,
    /// Seconds before, in which the series leave their warm-up.
    #[arg(long, default_value_t = 5)]
    pub warm_up_secs: u64,
    /// Log lines that are stored to measure what they take on disk.
    #[arg(long, default_value_t = 200_000)]
    pub lines: u64,
    /// Hours of samples that are stored for the same.
    #[arg(long, default_value_t = 24)]
    pub hours: u32,
    /// Brokers of a running Kafka, as host:port; without them Kafka is not measured. Topics are made there and removed
    /// again.
    #[arg(long, value_delimiter = ',')]
    pub kafka: Vec<String>,
    /// Programs that get the same requests, as NAME=PATH with the names prometheus, victoriametrics and sentinel (another
    /// build); by default those that are on the path.
    #[arg(long = "peer", conflicts_with = "no_peers")]
    pub peers: Vec<Peer>,
    /// Compares with no other program.
    #[arg(long)]
    pub no_peers: bool,
    /// How often all programs are compared, one after the other; the median counts.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Folder with series (`*.csv` with the columns timestamp and value) and logs (`*.log`, `*.ndjson`) of your own, also
    /// as gzip, to measure what they take on disk.
    #[arg(long, env = "SENTINEL_TEST_DATA")]
    pub data: Option<PathBuf>,
}

/// Options of `bench scale`.
#[derive(Clone, Copy, Debug, Args)]
pub struct ScaleArgs {
    /// Series that get a point every second.
    #[arg(long, default_value_t = 100_000)]
    pub series: usize,
    /// Seconds that are measured: by default long enough for a snapshot of the models to fall into them.
    #[arg(long, default_value_t = 60)]
    pub secs: u64,
    /// Seconds before, in which the series leave their warm-up.
    #[arg(long, default_value_t = 30)]
    pub warm_up_secs: u64,
}

/// Options of `bench kafka`.
#[derive(Clone, Debug, Args)]
pub struct KafkaArgs {
    /// Brokers to begin with, as host:port; a topic is made there and removed again.
    #[arg(long, default_value = "localhost:9092", value_delimiter = ',')]
    pub brokers: Vec<String>,
    /// Samples to read.
    #[arg(long, default_value_t = 5_000_000)]
    pub events: u64,
    /// Series that they are of.
    #[arg(long, default_value_t = 2_000)]
    pub series: usize,
}

/// Options of `bench backfill`.
#[derive(Clone, Copy, Debug, Args)]
pub struct BackfillArgs {
    /// Series in the store, with a point a minute.
    #[arg(long, default_value_t = 10_000)]
    pub series: usize,
    /// Days of history.
    #[arg(long, default_value_t = 7)]
    pub days: u32,
}
