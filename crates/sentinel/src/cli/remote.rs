//! Options of the commands that ask a running server about incidents, plans and knowledge.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use signal::{IncidentId, PlanId};

use super::ConfigArgs;

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
