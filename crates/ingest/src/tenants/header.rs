//! Which tenant does a request name?

use axum::http::HeaderMap;

use crate::Error;

/// As in Loki and Mimir; also the key in the metadata of gRPC.
const HEADER: &str = "x-scope-orgid";
/// The longest name that Mimir takes.
const MOST_BYTES: usize = 150;

/// The tenant that the headers name; None without the header.
///
/// Names follow <https://grafana.com/docs/mimir/latest/configure/about-tenant-ids/>: up to 150 letters, digits and
/// `! - _ . * ' ( )`, but not `.` or `..`. Several tenants (`a|b`) are for queries only.
///
/// # Errors
/// Another name is the sender's mistake.
pub(crate) fn tenant_of(headers: &HeaderMap) -> Result<Option<Box<str>>, Error> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let name = value.to_str().unwrap_or("?").trim();
    let is_legal = name.bytes().all(|it| it.is_ascii_alphanumeric() || b"!-_.*'()".contains(&it));
    if name.is_empty() || name.len() > MOST_BYTES || !is_legal || matches!(name, "." | "..") {
        let shown = crate::limits::shortened(name, 40);
        let detail = format!(
            "{shown:?} is not the name of one tenant: 1 to {MOST_BYTES} letters, digits and any of !-_.*'() are allowed"
        );
        return Err(Error::malformed("X-Scope-OrgID", detail));
    }
    Ok(Some(name.into()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn named(value: &[u8]) -> Result<Option<Box<str>>, Error> {
        let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_bytes(value).unwrap())]);
        tenant_of(&headers)
    }

    /// Guarantees: MUST 170 of docs/specs/ingest.md.
    #[test]
    fn only_one_legal_name_is_taken() {
        assert_eq!(tenant_of(&HeaderMap::new()).unwrap(), None);
        assert_eq!(named(b"team-a").unwrap().as_deref(), Some("team-a"));
        assert_eq!(named(b"it's_(a)!*.1").unwrap().as_deref(), Some("it's_(a)!*.1"));
        for bad in [&b""[..], b"..", b".", b"a|b", b"a/b", b"../x", b"a b", b"\xc3\xa9", &[b'x'; 151]] {
            let error = named(bad).unwrap_err().to_string();
            assert!(error.starts_with("X-Scope-OrgID: "), "{error}");
        }
    }
}
