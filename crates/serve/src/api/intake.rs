//! Who sends how much, and how much may they?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::error::Error;
use crate::ports::IntakeStatus;
use crate::sources::{KafkaStatus, SourceStatus, kafka, sources};
use crate::workforce::WorkforceStatus;

/// Everything that is known of what comes in.
#[derive(Debug, PartialEq, Serialize)]
pub struct IntakeView {
    /// Memory and tenants.
    #[serde(flatten)]
    pub status: IntakeStatus,
    /// Rates are means over so many seconds.
    pub rate_secs: f64,
    /// The ways in that did something, the busiest first.
    pub sources: Vec<SourceStatus>,
    /// What is read from Kafka; none if nothing is.
    pub kafka: Option<KafkaStatus>,
    /// The workers, where other processes judge signals.
    pub workers: Option<WorkforceStatus>,
}

/// What there is to tell now.
pub fn view(app: &App) -> IntakeView {
    let metrics = app.metrics();
    let mut sources = sources(&metrics);
    let rate_secs = app.looks.rate(&mut sources, app.started, app.now());
    IntakeView {
        status: app.ports.intake.intake(),
        rate_secs,
        sources,
        kafka: kafka(&metrics),
        workers: app.ports.workforce.as_ref().map(|it| it.workforce()),
    }
}

/// `GET /sentinel/v1/intake`.
pub async fn status(State(app): State<Arc<App>>) -> Result<Json<IntakeView>, Error> {
    app.ask(|app| Ok(view(app))).await.map(Json)
}
