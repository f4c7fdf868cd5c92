//! Who sends how much, and how much may they?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::error::Error;
use crate::ports::IntakeStatus;

/// `GET /sentinel/v1/intake`.
pub async fn status(State(app): State<Arc<App>>) -> Result<Json<IntakeStatus>, Error> {
    app.ask(|app| Ok(app.ports.intake.intake())).await.map(Json)
}
