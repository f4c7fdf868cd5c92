//! How do the commands talk to a running server? Small HTTP calls and tables.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::cli::{AuditCommand, IncidentsArgs, Output, PlanArgs, RemoteArgs, ReportArgs, ReportForm};

/// `sentinel status`.
pub async fn status(args: &RemoteArgs) -> anyhow::Result<()> {
    let ready = call(args, reqwest::Method::GET, "/readyz", None).await;
    let open = get(args, "/sentinel/v1/incidents?status=open&limit=1000").await?;
    let answer = json!({
        "url": args.url,
        "ready": ready.is_ok(),
        "reason": ready.as_ref().err().map(ToString::to_string),
        "open_incidents": items(&open).len(),
    });
    print(args, &answer, |it| {
        let state = if ready.is_ok() { "ready" } else { "not ready" };
        println!("{}  {state}  {} open incidents", args.url, field(it, "open_incidents"));
    })
}

/// `sentinel incidents`.
pub async fn incidents(args: &IncidentsArgs) -> anyhow::Result<()> {
    let Some(id) = args.id else {
        let answer = get(&args.remote, "/sentinel/v1/incidents?limit=100").await?;
        return print(&args.remote, &answer, |it| {
            table(items(it), &["id", "status", "severity", "detected_at", "title"]);
        });
    };
    match args.remote.output {
        Output::Json => print(&args.remote, &get(&args.remote, &format!("/sentinel/v1/incidents/{id}")).await?, |_| ()),
        Output::Table => {
            println!("{}", text(&args.remote, &format!("/sentinel/v1/incidents/{id}/report?format=md")).await?);
            Ok(())
        }
    }
}

/// `sentinel actions`.
pub async fn actions(args: &RemoteArgs) -> anyhow::Result<()> {
    let answer = get(args, "/sentinel/v1/plans").await?;
    print(args, &answer, |it| table(items(it), &["id", "incident", "state", "playbook", "target", "reason"]))
}

/// `sentinel approve`: reads the plan, shows what will be done and approves exactly that.
pub async fn approve(args: &PlanArgs) -> anyhow::Result<()> {
    let path = format!("/sentinel/v1/plans/{}", args.plan);
    let plan = get(&args.remote, &path).await?;
    let body = json!({ "digest": plan.get("digest"), "actor": actor() });
    let answer = call(&args.remote, reqwest::Method::POST, &format!("{path}/approve"), Some(body)).await?;
    print(&args.remote, &answer, |it| println!("{} is now {}.", field(it, "id"), field(it, "state")))
}

/// `sentinel reject`.
pub async fn reject(args: &PlanArgs) -> anyhow::Result<()> {
    let path = format!("/sentinel/v1/plans/{}/reject", args.plan);
    let answer = call(&args.remote, reqwest::Method::POST, &path, Some(json!({ "actor": actor() }))).await?;
    print(&args.remote, &answer, |it| println!("{} is now {}.", field(it, "id"), field(it, "state")))
}

/// `sentinel report`.
pub async fn report(args: &ReportArgs) -> anyhow::Result<()> {
    let format = match args.format {
        ReportForm::Md => "md",
        ReportForm::Html => "html",
        ReportForm::Json => "json",
    };
    let body = text(&args.remote, &format!("/sentinel/v1/incidents/{}/report?format={format}", args.incident)).await?;
    match &args.out {
        Some(path) => std::fs::write(path, body).with_context(|| format!("cannot write {}", path.display())),
        None => {
            println!("{body}");
            Ok(())
        }
    }
}

/// `sentinel audit` against a server.
pub async fn audit(command: &AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Verify { remote, .. } => {
            let answer = get(remote, "/sentinel/v1/audit/verify").await?;
            if answer.get("is_intact").and_then(Value::as_bool) == Some(false) {
                bail!("the ledger is broken: {answer}");
            }
            print(remote, &answer, |it| println!("The chain holds: {} entries.", field(it, "entries")))
        }
        AuditCommand::List { remote } => {
            let answer = get(remote, "/sentinel/v1/audit?limit=1000").await?;
            print(remote, &answer, |it| table(items(it), &["sequence", "time", "actor", "action", "subject"]))
        }
    }
}

