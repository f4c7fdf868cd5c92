//! What would have alerted? A question about stored samples under several thresholds.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use signal::{AlertBudget, BackTest, BackTestQuestion, Choice, Labels};

use crate::app::App;
use crate::error::Error;
use crate::parameters::{Told, range};

/// Without a range the last day is asked about.
const DEFAULT_SPAN: Duration = Duration::from_secs(86_400);
/// Choices of one question.
const MOST_CHOICES: usize = 8;

/// Which series, which span, which thresholds.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// Series with all of these labels.
    pub selector: String,
    /// Begin, in the forms that all ranges have.
    pub from: Option<String>,
    /// End.
    pub to: Option<String>,
    /// False leaves out the outcome of the policies as they are configured.
    pub configured: Option<bool>,
    /// Budgets such as `3 per day`.
    pub budgets: Vec<AlertBudget>,
    /// Numbers of standard deviations.
    pub sigma: Vec<f64>,
    /// Shares of points above.
    pub contamination: Vec<f64>,
    /// Scores in place of 1.0.
    pub threshold: Vec<f64>,
}

impl Question {
    /// The question for the port. The error names the field.
    pub fn checked(&self, app: &App) -> Result<BackTestQuestion, Error> {
        let selector: Labels = self.selector.parse().map_err(|error| Error::Unusable(format!("selector: {error}")))?;
        if selector.is_empty() {
            return Err(Error::Unusable(
                "selector: names no label; write for example cpu_usage{service=\"pay\"}".into(),
            ));
        }
        let range = range(&self.from, &self.to, app.now(), DEFAULT_SPAN)?;
        let mut choices: Vec<(String, Choice)> = vec![];
        if self.configured != Some(false) {
            choices.push(("configured".to_owned(), Choice::Configured));
        }
        let field = |name: &str, idx: usize| format!("{name}[{idx}]");
        let budgets = self.budgets.iter().enumerate().map(|(idx, it)| (field("budgets", idx), Choice::Budget(*it)));
        let sigma = self.sigma.iter().enumerate().map(|(idx, it)| (field("sigma", idx), Choice::Sigma(*it)));
        let contamination = self.contamination.iter().enumerate();
        let contamination = contamination.map(|(idx, it)| (field("contamination", idx), Choice::Contamination(*it)));
        let threshold = self.threshold.iter().enumerate();
        let threshold = threshold.map(|(idx, it)| (field("threshold", idx), Choice::Threshold(*it)));
        choices.extend(budgets.chain(sigma).chain(contamination).chain(threshold));
        if choices.is_empty() || choices.len() > MOST_CHOICES {
            return Err(Error::Unusable(format!("budgets: 1 to {MOST_CHOICES} choices in all can be compared")));
        }
        for (field, choice) in &choices {
            if let Some((_, problem)) = choice.problem().and_then(|it| it.split_once(": ")) {
                return Err(Error::Unusable(format!("{field}: {problem}")));
            }
        }
        Ok(BackTestQuestion { selector, range, choices: choices.into_iter().map(|(_, it)| it).collect() })
    }
}

/// `POST /sentinel/v1/backtest`.
pub async fn run(State(app): State<Arc<App>>, told: Told<Question>) -> Result<Json<BackTest>, Error> {
    app.ask(move |app| Ok(app.ports.back_tester.back_test(&told.value.checked(app)?)?)).await.map(Json)
}
