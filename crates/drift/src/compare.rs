//! What does a comparison of two profiles say? Column by column, then the whole: so that an edge needs to hold two columns.

use std::collections::BTreeMap;

use crate::column::ColumnProfile;
use crate::config::{Config, Mode};
use crate::correlation;
use crate::kind::Kind;
use crate::parts;
use crate::profile::{Profile, is_answer};
use crate::quality;
use crate::report::{Change, ColumnReport, Facts, Finding, Report, Role, SCHEMA, SchemaChange, Summary, Verdict};
use crate::shape::Shape;
use crate::texts::Descriptor;
use crate::verdict;

/// Share of columns from which on a data set has drifted by Evidently's preset.
const EVIDENTLY_SHARE: f64 = 0.5;
/// With fewer rows on a side nearly nothing can be told, and that is no sign that all is well.
const FEW_ROWS: u64 = 10;
/// The column with the truth, unless the user names another.
const TARGET: &str = "target";

/// One side of a comparison: facts, and the names of its columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// What is told about it.
    pub facts: Facts,
    /// Its columns in order.
    pub columns: Vec<String>,
}

/// Groups of the rows of a table by `column=value`.
pub type Segments = BTreeMap<String, Profile>;

/// Compares two whole profiles.
pub fn compare(reference: &Profile, current: &Profile, config: &Config) -> Report {
    compare_segmented((reference, &Segments::new()), (current, &Segments::new()), config)
}

/// Compares two profiles and, within them, groups by the same names. A reference without any groups is compared whole
/// with each; a group that it does not have is left out.
pub fn compare_segmented(
    (reference, ours): (&Profile, &Segments),
    (current, theirs): (&Profile, &Segments),
    config: &Config,
) -> Report {
    let column = |profile: &'_ Profile, name: &str| profile.columns.iter().find(|it| it.name == name).cloned();
    let mut columns = Vec::new();
    for before in reference.columns.iter().filter(|it| config.has(&it.name)) {
        let Some(now) = current.columns.iter().find(|it| it.name == before.name) else { continue };
        let mut report = compare_column(before, now, config);
        if report.finding.is_some() {
            for (name, group) in theirs.iter().filter(|it| !is_of_column(it.0, &before.name)) {
                let usual = if ours.is_empty() {
                    Some(before.clone())
                } else {
                    ours.get(name).and_then(|it| column(it, &before.name))
                };
                if let (Some(usual), Some(now)) = (usual, column(group, &before.name)) {
                    report.segments.push(parts::part(name, &usual, &now, config));
                }
            }
        }
        columns.push(report);
    }
    finish(&side(reference), &side(current), columns, config)
}

/// A column is constant within its own groups.
fn is_of_column(segment: &str, column: &str) -> bool {
    segment.strip_prefix(column).is_some_and(|it| it.starts_with('='))
}

fn side(profile: &Profile) -> Side {
    let sketched = profile.columns.iter().filter(|it| !it.is_exact()).map(|it| it.name.clone()).collect();
    let facts = Facts {
        name: profile.name.clone(),
        rows: profile.rows,
        columns: profile.columns.len(),
        duplicates: profile.duplicates,
        sketched,
        is_profile: false,
    };
    Side { facts, columns: profile.columns.iter().map(|it| it.name.clone()).collect() }
}

/// Compares a column of both sides. P-values are adjusted, and verdicts final, after [`finish`].
pub fn compare_column(reference: &ColumnProfile, current: &ColumnProfile, config: &Config) -> ColumnReport {
    let (finding, not_compared, texts) = match outcome(reference, current, config) {
        Ok((finding, texts)) => (Some(finding), None, texts),
        Err(reason) => (None, Some(reason), Vec::new()),
    };
    ColumnReport {
        name: reference.name.clone(),
        role: role(&reference.name, config),
        kind: if reference.kind == Kind::Empty { current.kind } else { reference.kind },
        finding,
        not_compared,
        reference: Summary::of(reference),
        current: Summary::of(current),
        out_of_range_share: quality::out_of_range_share(reference, current),
        new_category_share: quality::new_category_share(reference, current),
        texts,
        shape: Shape::of(reference, current),
        issues: quality::issues(reference, current),
        segments: Vec::new(),
        over_time: Vec::new(),
        samples: (reference.sample.clone(), current.sample.clone()),
    }
}

