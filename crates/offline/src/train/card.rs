//! What is written beside a model? Its schema, a card for people, one for programs, the rows it was trained and tested
//! on, and a configuration that serves it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use learn::trees::saved;
use serde_json::json;
use signal::{Clock as _, FeatureValue, SystemClock};

use super::{Outcome, TrainArgs};
use crate::output::write_error;

/// Importances that are told.
const MOST_TOLD: usize = 10;

/// Writes the folder.
pub fn write(args: &TrainArgs, name: &str, outcome: &Outcome) -> anyhow::Result<()> {
    let out = &args.out;
    fs::create_dir_all(out)?;
    table(&out.join("reference_data.csv"), outcome, &outcome.train)?;
    table(&out.join("test_data.csv"), outcome, &outcome.test)?;
    fs::write(out.join(predict::SCHEMA_FILE), serde_json::to_string_pretty(&outcome.schema)? + "\n")?;
    fs::write(out.join("card.json"), serde_json::to_string_pretty(&facts(args, name, outcome))? + "\n")?;
    fs::write(out.join("MODEL_CARD.md"), text(args, name, outcome))?;
    fs::write(out.join("sentinel.yaml"), configuration(out, name))?;
    // Last, because with it the folder is a model.
    fs::write(out.join("model.trees"), saved::to_bytes(&outcome.trained.ensemble))?;
    Ok(())
}

/// The features and `target` (for classes their number), as seed data of drift reports.
fn table(path: &Path, outcome: &Outcome, rows: &(Vec<Vec<FeatureValue>>, Vec<f64>)) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_path(path).map_err(write_error)?;
    let names = outcome.schema.columns.iter().map(|it| it.name.as_str()).chain(["target"]);
    writer.write_record(names).map_err(write_error)?;
    for (row, target) in rows.0.iter().zip(&rows.1) {
        let cells = row.iter().map(ToString::to_string).chain([target.to_string()]);
        writer.write_record(cells).map_err(write_error)?;
    }
    Ok(writer.flush()?)
}

fn importances(outcome: &Outcome) -> Vec<(&str, f64)> {
    let names = outcome.schema.columns.iter().map(|it| it.name.as_str());
    let mut list: Vec<(&str, f64)> = names.zip(outcome.trained.importances.iter().copied()).collect();
    list.sort_by(|a, b| b.1.total_cmp(&a.1));
    list
}

fn facts(args: &TrainArgs, name: &str, outcome: &Outcome) -> serde_json::Value {
    json!({
        "version": 1,
        "name": name,
        "kind": "random_forest",
        "task": outcome.trained.ensemble.task,
        "target": outcome.schema.target.name,
        "classes": outcome.schema.target.classes,
        "trained_at": SystemClock.now(),
        "trained_by": concat!("sentinel ", env!("CARGO_PKG_VERSION")),
        "data": args.data.file_name().map(|it| it.to_string_lossy()),
        "rows": {
            "all": outcome.n_rows,
            "without_target": outcome.n_without_target,
            "training": outcome.train.1.len(),
            "test": outcome.test.1.len(),
        },
        "seed": args.seed,
        "trees": args.trees,
        "quality_on_test_rows": outcome.quality,
        "importances": importances(outcome).into_iter().map(|(name, share)| json!({"feature": name, "share": share})).collect::<Vec<_>>(),
    })
}

/// The figures, one per line.
fn figures(outcome: &Outcome) -> String {
    let it = &outcome.quality;
    let mut lines = String::new();
    let mut line = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "| {name} | {value:.4} |");
        }
    };
    line("accuracy", it.accuracy);
    line("accuracy of the most frequent class", it.accuracy_of_the_most_frequent_class);
    line("AUC", it.auc);
    line("mean absolute error", it.mean_absolute_error);
    line("root mean squared error", it.root_mean_squared_error);
    line("R2", it.r2);
    lines
}

fn text(args: &TrainArgs, name: &str, outcome: &Outcome) -> String {
    let target = &outcome.schema.target;
    let mut text = format!("# Model card: {name}\n\n");
    let classes: Vec<String> = target.classes.iter().zip(0..).map(|(it, idx)| format!("{idx} = `{it}`")).collect();
    let told = if classes.is_empty() { "a number".to_owned() } else { format!("one of {}", classes.join(", ")) };
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "It tells `{}`: {told}.\nA random forest of {} trees, grown by `sentinel train` on {} rows (seed {}); {} rows were kept back for the test{}.\n\n## Quality on the test rows\n\n| figure | value |\n|---|---|\n{}\n## What it looks at\n\n| feature | share of the splits' gain |\n|---|---|\n",
        target.name,
        args.trees,
        outcome.train.1.len(),
        args.seed,
        outcome.test.1.len(),
        if outcome.n_without_target > 0 {
            format!("; {} rows without a target were left out", outcome.n_without_target)
        } else {
            String::new()
        },
        figures(outcome),
    );
    for (feature, share) in importances(outcome) {
        let _ = writeln!(text, "| {feature} | {share:.3} |");
    }
    text.push_str("\n## Fields\n\n| field | type | default | seen in training |\n|---|---|---|---|\n");
    for it in &outcome.schema.columns {
        let kind = format!("{:?}", it.kind).to_lowercase();
        let default = it.default.as_ref().map_or(String::new(), ToString::to_string);
        let seen = match it.seen {
            Some([low, high]) => format!("{low} to {high}"),
            None => format!("{} categories", it.categories.len()),
        };
        let _ = writeln!(text, "| {} | {kind} | {default} | {seen} |", it.name);
    }
    text
}

/// A configuration that serves the model and writes what it says to the file that drift reports read.
fn configuration(out: &Path, name: &str) -> String {
    format!(
        "# Serves the model: sentinel run -c {file}\npredict:\n  models:\n    - name: {name}\n      path: {path:?}\n  log:\n    csv:\n      - path: data/live/live_predictions.csv\n",
        file = out.join("sentinel.yaml").display(),
        path = out.display().to_string(),
    )
}

/// Tells on standard output what was made.
pub fn tell(args: &TrainArgs, name: &str, outcome: &Outcome) {
    let quality = &outcome.quality;
    println!("model       {name}: random forest, {} trees, seed {}", args.trees, args.seed);
    println!("rows        {} for training, {} for the test", outcome.train.1.len(), outcome.test.1.len());
    let figure = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            println!("{name:<11} {value:.4}");
        }
    };
    figure("accuracy", quality.accuracy);
    figure("AUC", quality.auc);
    figure("MAE", quality.mean_absolute_error);
    figure("RMSE", quality.root_mean_squared_error);
    figure("R2", quality.r2);
    if let Some(most) = quality.accuracy_of_the_most_frequent_class {
        println!("            ({most:.4} if always the most frequent class were told)");
    }
    let top = importances(outcome).into_iter().take(MOST_TOLD);
    let told: Vec<String> = top.map(|(name, share)| format!("{name} {:.0} %", share * 100.0)).collect();
    println!("looks at    {}", told.join(", "));
    println!("written to  {}", args.out.display());
    println!("serve it    sentinel run -c {}", args.out.join("sentinel.yaml").display());
}
