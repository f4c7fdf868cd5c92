//! Who may ask? Pages open only under our own names, changes come only from our own pages or from programs that send
//! JSON, and every answer carries headers that keep foreign content out.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::prometheus::cors;
use crate::app::App;
use crate::error::Error;
use crate::parameters::{is_form, is_json};

/// Nothing foreign, nothing inline, never in a frame.
const OWN_PAGES: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
/// Swagger UI sets styles inline and has icons in data URLs.
const SWAGGER: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// Refuses foreign requests and adds the protecting headers to every answer.
pub async fn protect(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN);
    let is_invited = origin.is_some_and(|it| cors::is_allowed(&app, request.uri().path(), it));
    pass(&app.config.allowed_hosts, is_invited, request, next).await
}

/// The same for a server without an app.
pub async fn protect_hosts(State(allowed): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    pass(&allowed, false, request, next).await
}

/// `is_invited`: the page of another site that asks may read here.
async fn pass(allowed: &[String], is_invited: bool, request: Request, next: Next) -> Response {
    let is_swagger = request.uri().path().starts_with("/docs");
    let mut response = match check(&request, allowed, is_invited) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(if is_swagger { SWAGGER } else { OWN_PAGES });
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

fn check(request: &Request, allowed: &[String], is_invited: bool) -> Result<(), Error> {
    let host = host_of(request);
    if let Some(host) = &host
        && !is_ours(host, allowed)
    {
        return Err(Error::Foreign(format!("host {host:?} is not allowed; add it to serve.allowed_hosts")));
    }
    if is_invited || matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    if request.uri().path().starts_with("/sentinel/") {
        check_change(request.headers(), host.as_deref())
    } else {
        check_signal(request.headers(), host.as_deref())
    }
}

/// Protocols have content types of their own; no sender but a browser says where it comes from.
fn check_signal(headers: &HeaderMap, host: Option<&str>) -> Result<(), Error> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let text = origin.to_str().unwrap_or("null");
    let origin_host = text.split_once("://").map(|(_, it)| it);
    if is_same_host(origin_host, host) { Ok(()) } else { Err(foreign_origin(text)) }
}

fn foreign_origin(origin: &str) -> Error {
    Error::Foreign(format!("origin {origin:?} is not this server"))
}

/// A page of another site can send a form or text without asking, but not JSON, and it cannot forge `Origin`.
fn check_change(headers: &HeaderMap, host: Option<&str>) -> Result<(), Error> {
    let origin = headers.get(ORIGIN).map(|it| it.to_str().unwrap_or("null"));
    let origin_host = origin.and_then(|it| it.split_once("://")).map(|(_, it)| it);
    match origin {
        Some(text) if origin_host.is_none() || !is_same_host(origin_host, host) => Err(foreign_origin(text)),
        Some(_) if is_form(headers) => Ok(()),
        None if is_form(headers) => Err(Error::Foreign("a form must come from a page of this server".to_owned())),
        _ if is_json(headers) => Ok(()),
        _ => Err(Error::NotJson),
    }
}

fn is_same_host(origin: Option<&str>, host: Option<&str>) -> bool {
    matches!((origin, host), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

/// Host and port the client believes it talks to. No browser leaves it out, so a request without cannot be a rebinding.
fn host_of(request: &Request) -> Option<String> {
    let authority = request.uri().authority().map(|it| it.as_str().to_owned());
    let header = request.headers().get(HOST).map(|it| it.to_str().unwrap_or("?").to_owned());
    header.or(authority)
}

/// True for IP addresses, `localhost` and the configured names; other names can be made to point here by anybody.
fn is_ours(host: &str, allowed: &[String]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_end_matches('.').to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    is_local || name.parse::<Ipv4Addr>().is_ok() || allowed.iter().any(|it| it.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_own_names_are_ours() {
        let allowed = vec!["Sentinel.example.org".to_owned()];
        for host in ["127.0.0.1:8080", "[::1]:8080", "localhost", "LOCALHOST:1", "10.0.0.7", "sentinel.example.org:80"]
        {
            assert!(is_ours(host, &allowed), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8080", "localhost.evil.example", "[evil]", "", "?"] {
            assert!(!is_ours(host, &allowed), "{host}");
        }
    }

    #[test]
    fn signals_need_no_origin_but_never_a_foreign_one() {
        let check = |origin: Option<&'static str>| {
            let origin = origin.map(|it| (ORIGIN, HeaderValue::from_static(it)));
            check_signal(&origin.into_iter().collect(), Some("127.0.0.1:8080")).map_err(|it| it.status().as_u16())
        };
        assert_eq!(check(None), Ok(()));
        assert_eq!(check(Some("http://127.0.0.1:8080")), Ok(()));
        assert_eq!(check(Some("http://evil.example")), Err(403));
        assert_eq!(check(Some("null")), Err(403));
    }

    #[test]
    fn changes_need_json_or_the_same_origin() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            check_change(&pairs.collect(), Some("127.0.0.1:8080")).map_err(|it| it.status().as_u16())
        };
        let form = ("content-type", "application/x-www-form-urlencoded");
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(check(&[json]), Ok(()));
        assert_eq!(check(&[json, ("origin", "http://127.0.0.1:8080")]), Ok(()));
        assert_eq!(check(&[form, ("origin", "http://127.0.0.1:8080")]), Ok(()));
        assert_eq!(check(&[form]), Err(403));
        assert_eq!(check(&[form, ("origin", "null")]), Err(403));
        assert_eq!(check(&[form, ("origin", "http://evil.example")]), Err(403));
        assert_eq!(check(&[json, ("origin", "http://127.0.0.1:9999")]), Err(403));
        assert_eq!(check(&[("content-type", "text/plain")]), Err(415));
        assert_eq!(check(&[]), Err(415));
    }
}
