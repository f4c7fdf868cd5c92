//! What would be done, and may it be done? The card of a plan with its two buttons.

use maud::{Markup, html};
use signal::{Direction, Plan, PlanState, PlannedStep, StepKind, Timestamp};

use super::text;

/// A plan with its steps, digest and buttons.
pub fn card(it: &Plan, now: Timestamp) -> Markup {
    html! {
        article.card.plan data-testid="plan" data-key=(it.id) data-plan=(it.id) data-state=(state_name(it.state)) {
            div.card-head {
                span.id { (it.id) }
                span data-testid="plan-state" { (text::plan_state(it.state)) }
                @if it.is_dry_run { (text::badge("quiet", "Dry run")) }
            }
            h3 { (text::plain(&it.playbook)) " on " (text::plain(&it.target)) }
            @if it.is_dry_run { p.muted.small { "Steps are shown and logged, not carried out." } }
            ol.steps { @for step in &it.steps { (step_item(step)) } }
            (verification(it))
            @if !it.reason.is_empty() { p.reason { (text::plain(&it.reason)) } }
            @if let Some(approval) = &it.approval {
                p.muted.small { "Approved by " (text::plain(&approval.actor)) " at " (text::clock(approval.time)) "." }
            }
            @if it.state == PlanState::Proposed { (decision(it, now)) }
            details.digest { summary { "Digest " code { (it.digest.get(..12).unwrap_or(&it.digest)) } } code data-testid="digest" { (it.digest) } }
        }
    }
}

fn decision(it: &Plan, now: Timestamp) -> Markup {
    let url = |word: &str| format!("/sentinel/v1/plans/{}/{word}", it.id);
    let steps: Vec<String> = it.steps.iter().map(|it| step_text(&it.action)).collect();
    let what = if it.is_dry_run { "show (dry run)" } else { "carry out" };
    html! {
        div.actions {
            form method="post" action=(url("approve")) data-confirm={ "Approve " (it.id) "? Sentinel will " (what) ":" }
                data-detail=(text::plain(&steps.join("\n"))) data-yes="Approve" data-done="Approved." {
                input type="hidden" name="digest" value=(it.digest);
                input type="hidden" name="actor" value="web";
                button.primary data-testid="approve" { "Approve" }
            }
            form method="post" action=(url("reject")) data-confirm={ "Reject " (it.id) "? Nothing will be done." } data-yes="Reject" data-done="Rejected." {
                input type="hidden" name="actor" value="web";
                button data-testid="reject" { "Reject" }
            }
            @if it.expires_at > now { span.muted.small { "expires " (text::ago(it.expires_at, now)) } }
            @else { span.muted.small { "has expired" } }
        }
    }
}

fn step_item(step: &PlannedStep) -> Markup {
    html! {
        li.step {
            span.step-kind { (step_name(&step.action)) }
            pre.line { (text::plain(&step_text(&step.action))) }
            @match &step.undo {
                Some(undo) => p.muted.small { "Undo: " code { (text::plain(&step_text(undo))) } },
                None => p.muted.small { "Cannot be undone." },
            }
            @if let Some(outcome) = &step.outcome {
                p class={ "outcome " (if outcome.is_ok { "good" } else { "bad" }) } {
                    (if outcome.is_ok { "Done" } else { "Failed" }) " at " (text::clock(outcome.time)) ": " (text::plain(&outcome.detail))
                }
            }
        }
    }
}

fn step_name(step: &StepKind) -> &'static str {
    match step {
        StepKind::Webhook { .. } => "Webhook",
        StepKind::Command { .. } => "Command",
        StepKind::AirflowRun { .. } => "Start a run in Airflow",
        StepKind::AirflowStop { .. } => "End a run in Airflow",
        StepKind::Train { .. } => "Train a new version",
        StepKind::TerminateProcess { .. } => "Terminate process",
    }
}

fn step_text(step: &StepKind) -> String {
    match step {
        StepKind::Webhook { method, url, body } => format!("{method} {url}\n{body}"),
        StepKind::Command { argv } => argv.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(" "),
        StepKind::AirflowRun { url, dag, run_id, conf, wait_secs, .. } => {
            let wait = if *wait_secs > 0 { format!("\nwaits {wait_secs} s for its success") } else { String::new() };
            format!("{run_id} of {dag} at {url}\n{conf}{wait}")
        }
        StepKind::AirflowStop { url, dag, run_id, .. } => format!("{run_id} of {dag} at {url}"),
        StepKind::Train { data, target, name, out, .. } => {
            format!("{name}, to tell {target} from {data}\ninto {out}; what serves now stays")
        }
        StepKind::TerminateProcess { pid, command, .. } => format!("pid {pid}: {command}"),
    }
}

/// An argument whose limits can be seen.
fn quoted(argument: &str) -> String {
    let is_plain = !argument.is_empty() && argument.chars().all(|it| it.is_alphanumeric() || "-_./:=@,+".contains(it));
    if is_plain { argument.to_owned() } else { format!("{argument:?}") }
}

fn verification(it: &Plan) -> Markup {
    let check = &it.verification;
    let side = match check.direction {
        Direction::Above => "below",
        Direction::Below => "above",
    };
    html! {
        p.small {
            "Afterwards " a href=(text::series_url(&check.labels)) { (text::series(&check.labels)) }
            " must stay " (side) " " strong { (text::number(check.threshold)) } " for " (check.hold_secs) " s, within " (check.timeout_secs) " s."
        }
    }
}

/// Name of a state for tests and the script, as in JSON.
fn state_name(state: PlanState) -> String {
    serde_json::to_value(state).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_show_their_limits() {
        let argv = ["/bin/restart", "a b", ""].map(str::to_owned).to_vec();
        assert_eq!(step_text(&StepKind::Command { argv }), r#"/bin/restart "a b" """#);
    }
}
