//! `POST /v1/metrics`, `/v1/logs` and `/v1/traces`: OTLP over HTTP, answered in the encoding of the request.
//!
//! The same behind `/api/v1/otlp` and `/otlp`, where Prometheus, Loki and Mimir have it: whoever sends to one of them has
//! to change the address only.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::post;

use super::answer::{Encoding, Failed, Taken};
use super::{OtlpReceiver, OtlpSignal};
use crate::entrance::Turned;
use crate::{Error, Source, body};

pub(super) fn routes(receiver: Arc<OtlpReceiver>) -> axum::Router {
    let route = |signal| post(move |state, request| export(signal, state, request));
    let mut router = axum::Router::new();
    for prefix in ["", "/api/v1/otlp", "/otlp"] {
        router = router
            .route(&format!("{prefix}/v1/metrics"), route(OtlpSignal::Metrics))
            .route(&format!("{prefix}/v1/logs"), route(OtlpSignal::Logs))
            .route(&format!("{prefix}/v1/traces"), route(OtlpSignal::Traces));
    }
    router.with_state(receiver)
}

async fn export(signal: OtlpSignal, State(receiver): State<Arc<OtlpReceiver>>, request: Request) -> Response {
    let encoding = encoding(request.headers());
    // Whoever sends what we do not know can at least read text.
    let answered = *encoding.as_ref().unwrap_or(&Encoding::Json);
    match take(signal, &receiver, request, encoding).await {
        Ok(taken) => response(StatusCode::OK, answered, taken.encode(signal, answered)),
        Err(failed) => {
            let mut response = response(failed.http, answered, failed.encode(answered));
            if let Some(secs) = failed.retry_after_secs {
                response.headers_mut().insert(RETRY_AFTER, secs.into());
            }
            response
        }
    }
}

async fn take(
    signal: OtlpSignal,
    receiver: &OtlpReceiver,
    request: Request,
    encoding: Result<Encoding, Error>,
) -> Result<Taken, Failed> {
    let entrance = &receiver.entrance;
    let read = async {
        let encoding = encoding?;
        let mut visit = entrance.enter(Source::Otlp, request.headers())?;
        let compression = body::encoding(request.headers());
        let bytes = entrance.read(&mut visit, request).await?;
        let plain = entrance.plain(&mut visit, &bytes, &compression)?;
        let message = match encoding {
            Encoding::Protobuf => plain,
            Encoding::Json => super::otlp_json_to_protobuf(signal, &plain)?.into(),
        };
        Ok((visit, message))
    };
    let (mut visit, message) = read.await.map_err(|turned: Turned| receiver.turned(&turned))?;
    receiver.take(&mut visit, signal, &message).await
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Error> {
    match body::media_type(headers).as_str() {
        "application/x-protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        other => Err(Error::Unsupported(format!(
            "Content-Type {other:?} is not supported; send application/x-protobuf or application/json"
        ))),
    }
}

fn response(status: StatusCode, encoding: Encoding, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
    response
}