/// The verdict, and of texts the numbers that it comes from.
fn outcome(
    reference: &ColumnProfile,
    current: &ColumnProfile,
    config: &Config,
) -> Result<(Finding, Vec<Descriptor>), String> {
    match reference.kind {
        Kind::Time => Err("times move on by themselves".to_owned()),
        _ if config.mode == Mode::Evidently => Ok((verdict::judge(reference, current, config)?, Vec::new())),
        Kind::Text => verdict::of_texts(reference, current, config),
        Kind::Number | Kind::Category | Kind::Empty => Ok((verdict::judge(reference, current, config)?, Vec::new())),
    }
}

fn role(name: &str, config: &Config) -> Role {
    if config.prediction.as_deref() == Some(name) {
        Role::Prediction
    } else if config.target.as_deref().unwrap_or(TARGET) == name {
        Role::Target
    } else {
        Role::Feature
    }
}

/// Makes the report of columns that were compared one by one.
pub fn finish(reference: &Side, current: &Side, mut columns: Vec<ColumnReport>, config: &Config) -> Report {
    if config.mode == Mode::Calibrated {
        verdict::adjust(&mut columns, config);
    }
    let segments = parts::sum_up(&mut columns, |it| &mut it.segments, config);
    let over_time = parts::sum_up(&mut columns, |it| &mut it.over_time, config);
    columns.iter_mut().for_each(|it| it.segments.sort_by(|a, b| b.effect.total_cmp(&a.effect)));
    columns.sort_by(|a, b| rank(b).0.cmp(&rank(a).0).then(rank(b).1.total_cmp(&rank(a).1)));
    let correlations = correlation::changes(&columns, config.alpha);
    let schema_changes = schema_changes(reference, current, &columns, config);
    let mut issues: Vec<quality::Issue> = columns.iter().flat_map(|it| it.issues.clone()).collect();
    let counted = |it: &Side| (it.facts.rows, it.facts.duplicates);
    issues.extend(quality::duplicates(counted(reference), counted(current)));
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        version: String::new(),
        generated_at: String::new(),
        mode: config.mode,
        verdict: Verdict::default(),
        reference: reference.facts.clone(),
        current: current.facts.clone(),
        columns,
        schema_changes,
        issues,
        correlations,
        segments,
        over_time,
        expectations: Vec::new(),
        notes: notes(reference, current),
    };
    report.conclude(config);
    report
}

fn rank(column: &ColumnReport) -> (u8, f64) {
    match &column.finding {
        Some(it) => (1 + u8::from(it.drifted), it.effect),
        None => (0, 0.0),
    }
}

fn schema_changes(reference: &Side, current: &Side, columns: &[ColumnReport], config: &Config) -> Vec<SchemaChange> {
    let change = |column: &str, change, kinds: (Option<Kind>, Option<Kind>)| SchemaChange {
        column: column.to_owned(),
        change,
        reference: kinds.0,
        current: kinds.1,
    };
    let lacks = |side: &Side, name: &str| side.columns.iter().all(|it| it != name);
    let mut changes = Vec::new();
    for name in reference.columns.iter().filter(|it| config.has(it) && lacks(current, it)) {
        // The truth comes later, if at all.
        if role(name, config) != Role::Target {
            changes.push(change(name, Change::Missing, (None, None)));
        }
    }
    for name in current.columns.iter().filter(|it| config.has(it) && lacks(reference, it)) {
        changes.push(change(name, Change::New, (None, None)));
    }
    for column in columns {
        // Infinite numbers and words among numbers are no values to compare.
        let counts = |it: &Summary| it.rows > it.missing + it.infinite + it.mixed;
        match (counts(&column.reference), counts(&column.current)) {
            (true, false) => changes.push(change(&column.name, Change::Empty, (Some(column.kind), Some(Kind::Empty)))),
            (true, true)
                if column.not_compared.is_some() && of_numbers(&column.reference) != of_numbers(&column.current) =>
            {
                let kind = |it: &Summary| if of_numbers(it) { Kind::Number } else { Kind::Category };
                changes.push(change(
                    &column.name,
                    Change::Type,
                    (Some(kind(&column.reference)), Some(kind(&column.current))),
                ));
            }
            _ => {}
        }
    }
    changes
}

