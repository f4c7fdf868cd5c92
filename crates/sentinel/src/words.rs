//! How are states called in sentences?

use signal::PlanState;

/// A plan's state in words.
pub const fn plan_state(state: PlanState) -> &'static str {
    match state {
        PlanState::Proposed => "proposed",
        PlanState::Approved => "approved",
        PlanState::Executing => "being carried out",
        PlanState::Verifying => "being verified",
        PlanState::Succeeded => "successful",
        PlanState::Undone => "undone",
        PlanState::Failed => "failed",
        PlanState::Rejected => "rejected",
        PlanState::Expired => "expired",
    }
}
