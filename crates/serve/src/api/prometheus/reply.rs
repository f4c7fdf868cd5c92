//! How is a question of the Prometheus API answered? The form is read, the work is done on a thread of its own, and the
//! answer stands in the envelope that clients know.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::fault::Fault;
use super::form::Form;
use super::numbers::put_text;
use crate::app::App;

/// What Prometheus says when `limit` has cut an answer.
const CUT: &str = "results truncated due to limit";

/// What is answered.
#[derive(Debug, Default)]
pub struct Reply {
    /// JSON.
    pub data: String,
    /// What the asker should know: the answer may be wrong or not whole.
    pub warnings: Vec<String>,
    /// What the asker may want to know.
    pub infos: Vec<String>,
}

impl Reply {
    /// Data alone.
    pub fn of(data: String) -> Self {
        Self { data, ..Self::default() }
    }

    /// Data of which some may have been left out.
    pub fn cut(data: String, is_cut: bool) -> Self {
        let warnings = if is_cut { vec![CUT.to_owned()] } else { vec![] };
        Self { data, warnings, ..Self::default() }
    }

    /// Says that a limit has left something out.
    pub fn is_cut(&mut self) {
        self.warnings.push(CUT.to_owned());
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut body = String::with_capacity(self.data.len() + 64);
        body.push_str("{\"status\":\"success\",\"data\":");
        body.push_str(&self.data);
        for (name, texts) in [("warnings", &self.warnings), ("infos", &self.infos)] {
            if texts.is_empty() {
                continue;
            }
            body.push_str(&format!(",\"{name}\":["));
            for (idx, text) in texts.iter().enumerate() {
                body.push_str(if idx == 0 { "" } else { "," });
                put_text(&mut body, text);
            }
            body.push(']');
        }
        body.push('}');
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// Answers with what `answer` makes of the form; it may touch the disk and take its time.
pub async fn respond(
    app: Arc<App>,
    request: Request,
    answer: impl FnOnce(&App, &Form) -> Result<Reply, Fault> + Send + 'static,
) -> Response {
    let outcome = async {
        let form = Form::of(request).await?;
        let queries = Arc::clone(&app.ports.queries);
        queries.work(move || answer(&app, &form)).await?
    };
    outcome.await.map_or_else(Fault::into_response, Reply::into_response)
}
