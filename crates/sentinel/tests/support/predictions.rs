//! How does a test tell a server what a model elsewhere answered, and what was right?

use serde_json::{Value, json};

use super::server::Server;

/// Most rows of one request.
const MAX_ROWS: usize = 500;

/// Logs predictions that were made elsewhere.
pub fn log(server: &Server, rows: &[Value]) {
    for part in rows.chunks(MAX_ROWS) {
        let answer = server.post_json("/sentinel/v1/inferences", &json!({"inferences": part}));
        assert!(answer.status < 300, "{}", answer.text());
    }
}

/// Sends labels of earlier predictions.
pub fn label(server: &Server, labels: &[Value]) {
    for part in labels.chunks(MAX_ROWS) {
        let answer = server.post_json("/feedback", &json!(part));
        assert!(answer.status < 300, "{}", answer.text());
    }
}
