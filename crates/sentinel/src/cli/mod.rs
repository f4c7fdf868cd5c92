//! What can a user ask for on the command line?

mod bench;
mod models;
mod remote;
mod run;

use clap::{Parser, Subcommand};
use offline::diagnose::DiagnoseArgs;
use offline::drift::DriftArgs;
use offline::eval::EvalArgs;
use offline::forecast::ForecastArgs;
use offline::outliers::OutliersArgs;
use offline::performance::PerformanceArgs;
use offline::score::ScoreArgs;
use offline::templates::TemplatesArgs;
use offline::train::TrainArgs;

use crate::backtest::BacktestArgs;
use crate::label_client::LabelsArgs;

pub use bench::{
    BackfillArgs, BenchArgs, BenchCommand, DiagnoseBenchArgs, DriftBenchArgs, IngestArgs, KafkaArgs, QueryBenchArgs,
    ScaleArgs,
};
pub use models::{ModelArgs, ModelsArgs, VersionArgs};
pub use remote::{
    AskArgs, AuditArgs, AuditCommand, FeedbackArgs, FeedbackCommand, IncidentsArgs, KnowledgeArgs, KnowledgeCommand,
    OpinionArg, Output, PlanArgs, RemoteArgs, ReportArgs, ReportForm,
};
pub use run::{Approver, ConfigArgs, DemoArgs, Role, RunArgs, TestArgs};

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
