//! Which rules are there, and which alerts fire? `rules`, `alerts` and `alertmanagers`:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#rules>.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use promql::Matcher;
use serde::Serialize;
use serde_json::json;
use signal::{Labels, Timestamp};

use super::fault::Fault;
use super::form::Form;
use super::reply::{Reply, respond};
use super::series::selectors;
use crate::app::App;

/// Rules that are evaluated together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub file: String,
    /// Its rules, in their order.
    pub rules: Vec<Rule>,
    /// Seconds between evaluations.
    pub interval: f64,
    /// Most series or alerts of a rule; 0 for any number.
    pub limit: usize,
    /// Seconds that the last evaluation took.
    #[serde(rename = "evaluationTime")]
    pub evaluation_secs: f64,
    /// When that was.
    #[serde(rename = "lastEvaluation")]
    pub last_evaluation: Timestamp,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// `alerting` or `recording`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The series or the alert.
    pub name: String,
    /// The expression.
    pub query: String,
    /// Labels it adds.
    pub labels: Labels,
    /// `ok`, `err` or `unknown`.
    pub health: &'static str,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Seconds that the last evaluation took.
    #[serde(rename = "evaluationTime")]
    pub evaluation_secs: f64,
    /// When that was.
    pub last_evaluation: Timestamp,
    /// What only rules that alert have.
    #[serde(flatten)]
    pub alerting: Option<Alerting>,
}

/// What a rule that alerts has besides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alerting {
    /// The worst state of its alerts.
    pub state: &'static str,
    /// Seconds before an alert fires.
    #[serde(rename = "duration")]
    pub for_secs: f64,
    /// Seconds for which it goes on firing.
    #[serde(rename = "keepFiringFor")]
    pub keep_firing_secs: f64,
    /// Texts, as templates.
    pub annotations: Labels,
    /// Those that are pending or fire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Vec<FiringAlert>>,
}

/// An alert of ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FiringAlert {
    /// What identifies it.
    pub labels: Labels,
    /// What is said of it.
    pub annotations: Labels,
    /// `pending` or `firing`.
    pub state: &'static str,
    /// Since when the condition holds.
    pub active_at: Timestamp,
    /// Since when the condition no longer holds, while it goes on firing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_firing_since: Option<Timestamp>,
    /// The value of the expression.
    pub value: String,
}

/// `GET /api/v1/rules`.
pub async fn list(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        let mut groups = app.ports.rules.groups();
        keep_wanted(&mut groups, form)?;
        Ok(Reply::of(json!({ "groups": groups }).to_string()))
    })
    .await
}

/// `GET /api/v1/alerts`.
pub async fn alerts(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, _| {
        let rules = app.ports.rules.groups().into_iter().flat_map(|it| it.rules);
        let alerts: Vec<FiringAlert> = rules.filter_map(|it| it.alerting?.alerts).flatten().collect();
        Ok(Reply::of(json!({ "alerts": alerts }).to_string()))
    })
    .await
}

/// `GET /api/v1/alertmanagers`.
pub async fn alertmanagers(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, _| {
        let active: Vec<_> = app.ports.rules.alertmanagers().into_iter().map(|it| json!({ "url": it })).collect();
        Ok(Reply::of(json!({ "activeAlertmanagers": active, "droppedAlertmanagers": [] }).to_string()))
    })
    .await
}

fn keep_wanted(groups: &mut Vec<RuleGroup>, form: &Form) -> Result<(), Fault> {
    let kind = match form.get("type") {
        None => None,
        Some("alert") => Some("alerting"),
        Some("record") => Some("recording"),
        Some(other) => return Err(Fault::parameter("type", &format!("not supported value {other:?}"))),
    };
    let is_without_alerts = match form.get("exclude_alerts") {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(Fault::parameter("exclude_alerts", &format!("{other:?} is not true or false"))),
    };
    let selectors = selectors(form)?;
    let is_named = |list: &str, name: &str| form.all(list).next().is_none() || form.all(list).any(|it| it == name);
    groups.retain(|it| is_named("rule_group[]", &it.name) && is_named("file[]", &it.file));
    for group in groups.iter_mut() {
        group.rules.retain(|it| {
            kind.is_none_or(|kind| kind == it.kind) && is_named("rule_name[]", &it.name) && fits(&selectors, &it.labels)
        });
        if is_without_alerts {
            group.rules.iter_mut().filter_map(|it| it.alerting.as_mut()).for_each(|it| it.alerts = None);
        }
    }
    groups.retain(|it| !it.rules.is_empty());
    Ok(())
}

fn fits(selectors: &[Vec<Matcher>], labels: &Labels) -> bool {
    selectors.is_empty() || selectors.iter().any(|all| all.iter().all(|it| it.matches_labels(labels)))
}
