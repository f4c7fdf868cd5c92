//! How is a model server logged that is there already? Requests pass through to it, and what it was asked and answered goes
//! into the log on the side; the client gets the server's own answer, as it comes.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::response::Response;
use futures_util::stream;
use signal::Timestamp;

use super::{body, read};
use crate::config::ProxyConfig;
use crate::desk::Desk;
use crate::error::PredictError;
use crate::pairs::{self, Half, Part};

/// Headers that are of one connection only (RFC 9110, 7.6.1), and those that the client library sets.
const OWN: [HeaderName; 8] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::HOST,
    header::CONTENT_LENGTH,
    header::ACCEPT_ENCODING,
];

/// `ANY /proxy/{name}/{rest}`.
pub async fn pass(
    State(desk): State<Arc<Desk>>,
    Path((name, rest)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, PredictError> {
    // The answer may be long; a place is for what is answered here.
    drop(desk.enter()?);
    let proxy = desk.config.proxies.iter().find(|it| it.name == name);
    let proxy =
        proxy.ok_or_else(|| PredictError::NotFound(format!("there is no proxy {name:?}; see predict.proxies")))?;
    let bytes = read::bytes(bytes)?;
    let started = desk.clock.now();
    let query = uri.query().map_or(String::new(), |it| format!("?{it}"));
    let url = format!("{}/{rest}{query}", proxy.upstream.trim_end_matches('/'));
    let mut request = desk.client()?.request(method.clone(), url).body(bytes.clone());
    for (name, value) in headers.iter().filter(|it| !OWN.contains(it.0)) {
        request = request.header(name, value);
    }
    let mut unanswered = Unanswered(Some(&*desk));
    let answer = request.send().await.map_err(|error| {
        PredictError::Upstream(format!("the server behind proxy {name:?} does not answer: {}", cause(&error)))
    })?;
    unanswered.0 = None;
    desk.proxied.answer(answer.status());
    let call = (method == Method::POST && answer.status().is_success()).then(|| Call {
        id: read::id(&headers),
        model: model(proxy, &rest),
        started,
        request: (headers, bytes),
        response: (answer.headers().clone(), vec![]),
        desk: Arc::clone(&desk),
        is_settled: false,
    });
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|it| !OWN.contains(it.0)) {
        response = response.header(name, value);
    }
    if let Some(call) = &call {
        response = response.header("x-sentinel-inference-id", &*call.id);
    }
    let stream = stream::unfold((answer, call), |(mut answer, mut call)| async move {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                call = call.and_then(|it| it.and(&chunk));
                Some((Ok(chunk), (answer, call)))
            }
            Ok(None) => {
                if let Some(call) = call {
                    call.log();
                }
                None
            }
            Err(error) => Some((Err(std::io::Error::other(error)), (answer, None))),
        }
    });
    response.body(Body::from_stream(stream)).map_err(|error| PredictError::Upstream(error.to_string()))
}

/// A call that is counted as failed if it ends before the other server has answered: also where the client has gone.
struct Unanswered<'a>(Option<&'a Desk>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(desk) = self.0 {
            desk.proxied.fail();
        }
    }
}

fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The model that a path names (`v2/models/NAME/infer`, `v1/models/NAME:predict`), or that of the configuration.
fn model(proxy: &ProxyConfig, path: &str) -> (Arc<str>, Arc<str>) {
    let version = || proxy.version.as_deref().unwrap_or_default();
    if let Some(name) = &proxy.model {
        return (name.as_str().into(), version().into());
    }
    let mut parts = path.split('/').skip_while(|it| *it != "models").skip(1);
    let name = parts.next().and_then(|it| it.split(':').next()).filter(|it| !it.is_empty());
    let in_path = match (parts.next(), parts.next()) {
        (Some("versions"), Some(it)) => it.split(':').next(),
        _ => None,
    };
    (name.unwrap_or(&proxy.name).into(), in_path.unwrap_or_else(version).into())
}

/// A call whose answer is coming. One that ends before it was logged is counted.
struct Call {
    id: Arc<str>,
    model: (Arc<str>, Arc<str>),
    started: Timestamp,
    request: (HeaderMap, Bytes),
    response: (HeaderMap, Vec<u8>),
    desk: Arc<Desk>,
    is_settled: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_settled {
            self.desk.proxied.skip();
        }
    }
}

impl Call {
    /// With more of the answer; given up (and counted) if it is too long to be kept.
    fn and(mut self, chunk: &[u8]) -> Option<Self> {
        let response = &mut self.response.1;
        if response.len() + chunk.len() > self.desk.config.max_body_bytes {
            return None;
        }
        response.extend_from_slice(chunk);
        Some(self)
    }

    fn log(mut self) {
        let most = self.desk.config.max_body_bytes;
        let half = |time, part| Half {
            id: Arc::clone(&self.id),
            model: Arc::clone(&self.model.0),
            version: Arc::clone(&self.model.1),
            time,
            part,
        };
        let asked = body::json(&self.request.0, &self.request.1, most);
        let told = body::json(&self.response.0, &self.response.1, most);
        let (Some(asked), Some(told)) = (asked, told) else { return };
        let now = self.desk.clock.now();
        let rows = pairs::rows(&half(self.started, Part::Request(asked)), &half(now, Part::Response(told)));
        if !rows.is_empty() {
            self.is_settled = true;
            self.desk.proxied.log(rows.len());
            self.desk.log.offer(rows);
        }
    }
}
