//! What can a user ask for on the command line?

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use offline::diagnose::DiagnoseArgs;
use offline::drift::DriftArgs;
use offline::eval::EvalArgs;
use offline::forecast::ForecastArgs;
use offline::outliers::OutliersArgs;
use offline::performance::PerformanceArgs;
use offline::score::ScoreArgs;
use offline::templates::TemplatesArgs;
use offline::train::TrainArgs;
use signal::{IncidentId, PlanId};

use crate::backtest::BacktestArgs;
use crate::bench::ingest::Peer;
use crate::bench::predict::PredictArgs;
use crate::label_client::LabelsArgs;

/// Watches services and machine-learning models, finds what is wrong, explains it, and fixes it under guard.
///
/// Without a command it runs with zero configuration: it watches this host and serves its UI on
/// http://127.0.0.1:8080.
#[derive(Debug, Parser)]
#[command(name = "sentinel", version)]
pub struct Cli {
    /// What to do; `run` if left out.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watches this host and everything that is sent to it, and serves the UI and the API.
    Run(RunArgs),
    /// Shows faults in a simulated shop being found, explained, fixed and verified, in under three minutes.
    Demo(DemoArgs),
    /// Prints every problem of a configuration file; exit code 64 if there is any.
    Check(ConfigArgs),
    /// Prints the configuration with all defaults filled in, as YAML.
    Config(ConfigArgs),
    /// Runs scenario files (.scn); exit code 1 if an expectation fails.
    Test(TestArgs),
    /// Measures what this machine can take.
    Bench(BenchArgs),
    /// Scores each row of a series in a file, judged by the rows before it.
    Score(ScoreArgs),
    /// Tells how a series in a file goes on, with intervals.
    Forecast(ForecastArgs),
    /// Finds the template of each line of a log file, and the values in it.
    Templates(TemplatesArgs),
    /// Tells which rows of a table are unlike the others, and which columns are to blame.
    Outliers(OutliersArgs),
    /// Ranks the causes of an incident by files of metrics, logs, traces and changes.
    Diagnose(DiagnoseArgs),
    /// Trains a model on the rows of a table, measures it, and writes what is needed to serve and watch it.
    Train(Box<TrainArgs>),
    /// Tells whether data is still like a reference: drift, schema, quality, as a page and JSON; exit code 1 if not.
    Drift(Box<DriftArgs>),
    /// Tells how good the answers of a model in a file were, and estimates it where labels have not come yet.
    Performance(Box<PerformanceArgs>),
    /// Computes the metric of a published benchmark, beside the published values.
    Eval(EvalArgs),
    /// Tells what would have alerted under which budget, sigma or threshold.
    Backtest(Box<BacktestArgs>),
    /// Asks a running server how it is.
    Status(RemoteArgs),
    /// Lists the incidents of a running server.
    Incidents(IncidentsArgs),
    /// Lists the plans of a running server.
    Actions(RemoteArgs),
    /// Says yes to a plan of a running server.
    Approve(PlanArgs),
    /// Says no to a plan of a running server.
    Reject(PlanArgs),
    /// Tells a running server what you think of an incident.
    Feedback(FeedbackArgs),
    /// Sends labels of earlier predictions, from a file, to a running server.
    Labels(LabelsArgs),
    /// Writes the report of one incident of a running server.
    Report(ReportArgs),
    /// Asks a running server in words: why, what changed, is it healthy, which is worst, how to fix it.
    Ask(AskArgs),
    /// Searches runbooks, past incidents and log templates, or pins runbooks.
    Knowledge(KnowledgeArgs),
    /// Lists the forecast models of a running server, with their versions.
    Models(ModelsArgs),
    /// Trains a forecast model of a running server soon.
    Retrain(ModelArgs),
    /// Takes the serving version of a forecast model back.
    Rollback(VersionArgs),
    /// Lets another version of a forecast model serve.
    Promote(VersionArgs),
    /// Reads the ledger.
    Audit(AuditArgs),
    /// A harmless process that only waits; the demo's "miner".
    #[command(hide = true)]
    DemoProcess {
        /// Shown in the process list.
        words: Vec<String>,
    },
}

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

