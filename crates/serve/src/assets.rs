//! Where do the pages' own files come from? The binary itself, under names that change with their content.

use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// A file that pages refer to.
pub struct Asset {
    /// Its address.
    pub url: String,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// The style sheet.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("css", "text/css; charset=utf-8", include_bytes!("assets/sentinel.css")));
/// The script.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("js", "text/javascript; charset=utf-8", include_bytes!("assets/sentinel.js")));
/// The icon.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| asset("svg", "image/svg+xml", include_bytes!("assets/sentinel.svg")));

fn asset(extension: &str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    Asset { url: format!("/assets/sentinel-{:016x}.{extension}", hasher.finish()), content_type, bytes }
}

/// `GET /assets/{file}`.
pub async fn file(Path(file): Path<String>) -> Result<Response, Error> {
    let url = format!("/assets/{file}");
    let Some(asset) = [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|it| it.url == url) else {
        return Err(Error::NoSuchPath(url));
    };
    let headers = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.bytes).into_response())
}

/// `GET /favicon.ico`.
pub async fn favicon() -> Response {
    ([(CONTENT_TYPE, ICON.content_type), (CACHE_CONTROL, "public, max-age=86400")], ICON.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_are_small() {
        assert!(STYLE.bytes.len() + SCRIPT.bytes.len() < 60_000);
    }
}
