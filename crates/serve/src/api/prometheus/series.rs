//! Which series, label names and label values are there? `series`, `labels` and `label/{name}/values`:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#querying-metadata>.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use promql::Matcher;
use promql::ast::{Kind, Selector};
use signal::{Labels, TimeRange};

use super::fault::Fault;
use super::form::Form;
use super::numbers::put_text;
use super::reply::{Reply, respond};
use crate::app::App;
use crate::queries::select;

/// `GET` and `POST /api/v1/series`.
pub async fn series(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        if form.all("match[]").next().is_none() {
            return Err(Fault::bad("no match[] parameter provided"));
        }
        let limit = form.limit("limit")?;
        let mut found = found(app, form)?;
        found.sort_unstable();
        let n_found = found.len();
        let mut out = String::from("[");
        for (idx, labels) in found.iter().take(limit).enumerate() {
            out.push_str(if idx == 0 { "" } else { "," });
            put_labels(&mut out, labels);
        }
        out.push(']');
        Ok(Reply::cut(out, n_found > limit))
    })
    .await
}

/// `GET` and `POST /api/v1/labels`.
pub async fn names(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        let found = found(app, form)?;
        let names: BTreeSet<&str> = found.iter().flat_map(Labels::iter).map(|(name, _)| name).collect();
        texts(&names, form)
    })
    .await
}

/// `GET /api/v1/label/{name}/values`.
pub async fn values(State(app): State<Arc<App>>, Path(name): Path<String>, request: Request) -> Response {
    respond(app, request, move |app, form| {
        let name = if name.starts_with(ESCAPED) { unescaped(&name).unwrap_or(name) } else { name };
        if name.is_empty() {
            return Err(Fault::bad("invalid label name: \"\""));
        }
        let found = found(app, form)?;
        let values: BTreeSet<&str> = found.iter().filter_map(|it| it.get(&name)).collect();
        texts(&values, form)
    })
    .await
}

/// Series that some selector finds in the range; all series without a selector.
fn found(app: &App, form: &Form) -> Result<Vec<Labels>, Fault> {
    let range = range(form)?;
    let selectors = selectors(form)?;
    let history = &*app.ports.history;
    if selectors.is_empty() {
        return Ok(history.select(&[], range)?);
    }
    let mut all = vec![];
    for matchers in &selectors {
        all.append(&mut select(history, matchers, range)?);
    }
    if selectors.len() > 1 {
        let mut seen = std::collections::HashSet::new();
        all.retain(|it: &Labels| seen.insert(it.id()));
    }
    Ok(all)
}

/// All `match[]`.
pub fn selectors(form: &Form) -> Result<Vec<Vec<Matcher>>, Fault> {
    form.all("match[]").map(selector).collect()
}

fn selector(text: &str) -> Result<Vec<Matcher>, Fault> {
    let expression = promql::parse(text).map_err(|it| Fault::parameter("match[]", &it.describe(text)))?;
    let Kind::Vector(Selector { matchers, .. }) = expression.kind else {
        return Err(Fault::parameter("match[]", "a series selector such as up{job=\"shop\"} expected"));
    };
    if matchers.iter().all(|it| it.matches("")) {
        let text = "match[] must contain at least one non-empty matcher";
        return Err(Fault::parameter("match[]", text));
    }
    Ok(matchers)
}

/// From `start` to `end`; None if neither is given.
pub fn range(form: &Form) -> Result<Option<TimeRange>, Fault> {
    let (start, end) = (form.time("start")?, form.time("end")?);
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let range = TimeRange::new(start.unwrap_or(TimeRange::ALL.from), end.unwrap_or(TimeRange::ALL.to));
    if range.to < range.from {
        return Err(Fault::parameter("end", "end timestamp must not be before start time"));
    }
    Ok(Some(range))
}

fn texts(all: &BTreeSet<&str>, form: &Form) -> Result<Reply, Fault> {
    let limit = form.limit("limit")?;
    let mut out = String::from("[");
    for (idx, text) in all.iter().take(limit).enumerate() {
        out.push_str(if idx == 0 { "" } else { "," });
        put_text(&mut out, text);
    }
    out.push(']');
    Ok(Reply::cut(out, all.len() > limit))
}

/// Adds labels as a JSON object.
pub fn put_labels(out: &mut String, labels: &Labels) {
    out.push('{');
    for (idx, (name, value)) in labels.iter().enumerate() {
        out.push_str(if idx == 0 { "" } else { "," });
        put_text(out, name);
        out.push(':');
        put_text(out, value);
    }
    out.push('}');
}

/// How names begin that are written with letters, digits and `_` only:
/// <https://prometheus.io/docs/instrumenting/escaping_schemes/>.
const ESCAPED: &str = "U__";

/// The name behind `U__a_2e_b`; None if it is not written so.
fn unescaped(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix(ESCAPED)?;
    let mut name = String::new();
    while let Some(it) = rest.chars().next() {
        rest = rest.get(it.len_utf8()..)?;
        if it != '_' {
            name.push(it);
            continue;
        }
        let (code, behind) = rest.split_once('_')?;
        rest = behind;
        match code {
            "" => name.push('_'),
            code if code.len() <= 6 => name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?),
            _ => return None,
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        let check = |text: &str, name: Option<&str>| assert_eq!(unescaped(text).as_deref(), name, "{text}");
        check("U__http_2e_status", Some("http.status"));
        check("U__a__b", Some("a_b"));
        check("U___1f600_", Some("\u{1f600}"));
        check("U__a_2e", None);
        check("U__a_zz_", None);
        check("a", None);
    }

    #[test]
    fn labels_are_an_object() {
        let mut out = String::new();
        put_labels(&mut out, &Labels::metric("m", &[("a", "x\"y")]));
        assert_eq!(out, r#"{"__name__":"m","a":"x\"y"}"#);
    }
}