/// How to reach a running server.
#[derive(Clone, Debug, Args)]
pub struct RemoteArgs {
    /// Its address.
    #[arg(long, env = "SENTINEL_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Its access token.
    #[arg(long, env = "SENTINEL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Table for people or JSON for programs.
    #[arg(short = 'o', long = "output", value_enum, default_value_t)]
    pub output: Output,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Options of `incidents`.
#[derive(Debug, Args)]
pub struct IncidentsArgs {
    /// One incident whole.
    pub id: Option<IncidentId>,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Options of `approve` and `reject`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The plan, for example PLAN-3.
    pub plan: PlanId,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Options of `feedback`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct FeedbackArgs {
    /// What to do with what was said; left out: says something.
    #[command(subcommand)]
    pub command: Option<FeedbackCommand>,
    /// The incident, for example INC-17.
    #[arg(required = true)]
    pub incident: Option<IncidentId>,
    /// What you think of it.
    #[arg(value_enum, required = true)]
    pub opinion: Option<OpinionArg>,
    /// The service or host that was to blame.
    #[arg(long, value_name = "SERVICE")]
    pub cause: Option<String>,
    /// Speaks of this plan, not of the incident, for example PLAN-3.
    #[arg(long, value_name = "PLAN", conflicts_with = "cause")]
    pub action: Option<PlanId>,
    /// Why, in your words.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// What to do with what was said.
#[derive(Debug, Subcommand)]
pub enum FeedbackCommand {
    /// Lists what was said and what moved by it, the newest first.
    List {
        /// The server.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Takes an opinion back, with all that moved by it.
    Undo {
        /// The number of the lesson, as `sentinel feedback list` shows it.
        lesson: u64,
        /// The server.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

/// Options of `models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Only models in whose key all these words occur.
    pub words: Vec<String>,
    /// Lists every version that is kept.
    #[arg(long)]
    pub versions: bool,
    /// Lists models whose predictions are compared with a reference instead.
    #[arg(long, conflicts_with = "versions")]
    pub watched: bool,
    /// Writes a served model into a new folder, with its schema and card: another server serves it from there.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["versions", "watched"])]
    pub export: Option<PathBuf>,
    /// The version to export; the default one if left out.
    #[arg(long, value_name = "VERSION", requires = "export")]
    pub version: Option<String>,
    /// Lets this version of a served model answer, from the next request on and over restarts.
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["versions", "watched", "export"])]
    pub promote: Option<String>,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Which forecast model.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// The metric, the name of the watch, the key or the id of the model, as `sentinel models` lists them.
    pub metric: String,
    /// Labels of the series, as NAME=VALUE, where the metric has several.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Options of `rollback` and `promote`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The version, such as v3; must be given to `promote`, and may be to `rollback`.
    #[arg(long, alias = "run-id")]
    pub version: Option<String>,
}

/// What a person says of an incident.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OpinionArg {
    /// A real fault, and the cause is right.
    Right,
    /// A real fault, but the cause is wrong.
    Wrong,
    /// Not a fault.
    Noise,
}

/// Options of `ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question, for example "Analyze spike in /api/v1 latency at 14:32 UTC".
    #[arg(required = true, num_args = 1..)]
    pub question: Vec<String>,
    /// The zone in which times are meant, such as Europe/Berlin; UTC if left out.
    #[arg(long)]
    pub zone: Option<String>,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Options of `knowledge`.
#[derive(Debug, Args)]
pub struct KnowledgeArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KnowledgeCommand,
}

/// What to do with what is known.
#[derive(Debug, Subcommand)]
pub enum KnowledgeCommand {
    /// Finds what fits words best, on a running server.
    Search {
        /// The words.
        #[arg(required = true, num_args = 1..)]
        words: Vec<String>,
        /// Only this kind: runbook, incident or template.
        #[arg(long)]
        kind: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 10)]
        limit: usize,
        /// The server.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Lists the runbooks of a running server and whether they are as they were pinned.
    Runbooks {
        /// The server.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Writes the SHA-256 of runbooks into the file of pins: their text of now is what is approved.
    Pin {
        /// Only these files, as paths below the folder; all if left out.
        files: Vec<String>,
        /// The folder of runbooks; by default that of the configuration.
        #[arg(long, value_name = "DIR")]
        runbooks: Option<PathBuf>,
        /// The file of pins; by default `.sentinel-pins.json` in the folder.
        #[arg(long, value_name = "FILE")]
        pins: Option<PathBuf>,
        /// Writes nothing, and ends with exit code 1 if a runbook is not as it was pinned.
        #[arg(long)]
        check: bool,
        /// Which configuration.
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The incident, for example INC-17.
    pub incident: IncidentId,
    /// The form of the report.
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportForm,
    /// Where to write it; standard output if left out.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ReportForm {
    /// Markdown.
    #[default]
    Md,
    /// Self-contained page.
    Html,
    /// For programs.
    Json,
}

/// Options of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// What to do with the ledger.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Re-computes the hash chain, of a running server or (with --data-dir) of a stopped one; exit code 1 if broken.
    Verify {
        /// The data directory of a stopped server.
        #[arg(long)]
        data_dir: Option<PathBuf>,
        /// The server.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Prints the entries.
    List {
        /// The server.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        let parsed = Cli::try_parse_from(["sentinel", "backtest", "--file", "f.csv", "--budget", "3 per day"]);
        assert!(parsed.is_ok(), "{parsed:?}");
        for wrong in
            [vec!["backtest"], vec!["backtest", "m", "--budget", "many"], vec!["backtest", "m", "--value", "v"]]
        {
            let words = ["sentinel"].into_iter().chain(wrong.iter().copied());
            assert!(Cli::try_parse_from(words).is_err(), "{wrong:?}");
        }
    }
}
