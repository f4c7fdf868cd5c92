//! The order of a comparison: open both sides, compare column by column on all processors, finish, write.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use drift::{Budget, ColumnReport, Config, Facts, Mode, Part, Profile, Report, Side, compare_column, finish, part};

use super::fed::FedProfile;
use super::parquet_source::now;
use super::source::{Source, Wanted};
use super::{Compat, DriftArgs, Shape, terminal};
use crate::bad_input::BadInput;
use crate::output::Output;
use crate::progress::Progress;

/// Columns that are read at a time, at most: each holds its numbers.
const MAX_THREADS: usize = 4;

/// Whether there is drift or a failed expectation.
pub fn run(args: &DriftArgs) -> anyhow::Result<bool> {
    let config = config(args)?;
    let wanted = wanted(args, &config);
    let (reference, current) = open_both(args, &wanted)?;
    if let Some(path) = &args.save_profile {
        save(&reference, path)?;
    }
    let Some(current) = current else { return Ok(false) };
    let report = compare(&reference, &current, &config, args.sliding)?;
    write(args, &report, &config)?;
    nothing_compared(&report, &current.name)?;
    Ok(report.verdict.drift || report.verdict.failed_expectations > 0)
}

/// That nothing could be compared is no verdict, and must not pass for one that all is well.
fn nothing_compared(report: &Report, current: &str) -> Result<(), BadInput> {
    let verdict = &report.verdict;
    if verdict.compared > 0 || verdict.drift || verdict.failed_expectations > 0 {
        return Ok(());
    }
    let reason = report.columns.iter().find_map(|it| Some(format!("{}: {}", it.name, it.not_compared.as_ref()?)));
    let found = format!("no column could be compared ({})", reason.unwrap_or_else(|| "there is none".to_owned()));
    Err(BadInput::of_file(current, found, "give columns of numbers or of words that repeat"))
}

fn config(args: &DriftArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| crate::input::unreadable(&name, &error))?;
            serde_saphyr::from_str(&text).map_err(|error| BadInput::of_file(&name, error.to_string(), "mend it"))?
        }
    };
    if args.compat == Some(Compat::Evidently) {
        config.mode = Mode::Evidently;
    }
    config.ignore.extend(args.ignore.iter().cloned());
    config.prediction = args.prediction.clone().or(config.prediction);
    config.target = args.target.clone().or(config.target);
    config.alpha = args.alpha.unwrap_or(config.alpha);
    if let Some(problem) = config.problems().into_iter().next() {
        let name = args.config.as_ref().map_or("the command line".to_owned(), |it| it.display().to_string());
        return Err(BadInput::of_file(&name, problem, "mend it").into());
    }
    Ok(config)
}

fn wanted(args: &DriftArgs, config: &Config) -> Wanted {
    Wanted {
        budget: Budget { exact_values: args.exact_rows, ..Budget::default() },
        columns: config.columns.clone(),
        ignored: config.ignore.clone(),
        segment: args.segment.clone(),
        window: args.window.map(|millis| (millis, args.timestamp.clone())),
        as_pandas: config.mode == Mode::Evidently,
    }
}

/// Both files at a time: CSV is profiled while it is read.
fn open_both(args: &DriftArgs, wanted: &Wanted) -> anyhow::Result<(Source, Option<Source>)> {
    // The reference has no spans of its own: it is compared whole with each.
    let of_reference = Wanted { window: None, ..wanted.clone() };
    let is_piped = |it: &Path| it.as_os_str() == "-";
    if is_piped(&args.reference) && args.current.as_deref().is_some_and(is_piped) {
        return Err(BadInput::of_file("standard input", "both sides are to come from it", "name a file").into());
    }
    std::thread::scope(|scope| {
        let current = args.current.as_ref().map(|path| scope.spawn(move || Source::open(path, wanted)));
        let reference = Source::open(&args.reference, &of_reference)?;
        // A panic of the other thread goes on here.
        let current = current.map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok((reference, current.transpose()?))
    })
}

