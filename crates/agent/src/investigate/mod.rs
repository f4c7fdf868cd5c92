//! How is an incident investigated? A model asks through tools and answers with claims; code keeps the budget and checks.
//!
//! Reading order: `case` is what it is about, `prompt` what the model is told, `conversation` the loop, `exhibits` the
//! evidence that was given out, `partner` who answers: a live model with tools, or a record of them.
//! Whatever happens in here, the diagnosis stands: the outcome is an addition to it.

mod case;
mod conversation;
mod exhibits;
mod partner;
mod prompt;
mod spending;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use signal::{Evidence, Investigation};

pub use self::case::Case;
pub(crate) use self::conversation::converse;
use self::partner::Live;
pub(crate) use self::partner::{Partner, Reply};
use crate::tools::Toolbox;
use crate::transcript::Transcript;
use crate::{Budget, Frames, Limits, Model};

/// Reads evidence of a diagnosis again; true if it still holds. Filled in by the composition root.
pub trait Reopen: Send + Sync {
    /// It may touch the disk; it is called on a thread that may block.
    fn holds(&self, evidence: &Evidence) -> bool;
}

/// Investigates incidents.
#[derive(Clone)]
pub struct Investigator {
    /// Who is asked.
    pub model: Arc<dyn Model>,
    /// What may be called.
    pub tools: Toolbox,
    /// Reads evidence of the diagnosis again.
    pub reopen: Arc<dyn Reopen>,
    /// How much it may use.
    pub budget: Budget,
    /// How much it may ask of tools.
    pub limits: Limits,
}

impl Investigator {
    /// Holds the conversation about a case. The transcript is complete whatever happens; the future ends soon after the
    /// time of the budget is over.
    pub fn investigate<'a>(
        &'a self,
        case: &'a Case,
        frames: Frames,
        transcript: &'a mut Transcript,
    ) -> BoxFuture<'a, Investigation> {
        Box::pin(async move {
            let begin = Instant::now();
            let most = Duration::from_secs(self.budget.max_secs);
            let mut partner = Live::new(self, begin, most);
            let specs = self.tools.specs();
            let mut investigation = converse(
                case,
                self.model.name(),
                &specs,
                (&self.budget, &self.limits),
                &frames,
                &mut partner,
                transcript,
            )
            .await;
            investigation.seconds = begin.elapsed().as_secs_f64();
            investigation
        })
    }
}
