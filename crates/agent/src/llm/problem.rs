//! What does a provider mean when it does not answer? Its status and its words become one of our errors.

use std::time::Duration;

use serde_json::Value;

use super::wire::list;
use crate::ModelError;

/// Characters of a provider's text that an error has.
const MAX_TEXT: usize = 300;

/// Words of providers, with the status that means the same.
const WORDS: [(&str, u16); 23] = [
    ("insufficient_quota", 402),
    ("billing_error", 402),
    ("API_KEY_INVALID", 401),
    ("invalid_api_key", 401),
    ("authentication_error", 401),
    ("permission_error", 403),
    ("UNAUTHENTICATED", 401),
    ("PERMISSION_DENIED", 403),
    ("rate_limit_error", 429),
    ("rate_limit_exceeded", 429),
    ("RESOURCE_EXHAUSTED", 429),
    ("overloaded_error", 529),
    ("UNAVAILABLE", 503),
    ("timeout_error", 504),
    ("DEADLINE_EXCEEDED", 504),
    ("request_too_large", 413),
    ("invalid_request_error", 400),
    ("context_length_exceeded", 400),
    ("INVALID_ARGUMENT", 400),
    ("FAILED_PRECONDITION", 400),
    ("not_found_error", 404),
    ("model_not_found", 404),
    ("NOT_FOUND", 404),
];

/// Of an answer with a status that is no success.
pub fn of_status(status: u16, retry_after: Option<Duration>, body: &[u8]) -> ModelError {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    // Gemini's streams begin with a list.
    let message = message.get(0).unwrap_or(&message);
    let text = match words(message) {
        Some(text) => text,
        None => excerpt(&String::from_utf8_lossy(body)),
    };
    // Some words say more than the status: a key that is wrong is a 400 of Gemini, an empty account a 429 of OpenAI.
    let by_word = status_of_words(message).filter(|it| matches!(it, 401 | 402)).unwrap_or(status);
    classify(by_word, retry_after.or_else(|| pause_in(message)), format!("{status}: {text}"))
}

/// Of a message in a stream that is an error.
pub fn of_message(message: &Value) -> Option<ModelError> {
    let message = message.get(0).unwrap_or(message);
    let error = message.get("error").filter(|it| !it.is_null())?;
    let code = error.get("code").and_then(Value::as_u64).and_then(|it| u16::try_from(it).ok());
    let status = status_of_words(message).or(code).unwrap_or(500);
    Some(classify(status, pause_in(message), words(message).unwrap_or_default()))
}

fn classify(status: u16, retry_after: Option<Duration>, text: String) -> ModelError {
    match status {
        401 | 403 => ModelError::Unauthorized,
        429 => ModelError::RateLimited { retry_after },
        503 | 529 if retry_after.is_some() => ModelError::RateLimited { retry_after },
        408 | 409 | 425 | 500.. => ModelError::Unavailable(text),
        300..=399 => ModelError::Rejected(format!("{text} (redirects are not followed; set agent.base_url)")),
        _ => ModelError::Rejected(text),
    }
}

fn status_of_words(message: &Value) -> Option<u16> {
    let error = message.get("error")?;
    let details = list(error, "details").iter().map(|it| it.get("reason"));
    let said = [error.get("code"), error.get("type"), error.get("status")];
    let said: Vec<&str> = said.into_iter().chain(details).flatten().filter_map(Value::as_str).collect();
    WORDS.iter().find(|it| said.contains(&it.0)).map(|it| it.1)
}

fn words(message: &Value) -> Option<String> {
    let error = message.get("error")?;
    error.as_str().or_else(|| error.get("message")?.as_str()).map(excerpt)
}

/// One line that can be shown.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|it| !it.is_control()).take(MAX_TEXT).collect()
}

/// Gemini says in the body how long to wait.
fn pause_in(message: &Value) -> Option<Duration> {
    let details = list(message.get("error")?, "details");
    let pause = details.iter().find_map(|it| it.get("retryDelay")?.as_str())?;
    pause.strip_suffix('s')?.parse().ok().and_then(|it| Duration::try_from_secs_f64(it).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 685 of docs/specs/llm.md.
    #[test]
    fn each_provider_is_understood() {
        let check = |status: u16, body: &str, wanted: &str| {
            assert_eq!(format!("{:?}", of_status(status, None, body.as_bytes())), wanted, "{status} {body}");
        };
        check(401, r#"{"error":{"message":"Incorrect API key provided"}}"#, "Unauthorized");
        check(
            400,
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid.","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            "Unauthorized",
        );
        check(403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}"#, "Unauthorized");
        check(
            429,
            r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"retryDelay":"2.5s"}]}}]"#,
            "RateLimited { retry_after: Some(2.5s) }",
        );
        check(
            429,
            r#"{"error":{"message":"You exceeded your quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            r#"Rejected("429: You exceeded your quota")"#,
        );
        check(404, r#"{"error":"model \"x\" not found"}"#, r#"Rejected("404: model \"x\" not found")"#);
        check(529, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, r#"Unavailable("529: m")"#);
        check(502, "<html>\n<b>Bad\u{7} gateway</b>", r#"Unavailable("502: <html> <b>Bad gateway</b>")"#);
        check(307, "", r#"Rejected("307:  (redirects are not followed; set agent.base_url)")"#);
        let busy = of_status(503, Some(Duration::from_secs(3)), b"");
        assert_eq!(busy, ModelError::RateLimited { retry_after: Some(Duration::from_secs(3)) });
    }

    /// Guarantees: MUST 685 of docs/specs/llm.md.
    #[test]
    fn an_error_within_a_stream_is_an_error() {
        let check = |message: &str, wanted: &str| {
            let found = of_message(&serde_json::from_str(message).unwrap());
            assert_eq!(format!("{found:?}"), wanted, "{message}");
        };
        check(r#"{"error":null,"choices":[]}"#, "None");
        check(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, r#"Some(Unavailable("m"))"#);
        check(r#"{"error":{"code":"rate_limit_exceeded","message":"m"}}"#, "Some(RateLimited { retry_after: None })");
        check(r#"{"error":{"code":502,"message":"m"}}"#, r#"Some(Unavailable("m"))"#);
        check(r#"{"error":"an error was encountered"}"#, r#"Some(Unavailable("an error was encountered"))"#);
    }
}
