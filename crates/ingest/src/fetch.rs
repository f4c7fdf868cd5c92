//! How is the answer of another server read? Up to a limit, and decompressed up to a limit.

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use crate::{Config, Error, body};

/// The whole body, decompressed. `what` names it in errors.
pub(crate) async fn body_of(
    mut response: reqwest::Response,
    what: &'static str,
    limits: &Config,
) -> Result<Vec<u8>, Error> {
    let url = response.url().clone();
    let encoding = header_text(response.headers(), CONTENT_ENCODING).to_ascii_lowercase();
    let mut bytes = vec![];
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url.as_str(), &error))? {
        if bytes.len() + chunk.len() > limits.max_body_bytes {
            return Err(Error::TooLarge { what, limit_bytes: limits.max_body_bytes, key: "max_body_bytes" });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(body::plain(&bytes, &encoding, limits)?.into_owned())
}

pub(crate) fn header_text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> String {
    headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or("").to_owned()
}

/// reqwest's own text leaves out why a connection failed.
pub(crate) fn unreachable(url: &str, error: &reqwest::Error) -> Error {
    let mut text = if error.is_timeout() { "timed out" } else { "cannot be read" }.to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(it) = source {
        text = format!("{text}: {it}");
        source = it.source();
    }
    Error::Unreachable(format!("{url}: {text}"))
}
