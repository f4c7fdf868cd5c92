//! Where do the description of the API and the page of `/docs` come from? The page is Swagger UI, whose files `build.rs`
//! puts into the binary packed; which document it shows says a script of ours.

use std::sync::Arc;

use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::unpacked::unpacked;

/// Name, content type and bytes as gzip.
type Packed = (&'static str, &'static str, &'static [u8]);

macro_rules! packed {
    ($name:literal, $content_type:literal) => {
        ($name, $content_type, include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")))
    };
}

const PAGE: Packed = packed!("index.html", "text/html");

/// What the page loads, and what it opens to sign in.
const FILES: [Packed; 8] = [
    packed!("favicon-16x16.png", "image/png"),
    packed!("favicon-32x32.png", "image/png"),
    packed!("index.css", "text/css"),
    packed!("oauth2-redirect.html", "text/html"),
    packed!("oauth2-redirect.js", "text/javascript"),
    packed!("swagger-ui-bundle.js", "text/javascript"),
    packed!("swagger-ui-standalone-preset.js", "text/javascript"),
    packed!("swagger-ui.css", "text/css"),
];

const INITIALIZER: &str = include_str!("assets/swagger-initializer.js");

/// `/openapi.json` with this document, and the page that shows it.
pub fn router<S: Clone + Send + Sync + 'static>(document: Value) -> Router<S> {
    let document = Arc::new(document);
    let initializer = || async { ([("content-type", "text/javascript")], INITIALIZER) };
    let mut router = Router::new()
        .route("/openapi.json", get(move || async move { Json(document) }))
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/swagger-initializer.js", get(initializer))
        .route("/docs/", get(async || send(PAGE)));
    for file in [PAGE].into_iter().chain(FILES) {
        router = router.route(&format!("/docs/{}", file.0), get(async move || send(file)));
    }
    router.layer(from_fn(unpacked))
}

fn send((_, content_type, bytes): Packed) -> axum::response::Response {
    ([("content-type", content_type), ("content-encoding", "gzip")], bytes).into_response()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    /// Guarantees: MUST 824 and 892 of docs/specs/build.md; the decoder compares the checksums that the archive had.
    #[test]
    fn every_file_can_be_unpacked() {
        let (mut page, mut packed) = (String::new(), 0);
        GzDecoder::new(PAGE.2).read_to_string(&mut page).unwrap();
        for (name, _, bytes) in FILES {
            let mut unpacked = vec![];
            GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!unpacked.is_empty(), "{name}");
            packed += bytes.len();
        }
        let named =
            page.split(['"', '/']).filter(|it| it.ends_with(".js") || it.ends_with(".css") || it.ends_with(".png"));
        let known = |it: &str| it == "swagger-initializer.js" || FILES.iter().any(|file| file.0 == it);
        assert_eq!(named.clone().filter(|it| !known(it)).collect::<Vec<_>>(), [""; 0]);
        assert!(named.count() >= 7 && packed < 600_000, "{packed} bytes");
    }
}
