//! An HTTP request to an address that the configuration allows.
//!
//! The address is compared part by part (scheme, host, port, beginning of the path), never as text. Values from the
//! diagnosis can only stand in the path and in strings of the JSON body. Redirects are not followed. The header
//! `Idempotency-Key` is the same whenever the same step of the same plan is sent.

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use signal::StepKind;

use crate::config::Config;
use crate::placeholder::{self, Facts, Template as Text};
use crate::refusal::{Refusal, RefusalReason};
use crate::remedy::{Acting, Effect, Remedy, Template, Tools, excerpt};

/// The most of an answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 4096;

/// A webhook step of a playbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// `POST` or `PUT`. Default POST.
    #[serde(default = "default_method")]
    pub method: String,
    /// Where to; placeholders may stand in the path. Required.
    pub url: String,
    /// JSON body; placeholders may stand in its strings. Default none.
    #[serde(default)]
    pub body: Value,
}

fn default_method() -> String {
    "POST".to_owned()
}

impl Template for Webhook {
    fn validate(&self, config: &Config) -> Vec<String> {
        let mut problems = vec![];
        if method_of(&self.method).is_none() {
            problems.push(format!("method: {:?} must be POST or PUT", self.method));
        }
        problems.extend(self.problem_of_url(config).map(|it| format!("url: {it}")));
        problems.extend(problem_of_body(&self.body).map(|it| format!("body: {it}")));
        problems
    }

    fn plan(&self, facts: &Facts, config: &Config) -> Result<StepKind, Refusal> {
        let body = match &self.body {
            Value::Null => String::new(),
            body => fill_body(body, facts)?.to_string(),
        };
        // A checked value has no character that a path would have to escape.
        let url = placeholder::fill(&self.url, facts)?;
        let request = Request::new(&self.method, &url, &body);
        request.permit(config)?;
        Ok(StepKind::Webhook { method: request.method, url: request.url, body: request.body })
    }
}

impl Webhook {
    fn problem_of_url(&self, config: &Config) -> Option<String> {
        let text = match Text::parse(&self.url) {
            Ok(it) => it,
            Err(problem) => return Some(problem),
        };
        let path_begin = self.url.find("://").and_then(|idx| self.url.get(idx + 3..)?.find('/').map(|it| idx + 3 + it));
        let path_end = self.url.find(['?', '#']).unwrap_or(self.url.len());
        let path = path_begin.and_then(|it| self.url.get(it..path_end)).unwrap_or("");
        let is_path_only = Text::parse(path).is_ok_and(|it| it.count() == text.count());
        if !is_path_only {
            return Some("placeholders may only stand in the path".to_owned());
        }
        permit_url(&text.with_dummies("x"), config).err().map(|it| it.text)
    }
}

pub(super) fn problem_of_body(body: &Value) -> Option<String> {
    match body {
        Value::String(text) => Text::parse(text).err(),
        Value::Array(items) => items.iter().find_map(problem_of_body),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let is_plain = Text::parse(key).is_ok_and(|it| !it.has_placeholders());
            if is_plain { problem_of_body(value) } else { Some(format!("the key {key:?} cannot have placeholders")) }
        }),
        _ => None,
    }
}

pub(super) fn fill_body(body: &Value, facts: &Facts) -> Result<Value, Refusal> {
    Ok(match body {
        Value::String(text) => Value::String(placeholder::fill(text, facts)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|it| fill_body(it, facts)).collect::<Result<_, Refusal>>()?)
        }
        Value::Object(fields) => {
            let filled = fields.iter().map(|(key, value)| Ok((key.clone(), fill_body(value, facts)?)));
            Value::Object(filled.collect::<Result<_, Refusal>>()?)
        }
        other => other.clone(),
    })
}

/// A webhook that is ready to be sent.
pub struct Request {
    method: String,
    url: String,
    body: String,
}

impl Request {
    /// From the parts of a typed step.
    pub fn new(method: &str, url: &str, body: &str) -> Self {
        Self { method: method.to_owned(), url: url.to_owned(), body: body.to_owned() }
    }