fn compare(reference: &Source, current: &Source, config: &Config, is_sliding: bool) -> anyhow::Result<Report> {
    if let Some(name) = config.columns.iter().find(|it| !reference.names.contains(it)) {
        let found = format!("it has no column {name}, which the configuration names");
        let advice = format!("its columns are {}", reference.names.join(", "));
        return Err(BadInput::of_file(&reference.name, found, advice).into());
    }
    let shared: Vec<&String> = reference.names.iter().filter(|it| current.names.contains(it)).collect();
    if shared.is_empty() {
        let found = format!("it has no column of {}", reference.name);
        let advice = format!("columns are compared by name: {}", reference.names.join(", "));
        return Err(BadInput::of_file(&current.name, found, advice).into());
    }
    let progress = Progress::new(shared.len(), "comparing");
    let columns = in_parallel(&shared, |name| {
        let of = |source: &Source| source.column(name).map(Option::unwrap_or_default);
        let (before, now) = (of(reference)?, of(current)?);
        let facts = (!before.whole.is_exact(), !now.whole.is_exact());
        let report = column(&before, &now, reference, current, config, is_sliding);
        progress.advance(1);
        Ok((report, facts))
    })?;
    drop(progress);
    let sketched = |of: fn(&(bool, bool)) -> bool| {
        columns.iter().filter(|it| of(&it.1)).map(|it| it.0.name.clone()).collect::<Vec<String>>()
    };
    let (ours, theirs) = (side(reference, sketched(|it| it.0)), side(current, sketched(|it| it.1)));
    let mut report = finish(&ours, &theirs, columns.into_iter().map(|it| it.0).collect(), config);
    report.expect(&config.expectations, config);
    report.version = env!("CARGO_PKG_VERSION").to_owned();
    report.generated_at = now();
    report.notes.extend(reference.notes.iter().chain(&current.notes).cloned());
    Ok(report)
}

fn side(source: &Source, sketched: Vec<String>) -> Side {
    let facts = Facts {
        name: source.name.clone(),
        rows: source.rows,
        columns: source.names.len(),
        duplicates: source.duplicates,
        sketched,
        is_profile: source.is_profile,
    };
    Side { facts, columns: source.names.clone() }
}

fn column(
    before: &FedProfile,
    now: &FedProfile,
    reference: &Source,
    current: &Source,
    config: &Config,
    is_sliding: bool,
) -> ColumnReport {
    let mut report = compare_column(&before.whole, &now.whole, config);
    if report.finding.is_none() {
        return report;
    }
    for (idx, name) in current.segments.iter().enumerate() {
        let theirs = reference.segments.iter().position(|it| it == name).and_then(|it| before.segments.get(it));
        if let (Some(before), Some(now)) = (theirs, now.segments.get(idx)) {
            report.segments.push(part(name, before, now, config));
        }
    }
    let mut last = &before.whole;
    for (id, begin) in &current.spans {
        let Some(now) = now.spans.get(*id) else { continue };
        let mut it: Part = part(begin, last, now, config);
        if is_sliding && report.over_time.is_empty() {
            // Nothing lies before the first span.
            it = Part { p_value: None, effect: 0.0, drifted: 0, compared: 0, reference_rows: 0, ..it };
        }
        report.over_time.push(it);
        if is_sliding {
            last = now;
        }
    }
    report
}

/// Does the same for each name, on some threads, and gives the results in order; the first problem ends it.
fn in_parallel<T: Send>(
    names: &[&String],
    act: impl Fn(&str) -> Result<T, BadInput> + Sync,
) -> Result<Vec<T>, BadInput> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MAX_THREADS);
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(names.len()) {
            scope.spawn(|| {
                loop {
                    let idx = next.fetch_add(1, Ordering::Relaxed);
                    let Some(name) = names.get(idx) else { break };
                    let result = act(name);
                    if result.is_err() {
                        next.store(names.len(), Ordering::Relaxed);
                    }
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(idx, result);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_values().collect()
}

fn save(source: &Source, path: &Path) -> anyhow::Result<()> {
    let names: Vec<&String> = source.names.iter().collect();
    let progress = Progress::new(names.len(), "profiling");
    let columns = in_parallel(&names, |name| {
        let profile = source.column(name)?.unwrap_or_default();
        progress.advance(1);
        Ok(profile.whole.condensed(usize::MAX))
    })?;
    drop(progress);
    let profile = Profile { name: source.name.clone(), rows: source.rows, duplicates: source.duplicates, columns };
    let mut output = Output::create(Some(path))?;
    output.write_all(&profile.to_bytes())?;
    output.finish()
}

/// Everything is rendered before the first file appears.
fn write(args: &DriftArgs, report: &Report, config: &Config) -> anyhow::Result<()> {
    let json = match args.json_shape {
        Shape::Sentinel => serde_json::to_string(report).context("cannot write the report as JSON")?,
        Shape::Evidently => drift::evidently::metrics_of_07(report, config).to_string(),
        Shape::EvidentlyLegacy => drift::evidently::legacy(report).to_string(),
    };
    let is_stdout = args.json.as_deref().is_some_and(|it| it.as_os_str() == "-");
    let mut files = Vec::new();
    if let Some(path) = args.json.as_deref().filter(|_| !is_stdout) {
        let mut output = Output::create(Some(path))?;
        writeln!(output, "{json}")?;
        files.push(output);
    }
    if let Some(path) = &args.html {
        let mut output = Output::create(Some(path))?;
        output.write_all(drift::html(report).as_bytes())?;
        files.push(output);
    }
    for output in files {
        output.finish()?;
    }
    let mut out = std::io::stdout().lock();
    if is_stdout {
        writeln!(out, "{json}")?
    } else {
        terminal::print(report, &mut out)?
    }
    Ok(())
}
