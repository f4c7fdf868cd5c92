//! What shall be done? A plan made from a playbook, and the states it goes through.
//!
//! ```text
//! Proposed -> Approved -> Executing -> Verifying -> Succeeded
//!    |  |                     |            |
//!    |  +-> Rejected          +-> Failed <-+-> Undone
//!    +-> Expired
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Direction, FaultClass, IncidentId, Labels, Timestamp};

/// The identity of a plan: `PLAN-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanId(pub u64);

impl fmt::Display for PlanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PLAN-{}", self.0)
    }
}

impl From<PlanId> for String {
    fn from(id: PlanId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for PlanId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for PlanId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("PLAN-").and_then(|it| it.parse().ok());
        number.map(Self).ok_or_else(|| format!("{text:?} is not a plan id such as PLAN-3"))
    }
}

/// Steps that a playbook proposes for an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Identity.
    pub id: PlanId,
    /// The incident it is for.
    pub incident: IncidentId,
    /// The playbook it was made from.
    pub playbook: String,
    /// The service or host it acts on.
    pub target: String,
    /// The fault it is meant for.
    pub fault: FaultClass,
    /// What will be done, in order.
    pub steps: Vec<PlannedStep>,
    /// What must be true afterwards.
    pub verification: Verification,
    /// True: steps are shown and logged but not carried out.
    pub is_dry_run: bool,
    /// Where it stands.
    pub state: PlanState,
    /// Why it is where it stands, for people.
    pub reason: String,
    /// SHA-256 (hex) over what will be done (incident, playbook, target, steps, verification, dry run); an approval
    /// names it, so that nothing else can be carried out under it.
    pub digest: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// After this it can no longer be approved or carried out.
    pub expires_at: Timestamp,
    /// Who allowed it.
    pub approval: Option<Approval>,
}

/// Where a plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Waits for approval.
    Proposed,
    /// May be carried out.
    Approved,
    /// Is being carried out.
    Executing,
    /// Was carried out; the signal is watched.
    Verifying,
    /// The signal recovered (dry run: all steps were shown).
    Succeeded,
    /// The signal did not recover and the undo steps were carried out.
    Undone,
    /// A step failed, or the signal did not recover and there was no undo.
    Failed,
    /// A person said no.
    Rejected,
    /// Nobody said anything in time.
    Expired,
}

impl PlanState {
    /// True if nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Undone | Self::Failed | Self::Rejected | Self::Expired)
    }
}

/// One step with its undo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// What is done.
    pub action: StepKind,
    /// What takes it back; None makes the step irreversible.
    pub undo: Option<StepKind>,
    /// What came of it.
    pub outcome: Option<StepOutcome>,
}

/// What a step does. All parts are typed and were checked by policy; nothing here goes through a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StepKind {
    /// An HTTP request.
    Webhook {
        /// `POST` or `PUT`.
        method: String,
        /// Where to.
        url: String,
        /// JSON body.
        body: String,
    },
    /// A program from the allow-list.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// A run of an Airflow DAG.
    AirflowRun {
        /// Where Airflow answers.
        url: String,
        /// `v2` or `v1`.
        api: String,
        /// The DAG.
        dag: String,
        /// The id of the run, chosen here: a second one of the same id is refused.
        run_id: String,
        /// What the DAG is given, as JSON.
        conf: String,
        /// How long to wait for its success, in seconds; 0: not.
        wait_secs: u64,
    },
    /// Ends such a run.
    AirflowStop {
        /// Where Airflow answers.
        url: String,
        /// `v2` or `v1`.
        api: String,
        /// The DAG.
        dag: String,
        /// The id of the run.
        run_id: String,
    },
    /// Trains a model into a folder of its own, which does not serve yet.
    Train {
        /// The data.
        data: String,
        /// The column that is learned.
        target: String,
        /// The model.
        name: String,
        /// The folder of the new version.
        out: String,
        /// Trees.
        trees: u32,
        /// Columns that are no inputs.
        ignore: Vec<String>,
    },
    /// SIGTERM, then after a grace period SIGKILL.
    TerminateProcess {
        /// Process id.
        pid: u32,
        /// Its start, seconds since the epoch; a process with another start is another process and is left alone.
        start_time: i64,
        /// Its command line, for people.
        command: String,
    },
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// When it ended.
    pub time: Timestamp,
    /// True if it did what it should.
    pub is_ok: bool,
    /// Status code, exit code, first bytes of the output (untrusted), or the error.
    pub detail: String,
}

/// The signal that must recover.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// The series that was anomalous.
    pub labels: Labels,
    /// The side on which it was.
    pub direction: Direction,
    /// It has recovered when it is back on the right side of this value.
    pub threshold: f64,
    /// For how long it must stay there, in seconds.
    pub hold_secs: u64,
    /// When to give up, in seconds after the last step.
    pub timeout_secs: u64,
}

/// A signed yes, bound to one plan's digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Who said yes (user, or `policy` when the playbook allows itself).
    pub actor: String,
    /// When.
    pub time: Timestamp,
    /// The digest that was approved.
    pub digest: String,
    /// HMAC-SHA-256 (hex) over plan id, digest, actor, time and expiry, with the key of this installation.
    pub signature: String,
}