    async fn send(&self, tools: &Tools<'_>) -> Effect {
        let (Some(method), Ok(url)) = (method_of(&self.method), Url::parse(&self.url)) else {
            return Effect::failed(format!("{} {} is no request", self.method, self.url));
        };
        let token = match token(&url, tools.config) {
            Ok(token) => token,
            Err(problem) => return Effect::failed(problem),
        };
        let mut request = tools.client.request(method, url).header("idempotency-key", &tools.idempotency_key);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !self.body.is_empty() {
            request = request.header("content-type", "application/json").body(self.body.clone());
        }
        match request.send().await {
            Err(error) => Effect::failed(format!("no answer: {}", causes(&error))),
            Ok(mut answer) => {
                let status = answer.status();
                let mut start = vec![];
                while let (true, Ok(Some(chunk))) = (start.len() < MAX_ANSWER_BYTES, answer.chunk().await) {
                    start.extend_from_slice(&chunk);
                }
                Effect { is_ok: status.is_success(), detail: format!("HTTP {status}: {}", excerpt(&start)) }
            }
        }
    }
}

impl Remedy for Request {
    fn permit(&self, config: &Config) -> Result<(), Refusal> {
        if method_of(&self.method).is_none() {
            let text = format!("the method {:?} is not allowed; webhooks are POST or PUT", self.method);
            return Err(Refusal::new(RefusalReason::NotAllowed, text));
        }
        permit_url(&self.url, config)
    }

    fn describe(&self) -> String {
        format!("{} {} {}", self.method, self.url, self.body)
    }

    fn carry_out<'a>(&'a self, tools: &'a Tools<'a>) -> Acting<'a> {
        Box::pin(self.send(tools))
    }
}

/// The bearer token for an address: of the longest prefix that has one.
pub(super) fn token(url: &Url, config: &Config) -> Result<Option<String>, String> {
    let fitting = config.webhook_token_files.iter();
    let fitting = fitting.filter(|(prefix, _)| Url::parse(prefix).is_ok_and(|it| is_below(url, &it)));
    let Some((_, file)) = fitting.max_by_key(|(prefix, _)| prefix.len()) else { return Ok(None) };
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) => Err(format!("cannot read the token file {}: {error}", file.display())),
    }
}

/// What is wrong with a prefix of the allow-list.
pub fn problem_of_prefix(prefix: &str) -> Option<&'static str> {
    match Url::parse(prefix) {
        Err(_) => Some("is no address such as https://deploy.example.com/hooks/"),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Some("must begin with http:// or https://"),
        Ok(url) if has_user(&url) => Some("must not hold a user or password"),
        Ok(url) if url.query().is_some() || url.fragment().is_some() => Some("must end with its path"),
        Ok(_) => None,
    }
}

fn method_of(name: &str) -> Option<Method> {
    match name {
        "POST" => Some(Method::POST),
        "PUT" => Some(Method::PUT),
        _ => None,
    }
}

pub(super) fn permit_url(text: &str, config: &Config) -> Result<(), Refusal> {
    let not_allowed = |text: String| Refusal::new(RefusalReason::NotAllowed, text);
    let url = Url::parse(text).map_err(|error| not_allowed(format!("{text:?} is no address: {error}")))?;
    if has_user(&url) {
        return Err(not_allowed(format!("{text:?} holds a user or password")));
    }
    let is_allowed = config
        .allowed_webhook_prefixes
        .iter()
        .any(|it| problem_of_prefix(it).is_none() && Url::parse(it).is_ok_and(|prefix| is_below(&url, &prefix)));
    if is_allowed {
        return Ok(());
    }
    Err(not_allowed(format!("{text:?} is below no address of act.allowed_webhook_prefixes")))
}

