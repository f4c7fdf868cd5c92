//! How does the language model do?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::agent::AgentStatus;
use crate::app::App;
use crate::error::Error;

/// `GET /sentinel/v1/agent`.
pub async fn status(State(app): State<Arc<App>>) -> Result<Json<AgentStatus>, Error> {
    app.ask(|app| Ok(app.ports.agent.agent())).await.map(Json)
}
