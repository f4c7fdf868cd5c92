//! Why is there no prediction? One variant per way, each with the words for the client.

use crate::schema::FieldProblem;

/// A request that could not be answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// There is no such model or version. The text names it and says which there are.
    #[error("{0}")]
    NotFound(String),
    /// The body cannot be read at all. The client mends its syntax.
    #[error("{0}")]
    Malformed(String),
    /// Fields are unknown, missing or have values that cannot be used.
    #[error("{}", told(.0))]
    Fields(Vec<FieldProblem>),
    /// The body, or the number of its rows, is above the limit.
    #[error("{0}")]
    TooLarge(String),
    /// As much is going on already as is allowed; the client comes back later.
    #[error("{0}")]
    Busy(String),
    /// The model failed on rows that fit its schema. The operator looks at the model.
    #[error("the model failed: {0}")]
    Model(String),
    /// The log could not keep what must be kept. The operator looks at the disk.
    #[error("cannot write to the log of predictions: {0}")]
    Log(String),
    /// The server behind the proxy does not answer. The operator looks at that server.
    #[error("{0}")]
    Upstream(String),
}

fn told(problems: &[FieldProblem]) -> String {
    let one = |it: &FieldProblem| match it.row {
        Some(row) => format!("row {row}: {} {}", it.field, it.problem),
        None => format!("{} {}", it.field, it.problem),
    };
    let shown: Vec<String> = problems.iter().take(5).map(one).collect();
    let rest = problems.len().saturating_sub(5);
    let more = if rest > 0 { format!(" (and {rest} more)") } else { String::new() };
    format!("{}{more}", shown.join("; "))
}
