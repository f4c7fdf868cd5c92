//! How do the commands ask a running server about forecast models?

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{ModelArgs, ModelsArgs, VersionArgs};
use crate::client::{actor, bytes, call, field, get, items, print, table};

/// `sentinel models`.
pub async fn models(args: &ModelsArgs) -> anyhow::Result<()> {
    if args.watched {
        return watched(args).await;
    }
    if let Some(folder) = &args.export {
        return export(args, folder).await;
    }
    if let Some(version) = &args.promote {
        return promote_served(args, version).await;
    }
    let path = format!("/sentinel/v1/models?limit=1000&match={}", escaped(&args.words.join(" ")));
    let answer = get(&args.remote, &path).await?;
    print(&args.remote, &answer, |it| {
        if args.versions {
            let versions = |it: &Value| it.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
            let all: Vec<Value> = items(it).iter().flat_map(versions).collect();
            let columns =
                ["metric_key", "version_id", "status", "training_policy", "trained_at", "mae", "mase", "reason"];
            table(&all, &columns);
        } else {
            let columns =
                ["metric_key", "state", "active_version", "model_class", "drift_mae", "coverage", "error", "id"];
            table(items(it), &columns);
        }
    })
}

/// A served model as files in a folder that is made for them.
async fn export(args: &ModelsArgs, folder: &Path) -> anyhow::Result<()> {
    let [name] = args.words.as_slice() else { bail!("name the one served model that is to be exported") };
    let query = args.version.as_deref().map(|it| format!("?version={}", escaped(it))).unwrap_or_default();
    let path = format!("/models/{}/files", escaped(name));
    let list = get(&args.remote, &format!("{path}{query}")).await?;
    let names: Vec<&str> =
        list.get("files").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let is_plain = |it: &&str| !it.is_empty() && !it.starts_with('.') && !it.contains(['/', '\\']);
    ensure!(!names.is_empty() && names.iter().all(is_plain), "the server has told no usable names of files");
    let mut files = vec![];
    for it in &names {
        files.push(bytes(&args.remote, &format!("{path}/{}{query}", escaped(it))).await?);
    }
    std::fs::create_dir(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (name, bytes) in names.iter().zip(files) {
        std::fs::write(folder.join(name), bytes).with_context(|| format!("cannot write {name}"))?;
    }
    let told = format!("{} {} as {} in {}", name, field(&list, "version"), names.join(", "), folder.display());
    print(&args.remote, &list, |_| println!("{told}"))
}

/// Another version of a served model answers.
async fn promote_served(args: &ModelsArgs, version: &str) -> anyhow::Result<()> {
    let [name] = args.words.as_slice() else { bail!("name the one served model whose version {version} is promoted") };
    let path = format!("/sentinel/v1/served/{}/promote", escaped(name));
    let body = json!({ "version": version, "actor": actor() });
    let answer = call(&args.remote, Method::POST, &path, Some(body)).await?;
    print(&args.remote, &answer, |it| {
        println!("{} of {} answers in place of {}.", field(it, "version"), field(it, "model"), field(it, "before"));
    })
}

/// Models whose predictions are compared with a reference, each in a line.
async fn watched(args: &ModelsArgs) -> anyhow::Result<()> {
    let answer = get(&args.remote, "/sentinel/v1/drift?limit=1000").await?;
    let is_meant = |it: &&Value| args.words.iter().all(|word| field(it, "model").contains(word.as_str()));
    print(&args.remote, &answer, |it| {
        let rows: Vec<Value> = items(it).iter().filter(is_meant).map(line).collect();
        table(&rows, &["model", "state", "data_drift_score", "verdict", "compared", "reference"]);
    })
}

fn line(it: &Value) -> Value {
    let newest = it.get("newest").filter(|it| it.is_object());
    let of = |path: &str| newest.and_then(|it| it.pointer(path)).cloned().unwrap_or(Value::Null);
    let verdict = if newest.is_some() { of("/summary") } else { it.get("trouble").cloned().unwrap_or_default() };
    json!({
        "model": it.get("model"), "state": it.get("state"), "reference": it.get("reference"), "verdict": verdict,
        "data_drift_score": of("/measures/data_drift_score"), "compared": of("/time"),
    })
}

/// `sentinel retrain`.
pub async fn retrain(args: &ModelArgs) -> anyhow::Result<()> {
    let model = found(args).await?;
    let path = format!("/manage/retrain/{}", field(&model, "id"));
    let answer = call(&args.remote, Method::POST, &path, Some(json!({ "actor": actor() }))).await?;
    let key = field(&model, "metric_key");
    print(&args.remote, &answer, |it| println!("{key} is trained; the version will be {}.", field(it, "run_id")))
}

/// `sentinel rollback`.
pub async fn rollback(args: &VersionArgs) -> anyhow::Result<()> {
    switch(args, "rollback").await
}

/// `sentinel promote`.
pub async fn promote(args: &VersionArgs) -> anyhow::Result<()> {
    if args.version.is_none() {
        bail!("which version shall serve? Name it by --version; `sentinel models --versions` lists them");
    }
    switch(args, "promote").await
}

async fn switch(args: &VersionArgs, word: &str) -> anyhow::Result<()> {
    let model = found(&args.model).await?;
    let path = format!("/manage/{word}/{}", field(&model, "id"));
    let body = json!({ "version": args.version, "actor": actor() });
    let answer = call(&args.model.remote, Method::POST, &path, Some(body)).await?;
    print(&args.model.remote, &answer, |it| println!("{} of {} serves.", field(it, "version"), field(it, "model")))
}

/// The one model that is meant.
async fn found(args: &ModelArgs) -> anyhow::Result<Value> {
    let answer = get(&args.remote, "/sentinel/v1/models?limit=1000").await?;
    let mut wanted = vec![];
    for label in &args.labels {
        match label.split_once('=') {
            Some(pair) => wanted.push(pair),
            None => bail!("--label {label}: must be NAME=VALUE"),
        }
    }
    let fits = |it: &&Value| {
        let key = field(it, "metric_key");
        let names = [field(it, "id"), field(it, "watch"), key.split('{').next().unwrap_or("").to_owned()];
        let label = |name: &str| it.get("labels").map(|it| field(it, name)).unwrap_or_default();
        (key == args.metric || names.contains(&args.metric)) && wanted.iter().all(|it| label(it.0) == it.1)
    };
    match items(&answer).iter().filter(fits).collect::<Vec<_>>().as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!("no model is called {}; `sentinel models` lists them", args.metric),
        many => {
            let keys: Vec<String> = many.iter().take(10).map(|it| field(it, "metric_key")).collect();
            bail!("{} models are meant; choose one by --label: {}", many.len(), keys.join(", "))
        }
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|it| if it.is_ascii_alphanumeric() { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}
