//! What did the request ask for? Query strings, bodies, times and pages, with errors that name the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use signal::{TimeRange, Timestamp};
use std::time::Duration;

use crate::error::Error;

/// The query string as a typed value; unknown or unreadable parameters are errors.
pub struct Ask<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Ask<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::Malformed(rejection.body_text())),
        }
    }
}

/// A JSON body, or the same fields from a form of our own pages. An empty JSON body stands for `{}`.
pub struct Told<T> {
    /// The fields.
    pub value: T,
    /// True if a form was submitted: the answer is then a way back to the page.
    pub is_form: bool,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Told<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let is_form = is_form(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|it| match it.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
            _ => Error::Malformed(it.body_text()),
        })?;
        let value = if is_form { from_form(&bytes)? } else { from_json(&bytes)? };
        Ok(Self { value, is_form })
    }
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let text: &[u8] = if bytes.iter().all(u8::is_ascii_whitespace) { b"{}" } else { bytes };
    let mut reader = serde_json::Deserializer::from_slice(text);
    // The error begins with the path of the field.
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.inner().classify() {
        serde_json::error::Category::Data => Error::Unusable(error.to_string()),
        _ => Error::Malformed(format!("body is not JSON: {error}")),
    })?;
    reader.end().map_err(|error| Error::Malformed(format!("body is not JSON: {error}")))?;
    Ok(value)
}

fn from_form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let unreadable = || Error::Malformed("body is not a form".to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
    let uri: Uri = format!("/?{text}").parse().map_err(|_| unreadable())?;
    Query::<T>::try_from_uri(&uri).map(|it| it.0).map_err(|it| Error::Unusable(it.body_text()))
}

/// True if the body is a submitted form.
pub fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/x-www-form-urlencoded"
}

/// True if the body says that it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/json"
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// True if the client would rather have a page than JSON, as browsers do.
pub fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or("");
    let html = quality(accept, "text/html");
    html > 0.0 && html >= quality(accept, "application/json")
}

/// The quality with which exactly this media type is accepted; 0 if it is not named.
pub fn quality(accept: &str, media_type: &str) -> f64 {
    let mut best = 0.0_f64;
    for part in accept.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        if pieces.next().is_some_and(|it| it.eq_ignore_ascii_case(media_type)) {
            let q = pieces.find_map(|it| it.strip_prefix("q=")).map_or(1.0, |it| it.parse().unwrap_or(0.0));
            best = best.max(q);
        }
    }
    best
}

/// Reads a time: RFC 3339, seconds since the epoch, or an age such as `-15m`.
pub fn time(field: &str, text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let found = if let Some(age) = text.strip_prefix('-') {
        duration(age).map(|it| now.minus(it))
    } else if text == "now" {
        Some(now)
    } else if let Ok(secs) = text.parse::<f64>() {
        secs.is_finite().then(|| Timestamp::from_millis((secs * 1000.0) as i64))
    } else {
        // A `+` of an offset arrives as a space when the client has not encoded it.
        text.replace(' ', "+").parse().ok()
    };
    found.filter(|it| it.is_plausible()).ok_or_else(|| {
        let wanted = "a time such as 2026-01-31T12:00:00Z, seconds since 1970, or an age such as -15m";
        Error::Unusable(format!("{field}: {text:?} is not {wanted}"))
    })
}

/// Reads `90s`, `15m`, `6h` or `7d`.
pub fn duration(text: &str) -> Option<Duration> {
    let split = text.len().checked_sub(1)?;
    let (number, unit) = (text.get(..split)?, text.get(split..)?);
    let secs: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(secs).map(Duration::from_secs)
}

/// The range `from..=to`; without them the `span` up to now.
pub fn range(from: &Option<String>, to: &Option<String>, now: Timestamp, span: Duration) -> Result<TimeRange, Error> {
    let to = given(to).map_or(Ok(now), |it| time("to", it, now))?;
    let from = given(from).map_or(Ok(to.minus(span)), |it| time("from", it, now))?;
    if to < from {
        return Err(Error::Unusable("from: must not be after to".to_owned()));
    }
    Ok(TimeRange::new(from, to))
}

/// A parameter that is there and not empty; forms send empty ones.
pub fn given(parameter: &Option<String>) -> Option<&str> {
    parameter.as_deref().map(str::trim).filter(|it| !it.is_empty())
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that has no further pages.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// The page of `all` that begins at the offset named by the cursor.
    pub fn of(all: impl IntoIterator<Item = T>, cursor: Option<&str>, limit: usize) -> Result<Self, Error> {
        let wrong = || Error::Unusable("cursor: not one that this list has given".to_owned());
        let offset: usize = cursor.map_or(Ok(0), |it| it.parse().map_err(|_| wrong()))?;
        let mut rest = all.into_iter().skip(offset);
        let items: Vec<T> = rest.by_ref().take(limit).collect();
        let next_cursor = rest.next().map(|_| offset.saturating_add(items.len()).to_string());
        Ok(Self { items, next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_pages_and_programs_get_json() {
        let asks = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            prefers_html(&headers)
        };
        assert!(asks("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!asks("application/json"));
        assert!(!asks("*/*"));
        assert!(!asks("application/json, text/html;q=0.5"));
        assert!(!asks("text/html;q=0"));
    }

    #[test]
    fn times_are_read_in_three_forms() {
        let now = Timestamp::from_secs(1_700_000_000);
        let read = |text: &str| time("from", text, now).map(|it| it.millis()).map_err(|it| it.to_string());
        assert_eq!(read("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        assert_eq!(read("2023-11-15T00:13:20 02:00"), Ok(1_700_000_000_000));
        assert_eq!(read("1700000000.5"), Ok(1_700_000_000_500));
        assert_eq!(read("-15m"), Ok(1_699_999_100_000));
        for text in ["yesterday", "-15", "-99999999999999999999d", "1e300", "NaN", "-\u{e9}", "-"] {
            assert!(read(text).unwrap_err().starts_with("from: "), "{text}");
        }
    }

    #[test]
    fn a_page_knows_whether_more_follows() {
        let page = Page::of(0..5, Some("2"), 2).unwrap();
        assert_eq!((page.items, page.next_cursor.as_deref()), (vec![2, 3], Some("4")));
        assert_eq!(Page::of(0..5, Some("4"), 2).unwrap().next_cursor, None);
        assert!(Page::of(0..5, Some("x"), 2).is_err());
    }
}
