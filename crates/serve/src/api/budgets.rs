//! How many alerts were there, and how many may there be?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use signal::BudgetStatus;

use crate::app::App;
use crate::error::Error;
use crate::parameters::Page;

/// `GET /sentinel/v1/budgets`.
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Page<BudgetStatus>>, Error> {
    app.ask(|app| Ok(Page::whole(app.ports.budgets.budgets()))).await.map(Json)
}
