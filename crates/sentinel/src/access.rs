//! Who may call? Everybody on this machine; from elsewhere only with the token.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;

use crate::config::Config;

/// Paths that load balancers ask without a token; they tell nothing but "alive".
const OPEN_PATHS: [&str; 6] = ["/healthz", "/readyz", "/-/healthy", "/-/ready", "/health", "/ping"];

/// Puts the token check (if a token is configured) before all routes, and refuses an open address without one.
pub fn guard(router: Router, config: &Config, address: SocketAddr) -> anyhow::Result<Router> {
    let token = config.access_token()?;
    match token {
        Some(token) => Ok(router.layer(middleware::from_fn_with_state(Arc::<str>::from(token), check))),
        None if address.ip().is_loopback() || config.insecure => Ok(router),
        None => anyhow::bail!(
            "{address} can be reached from other machines; set `token` or `token_file`, or `insecure: true`"
        ),
    }
}

async fn check(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    let is_open = OPEN_PATHS.contains(&request.uri().path());
    if is_open || presented(request.headers()).is_some_and(|it| is_same(&it, &token)) {
        return next.run(request).await;
    }
    let headers =
        [(header::WWW_AUTHENTICATE, "Basic realm=\"sentinel\""), (header::CONTENT_TYPE, "application/problem+json")];
    let body = r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Send the access token as `Authorization: Bearer <token>`, or as the password of basic authentication."}"#;
    (StatusCode::UNAUTHORIZED, headers, body).into_response()
}

/// The token a request carries.
fn presented(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    // `Token` is what clients of InfluxDB 2 say.
    let (scheme, rest) = value.split_once(' ')?;
    // RFC 9110: the same in small and capital letters.
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("Bearer") || is("Token") {
        return Some(rest.trim().to_owned());
    }
    let encoded = is("Basic").then_some(rest)?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

/// Compares without stopping at the first difference, so that time tells nothing of the token.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bearer_and_basic() {
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            presented(&headers)
        };
        assert_eq!(headers("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(headers("Token abc").as_deref(), Some("abc"));
        assert_eq!(headers("Basic dXNlcjphYmM=").as_deref(), Some("abc"));
        assert_eq!(headers("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(headers("Basic %%%"), None);
        assert_eq!(headers("abc"), None);
        assert!(is_same("abc", "abc") && !is_same("abc", "abd") && !is_same("abc", "ab"));
    }
}
