//! What gets a client that takes no gzip, of files that the binary keeps packed? The same files, unpacked.

use std::io::Read as _;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;

use crate::error::Error;

/// More than any file that is kept packed.
const MAX_PACKED_BYTES: usize = 4 << 20;

/// Unpacks what is packed, for those who do not say that they can.
pub async fn unpacked(request: Request, next: Next) -> Response {
    let takes_gzip = takes_gzip(request.headers());
    let mut response = next.run(request).await;
    if response.headers().get(CONTENT_ENCODING).is_none_or(|it| it != "gzip") {
        return response;
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    if takes_gzip {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let mut bytes = Vec::new();
    match to_bytes(body, MAX_PACKED_BYTES).await {
        Ok(packed) if GzDecoder::new(packed.as_ref()).read_to_end(&mut bytes).is_ok() => {}
        _ => return Error::Crashed.into_response(),
    }
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(bytes))
}

/// True if gzip, or everything, is named and not refused by a quality of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let named: Vec<&str> = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok()).collect();
    let quality = |wanted: &str| {
        named.iter().flat_map(|it| it.split(',')).find_map(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let quality = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |it| it.trim().parse::<f64>().ok());
            name.trim().eq_ignore_ascii_case(wanted).then_some(quality.unwrap_or(0.0))
        })
    };
    quality("gzip").or_else(|| quality("*")).is_some_and(|it| it > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_by_those_who_say_so() {
        let takes =
            |text: &'static str| takes_gzip(&[(ACCEPT_ENCODING, HeaderValue::from_static(text))].into_iter().collect());
        for text in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "*", "deflate, *;q=0.1"] {
            assert!(takes(text), "{text}");
        }
        for text in ["", "identity", "gzip;q=0", "*, gzip;q=0.0", "deflate", "gzip;q=much"] {
            assert!(!takes(text), "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