const fn of_numbers(summary: &Summary) -> bool {
    summary.moments.is_some()
}

fn notes(reference: &Side, current: &Side) -> Vec<String> {
    let sketched = |side: &Side, what: &str| {
        let all = &side.facts.sketched;
        let note = format!(
            "{what}: {} of {} columns are sketches, whose ranks are right to 1 %",
            all.len(),
            side.facts.columns
        );
        (!all.is_empty()).then_some(note)
    };
    let few = |side: &Side, what: &str| {
        let rows = side.facts.rows;
        let note = format!("{what} has {rows} rows: hardly any difference can be told from chance");
        (rows < FEW_ROWS).then_some(note)
    };
    let sides = [(reference, "Reference"), (current, "Current data")];
    sides.into_iter().flat_map(|(side, what)| [sketched(side, what), few(side, what)]).flatten().collect()
}

impl Report {
    /// Sums up what was found; again after expectations were added.
    pub fn conclude(&mut self, config: &Config) {
        let compared: Vec<&Finding> = self.columns.iter().filter_map(|it| it.finding.as_ref()).collect();
        let drifted = compared.iter().filter(|it| it.drifted).count();
        let share = drifted as f64 / compared.len().max(1) as f64;
        let drift_share = config.drift_share.unwrap_or(match config.mode {
            Mode::Calibrated => 0.0,
            Mode::Evidently => EVIDENTLY_SHARE,
        });
        let of_prediction = |it: &&ColumnReport| it.role == Role::Prediction;
        let prediction =
            self.columns.iter().find(of_prediction).and_then(|it| it.finding.as_ref()).map(|it| it.drifted);
        let dataset_drift = drifted > 0 && share >= drift_share;
        let schema_drift = self.schema_changes.iter().any(|it| it.change != Change::New);
        let failed = self.expectations.iter().filter(|it| it.status.is_failure()).count();
        let mut verdict = Verdict {
            drift: dataset_drift || schema_drift || prediction == Some(true),
            dataset_drift,
            prediction_drift: prediction,
            schema_drift,
            drifted,
            compared: compared.len(),
            share,
            drift_share,
            failed_expectations: failed,
            summary: String::new(),
        };
        verdict.summary = self.summary(&verdict);
        self.verdict = verdict;
    }

    /// A probability is of the answer, where there is one.
    fn is_feature(&self, column: &ColumnReport) -> bool {
        let has_answers = self.columns.iter().any(|it| it.role == Role::Prediction);
        column.role == Role::Feature && !(has_answers && is_answer(&column.name))
    }

    fn summary(&self, verdict: &Verdict) -> String {
        // Cards and alerts count features; what the model answered and what was true are columns beside them.
        let features = self.columns.iter().filter(|it| it.finding.is_some() && self.is_feature(it)).count();
        let columns = match verdict.compared {
            compared if compared == features => format!("{compared} columns"),
            compared => format!("{compared} columns ({features} features)"),
        };
        let mut parts = vec![match (verdict.compared, verdict.drifted) {
            (0, _) => "no column could be compared".to_owned(),
            (_, 0) => format!("none of {columns} drifted"),
            (_, drifted) => format!("{drifted} of {columns} drifted ({:.0} %)", verdict.share * 100.0),
        }];
        if verdict.prediction_drift == Some(true) {
            parts.push("the prediction drifted".to_owned());
        }
        let changed = self.schema_changes.iter().filter(|it| it.change != Change::New).count();
        if changed > 0 {
            parts.push(match changed {
                1 => "a column is missing or holds something else".to_owned(),
                _ => format!("{changed} columns are missing or hold something else"),
            });
        }
        if verdict.failed_expectations > 0 {
            parts.push(match verdict.failed_expectations {
                1 => "an expectation failed".to_owned(),
                failed => format!("{failed} expectations failed"),
            });
        }
        parts.join("; ")
    }
}
