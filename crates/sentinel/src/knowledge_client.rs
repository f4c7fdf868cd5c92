//! How do the commands ask in words, search what is known, and pin runbooks?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use knowledge::runbook::{PIN_FILE, Pin, Pins, read_folder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{AskArgs, ConfigArgs, KnowledgeArgs, KnowledgeCommand, Output};
use crate::client::{actor, call, field, get, items, print, table};

/// `sentinel ask`.
pub async fn ask(args: &AskArgs) -> anyhow::Result<()> {
    let body = json!({ "question": args.question.join(" "), "zone": args.zone });
    let answer = call(&args.remote, Method::POST, "/sentinel/v1/ask", Some(body)).await?;
    print(&args.remote, &answer, |it| {
        // The lines of the Markdown stay lines; nothing else of it can move the cursor.
        let text = it.get("markdown").and_then(Value::as_str).unwrap_or_default();
        let shown: String = text.chars().filter(|it| *it == '\n' || !it.is_control()).collect();
        println!("{shown}");
    })
}

/// `sentinel knowledge`.
pub async fn knowledge(args: &KnowledgeArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        KnowledgeCommand::Search { words, kind, limit, remote } => {
            let kind = kind.as_deref().map_or_else(String::new, |it| format!("&kind={}", serve_escaped(it)));
            let path = format!("/sentinel/v1/knowledge?limit={limit}&q={}{kind}", serve_escaped(&words.join(" ")));
            let answer = get(remote, &path).await?;
            print(remote, &answer, |it| {
                let rows: Vec<Value> = items(it).iter().map(row).collect();
                table(&rows, &["kind", "score", "source", "title", "warning", "text"]);
            })?;
        }
        KnowledgeCommand::Runbooks { remote } => {
            let answer = get(remote, "/sentinel/v1/knowledge/runbooks").await?;
            print(remote, &answer, |it| table(items(it), &["path", "standing", "version", "sections", "title"]))?;
            if remote.output == Output::Table {
                let problems =
                    answer.pointer("/status/problems").and_then(Value::as_array).cloned().unwrap_or_default();
                problems.iter().filter_map(Value::as_str).for_each(|it| eprintln!("warning: {it}"));
            }
        }
        KnowledgeCommand::Pin { files, runbooks, pins, check, config } => {
            let (folder, file) = places(runbooks.as_deref(), pins.as_deref(), config)?;
            return if *check { check_pins(&folder, &file) } else { pin(&folder, &file, files) };
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One line of a passage.
fn row(it: &Value) -> Value {
    let text = field(it, "text");
    let first: String = text.chars().take(70).collect();
    let score = it.get("score").and_then(Value::as_f64).map_or_else(String::new, |it| format!("{it:.2}"));
    json!({
        "kind": it.get("kind"), "score": score, "source": it.get("source"), "title": it.get("title"),
        "warning": it.get("warning"), "text": first,
    })
}

fn serve_escaped(text: &str) -> String {
    let byte = |it: u8| if it.is_ascii_alphanumeric() { char::from(it).to_string() } else { format!("%{it:02X}") };
    text.bytes().map(byte).collect()
}

/// The folder of runbooks and the file of pins.
fn places(folder: Option<&Path>, pins: Option<&Path>, config: &ConfigArgs) -> anyhow::Result<(PathBuf, PathBuf)> {
    let settings = match (folder, &config.file) {
        (Some(_), None) => knowledge::Config::default(),
        _ => crate::load_config(config.file.as_deref())?.knowledge,
    };
    let folder = folder.map(Path::to_owned).or_else(|| settings.runbooks.clone());
    let folder =
        folder.context("there is no folder of runbooks; give --runbooks DIR or -c FILE with knowledge.runbooks")?;
    let file = pins.map(Path::to_owned).or(settings.pins).unwrap_or_else(|| folder.join(PIN_FILE));
    Ok((folder, file))
}

/// Writes what is there now.
fn pin(folder: &Path, file: &Path, only: &[String]) -> anyhow::Result<ExitCode> {
    let reading = read_folder(folder)?;
    anyhow::ensure!(reading.problems.is_empty(), "{}", reading.problems.join("; "));
    if let Some(missing) = only.iter().find(|it| !reading.files.iter().any(|file| file.path == **it)) {
        anyhow::bail!("{missing} is not a runbook of {}", folder.display());
    }
    let mut pins = Pins::read(file)?.unwrap_or_default();
    let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if only.is_empty() {
        pins.pins.retain(|path, _| reading.files.iter().any(|it| it.path == *path));
    }
    for it in reading.files.iter().filter(|it| only.is_empty() || only.contains(&it.path)) {
        let is_same = pins.pins.get(&it.path).is_some_and(|pin| pin.sha256 == it.sha256);
        if !is_same {
            println!("pinned {} {}", it.sha256, it.path);
            pins.pins.insert(it.path.clone(), Pin { sha256: it.sha256.clone(), by: actor(), at: at.clone() });
        }
    }
    pins.write(file)?;
    println!("{} runbooks are pinned in {}.", pins.pins.len(), file.display());
    Ok(ExitCode::SUCCESS)
}

/// Tells what is not as it was pinned.
fn check_pins(folder: &Path, file: &Path) -> anyhow::Result<ExitCode> {
    let reading = read_folder(folder)?;
    let pins = Pins::read(file)?.with_context(|| format!("there are no pins in {}", file.display()))?;
    let mut n_bad = 0;
    for it in &reading.files {
        let warning = pins.standing(it).warning();
        if !warning.is_empty() {
            println!("{}: {warning}", it.path);
            n_bad += 1;
        }
    }
    for path in pins.pins.keys().filter(|path| !reading.files.iter().any(|it| it.path == **path)) {
        println!("{path}: pinned, but no longer there");
        n_bad += 1;
    }
    if n_bad == 0 {
        println!("All {} runbooks are as they were pinned.", reading.files.len());
    }
    Ok(if n_bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