pub fn actor() -> String {
    std::env::var("USER").unwrap_or_else(|_| "cli".to_owned())
}

pub async fn get(args: &RemoteArgs, path: &str) -> anyhow::Result<Value> {
    call(args, reqwest::Method::GET, path, None).await
}

pub async fn call(
    args: &RemoteArgs,
    method: reqwest::Method,
    path: &str,
    body: Option<Value>,
) -> anyhow::Result<Value> {
    let answer = send(args, method, path, body).await?;
    Ok(serde_json::from_str(&answer).unwrap_or(Value::String(answer)))
}

async fn text(args: &RemoteArgs, path: &str) -> anyhow::Result<String> {
    send(args, reqwest::Method::GET, path, None).await
}

/// Posts a question whose answer may take longer than usual.
pub async fn ask_patiently(args: &RemoteArgs, path: &str, body: Value, patience: Duration) -> anyhow::Result<Value> {
    let answer = send_within(args, reqwest::Method::POST, path, Some(body), Some(patience)).await?;
    serde_json::from_str(&answer).context("the answer is not JSON")
}

async fn send(args: &RemoteArgs, method: reqwest::Method, path: &str, body: Option<Value>) -> anyhow::Result<String> {
    send_within(args, method, path, body, None).await
}

async fn send_within(
    args: &RemoteArgs,
    method: reqwest::Method,
    path: &str,
    body: Option<Value>,
    patience: Option<Duration>,
) -> anyhow::Result<String> {
    let url = format!("{}{path}", args.url.trim_end_matches('/'));
    let mut request = crate::http_client()?.request(method, &url).header("accept", "application/json, */*;q=0.1");
    if let Some(patience) = patience {
        request = request.timeout(patience);
    }
    if let Some(token) = &args.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = answered(request, &url).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The bytes of a file.
pub async fn bytes(args: &RemoteArgs, path: &str) -> anyhow::Result<Vec<u8>> {
    let url = format!("{}{path}", args.url.trim_end_matches('/'));
    let mut request = crate::http_client()?.get(&url);
    if let Some(token) = &args.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    answered(request, &url).await
}

async fn answered(request: reqwest::RequestBuilder, url: &str) -> anyhow::Result<Vec<u8>> {
    let response = request.send().await.with_context(|| format!("no answer from {url}; is `sentinel run` running?"))?;
    let status = response.status();
    let answer = response.bytes().await.context("the answer broke off")?;
    if !status.is_success() {
        let answer = String::from_utf8_lossy(&answer);
        let problem: Option<Value> = serde_json::from_str(&answer).ok();
        let detail = problem.as_ref().and_then(|it| it.get("detail")).and_then(Value::as_str).unwrap_or(&answer);
        bail!("{status}: {detail}");
    }
    Ok(answer.to_vec())
}

pub fn items(answer: &Value) -> &[Value] {
    answer.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A field as text without control characters.
pub fn field(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.chars().filter(|it| !it.is_control()).collect(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

pub fn print(args: &RemoteArgs, answer: &Value, as_table: impl FnOnce(&Value)) -> anyhow::Result<()> {
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(answer)?),
        Output::Table => as_table(answer),
    }
    Ok(())
}

/// Prints rows under upper-case headings, columns as wide as their widest cell.
pub fn table(rows: &[Value], columns: &[&str]) {
    let cells: Vec<Vec<String>> = rows.iter().map(|row| columns.iter().map(|it| field(row, it)).collect()).collect();
    offline::aligned::print(&columns.iter().map(|it| it.to_uppercase()).collect::<Vec<_>>(), &cells);
}
