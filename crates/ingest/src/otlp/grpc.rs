//! OTLP over gRPC: one message in, one message out, on `/opentelemetry.proto.collector.<signal>.v1.<Service>/Export`.
//!
//! Three unary methods need no gRPC framework: a message is five bytes of header and its bytes, the outcome stands in
//! trailers. So the same limits, counts and answers hold as over HTTP, and what must not be tried again (a message that
//! is too large) does not get a status on which senders of OTLP try again.
//!
//! Wire format: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http_body_util::{BodyExt as _, Full};

use super::answer::{Encoding, Failed, Taken};
use super::{OtlpReceiver, OtlpSignal};
use crate::entrance::Turned;
use crate::{Error, Source, body};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ACCEPT: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// A flag for compression and the length.
const HEADER_BYTES: usize = 5;
/// The status of a method that is not there.
const UNIMPLEMENTED: u8 = 12;

pub(super) fn routes(receiver: Arc<OtlpReceiver>) -> axum::Router {
    let route = |signal| post(move |state, request| export(signal, state, request));
    axum::Router::new()
        .route("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", route(OtlpSignal::Metrics))
        .route("/opentelemetry.proto.collector.logs.v1.LogsService/Export", route(OtlpSignal::Logs))
        .route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", route(OtlpSignal::Traces))
        .fallback(unknown)
        .with_state(receiver)
}

async fn export(signal: OtlpSignal, State(receiver): State<Arc<OtlpReceiver>>, request: Request) -> Response {
    if !body::media_type(request.headers()).starts_with("application/grpc") {
        let mut response = Response::new(Body::from("this port speaks gRPC; OTLP over HTTP has one of its own\n"));
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    match take(signal, &receiver, request).await {
        Ok(taken) => success(&taken.encode(signal, Encoding::Protobuf)),
        Err(failed) => failure(&failed),
    }
}

async fn unknown(request: Request) -> Response {
    let message = format!("there is no method {}; this is OTLP", super::brief(request.uri().path()));
    failure(&Failed { http: StatusCode::OK, code: UNIMPLEMENTED, message, retry_after_secs: None })
}

async fn take(signal: OtlpSignal, receiver: &OtlpReceiver, request: Request) -> Result<Taken, Failed> {
    let entrance = &receiver.entrance;
    let read = async {
        let mut visit = entrance.enter(Source::Otlp, request.headers())?;
        let compression = body::header(request.headers(), "grpc-encoding").unwrap_or("").to_ascii_lowercase();
        let bytes = entrance.read(&mut visit, request).await?;
        let (is_compressed, message) = unframed(&bytes)?;
        let compression = if is_compressed { compression.as_str() } else { "" };
        let message = entrance.plain(&mut visit, &bytes.slice_ref(message), compression)?;
        Ok((visit, message))
    };
    let (mut visit, message) = read.await.map_err(|turned: Turned| receiver.turned(&turned))?;
    receiver.take(&mut visit, signal, &message).await
}

/// The only message of a body, and whether it is compressed.
fn unframed(bytes: &[u8]) -> Result<(bool, &[u8]), Error> {
    let malformed = |detail: String| Error::malformed("the gRPC message", detail);
    let Some((&[flag, a, b, c, d], message)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(malformed(format!("{} bytes are less than its header", bytes.len())));
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    if flag > 1 {
        return Err(malformed(format!("the compression flag is {flag}, expected 0 or 1")));
    }
    if message.len() as u64 != u64::from(length) {
        return Err(malformed(format!("its header says {length} bytes, {} are there", message.len())));
    }
    Ok((flag == 1, message))
}

fn success(message: &[u8]) -> Response {
    let mut framed = Vec::with_capacity(HEADER_BYTES + message.len());
    framed.push(0);
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(framed)).with_trailers(async { Some(Ok::<_, Infallible>(trailers)) });
    response(Body::new(body))
}

/// The outcome stands in the headers, because there is no message.
fn failure(failed: &Failed) -> Response {
    let mut response = response(Body::empty());
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS, u64::from(failed.code).into());
    let details = STANDARD_NO_PAD.encode(failed.encode(Encoding::Protobuf));
    let texts = [(GRPC_MESSAGE, percent_encoded(&failed.message)), (GRPC_DETAILS, details)];
    for (name, text) in texts {
        // Both are ASCII without control characters, which is always a legal value.
        headers.extend(HeaderValue::try_from(text).ok().map(|it| (name, it)));
    }
    response
}

fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert(GRPC_ACCEPT, HeaderValue::from_static("identity,gzip,deflate,zstd"));
    response
}

/// Everything but printable ASCII, and the percent sign, as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_hold_exactly_one_message() {
        assert_eq!(unframed(&[0, 0, 0, 0, 2, 7, 8]).unwrap(), (false, &[7, 8][..]));
        assert_eq!(unframed(&[1, 0, 0, 0, 0]).unwrap(), (true, &[][..]));
        for bytes in
            [&[][..], &[0, 0, 0], &[2, 0, 0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 0, 0, 0, 0, 7], &[0, 255, 255, 255, 255]]
        {
            assert!(unframed(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(percent_encoded("50% of \u{e9}\n"), "50%25 of %C3%A9%0A");
    }
}