fn is_below(url: &Url, prefix: &Url) -> bool {
    let is_same_origin = url.scheme() == prefix.scheme()
        && url.host_str() == prefix.host_str()
        && url.port_or_known_default() == prefix.port_or_known_default();
    let rest = url.path().strip_prefix(prefix.path());
    is_same_origin && rest.is_some_and(|it| it.is_empty() || it.starts_with('/') || prefix.path().ends_with('/'))
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// An error with all that lies under it; reqwest keeps the interesting part at the bottom.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let below = std::iter::successors(error.source(), |it| it.source());
    below.fold(error.to_string(), |text, it| format!("{text}: {it}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::IncidentId;

    fn config() -> Config {
        let allowed_webhook_prefixes =
            vec!["https://deploy.example.com/hooks".to_owned(), "http://127.0.0.1:9000/".to_owned()];
        Config { allowed_webhook_prefixes, ..Config::default() }
    }

    #[test]
    fn only_addresses_below_a_prefix_are_allowed() {
        for (url, expected) in [
            ("https://deploy.example.com/hooks", true),
            ("https://deploy.example.com/hooks/restart/pay?x=1", true),
            ("https://deploy.example.com:443/hooks/a", true),
            ("http://127.0.0.1:9000/a", true),
            ("https://deploy.example.com/hooksmore", false),
            ("https://deploy.example.com/hooks/../admin", false),
            ("https://deploy.example.com/", false),
            ("http://deploy.example.com/hooks", false),
            ("https://deploy.example.com:444/hooks", false),
            ("https://deploy.example.com.evil.org/hooks", false),
            ("https://deploy.example.com@evil.org/hooks", false),
            ("https://user@deploy.example.com/hooks", false),
            ("http://127.0.0.1:90001/a", false),
            ("http://[::1]:9000/a", false),
            ("file:///etc/passwd", false),
            ("hooks", false),
        ] {
            assert_eq!(permit_url(url, &config()).is_ok(), expected, "{url}");
        }
    }

    #[test]
    fn values_stay_inside_their_json_string_and_path_segment() {
        let template: Webhook = serde_json::from_str(
            r#"{"url":"http://127.0.0.1:9000/restart/{service}","body":{"who":"{service}","n":1,"of":["{incident}"]}}"#,
        )
        .unwrap();
        assert_eq!(template.validate(&config()), Vec::<String>::new());
        let mut facts =
            Facts { incident: IncidentId(7), service: "pay-1".to_owned(), host: None, process: None, version: None };
        let expected = StepKind::Webhook {
            method: "POST".to_owned(),
            url: "http://127.0.0.1:9000/restart/pay-1".to_owned(),
            body: r#"{"n":1,"of":["INC-7"],"who":"pay-1"}"#.to_owned(),
        };
        assert_eq!(template.plan(&facts, &config()), Ok(expected));
        facts.service = r#"x","admin":"1"#.to_owned();
        assert_eq!(template.plan(&facts, &config()).unwrap_err().reason, RefusalReason::UnsafeValue);
    }

    #[test]
    fn placeholders_outside_the_path_are_a_problem() {
        for url in [
            "http://{host}:9000/a",
            "http://127.0.0.1:9000/a?b={service}",
            "http://127.0.0.1:9000/a#{service}",
            "{service}",
            "http://127.0.0.1:9000{service}",
        ] {
            let template = Webhook { method: default_method(), url: url.to_owned(), body: Value::Null };
            assert_eq!(template.validate(&config()).len(), 1, "{url}: {:?}", template.validate(&config()));
        }
        let body = serde_json::json!({"{service}": 1});
        let template = Webhook { method: "GET".to_owned(), url: "http://127.0.0.1:9000/a".to_owned(), body };
        assert_eq!(template.validate(&config()).len(), 2);
    }

    #[test]
    fn the_token_of_the_longest_address_is_sent() {
        let folder = std::env::temp_dir().join(format!("sentinel-webhook-token-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("b"), "secret-b\n").unwrap();
        let files = [("https://x.example/", "a"), ("https://x.example/b/", "b")];
        let files = files.map(|(prefix, file)| (prefix.to_owned(), folder.join(file)));
        let config = Config { webhook_token_files: files.into(), ..Config::default() };
        let found = |url: &str| token(&Url::parse(url).unwrap(), &config);
        assert_eq!(found("https://x.example/b/c"), Ok(Some("secret-b".to_owned())));
        assert!(found("https://x.example/c").unwrap_err().contains("cannot read the token file"));
        assert_eq!(found("https://y.example/b/c"), Ok(None));
        assert!(config.validate().iter().any(|it| it.starts_with("act.webhook_token_files")));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
