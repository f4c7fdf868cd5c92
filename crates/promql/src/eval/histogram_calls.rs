//! Which quantile, which fraction? Of native histograms, and of classic ones as series with a label `le`.

use std::collections::HashMap;

use signal::Labels;

use super::Evaluator;
use super::column::{Cell, Column, joined, nameless};
use super::grid::Grid;
use super::notes::for_metric;
use crate::answer::QueryError;
use crate::ast::{Expr, Place};
use crate::histogram::{ClassicBucket, bucket_fraction, bucket_quantile, fraction, quantile};
use crate::print::{open_metrics_float, quoted};

/// What is asked of histograms at one step.
#[derive(Clone, Copy)]
enum Question {
    Quantile(f64),
    Fraction(f64, f64),
}

/// The series of one histogram: native, classic or both.
#[derive(Default)]
struct Member<'c> {
    labels: Labels,
    natives: Vec<&'c Column>,
    buckets: Vec<(f64, &'c Column)>,
}

impl Evaluator<'_> {
    /// `histogram_quantile`, `histogram_fraction` and `histogram_quantiles`.
    pub(super) fn histogram_call(&self, name: &str, args: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        match (name, args) {
            ("histogram_quantile", [q, vector]) => {
                let q = self.quantiles(q, grid)?;
                let questions: Vec<_> = q.into_iter().map(Question::Quantile).collect();
                let columns = self.vector(vector, grid)?;
                let out = self.ask(&members(self, &columns, vector.place), &questions, vector.place, None);
                self.finish_histograms(out)
            }
            ("histogram_fraction", [lower, upper, vector]) => {
                let bounds = self.scalar(lower, grid)?.into_iter().zip(self.scalar(upper, grid)?);
                let questions: Vec<_> = bounds.map(|(lower, upper)| Question::Fraction(lower, upper)).collect();
                let columns = self.vector(vector, grid)?;
                let out = self.ask(&members(self, &columns, vector.place), &questions, vector.place, None);
                self.finish_histograms(out)
            }
            (_, [vector, label, quantiles @ ..]) => {
                let mut asked = Vec::new();
                for q in quantiles {
                    asked.push(self.quantiles(q, grid)?);
                }
                let columns = self.vector(vector, grid)?;
                let members = members(self, &columns, vector.place);
                let mut out = Vec::new();
                for q in asked {
                    let questions: Vec<_> = q.iter().copied().map(Question::Quantile).collect();
                    out.extend(self.ask(&members, &questions, vector.place, Some((super::answer::text(label), &q))));
                }
                self.finish_histograms(out)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn finish_histograms(&self, mut out: Vec<Column>) -> Result<Vec<Column>, QueryError> {
        out.retain(|it| !it.is_empty());
        joined(nameless(out), "vector cannot contain metrics with the same labelset")
    }

    /// Quantiles at each step; those that are none are told.
    fn quantiles(&self, arg: &Expr, grid: &Grid) -> Result<Vec<f64>, QueryError> {
        let quantiles = self.scalar(arg, grid)?;
        quantiles.iter().for_each(|it| self.warn_quantile(*it, arg.place));
        Ok(quantiles)
    }

    fn ask(
        &self,
        members: &[Member<'_>],
        questions: &[Question],
        place: Place,
        label: Option<(&str, &[f64])>,
    ) -> Vec<Column> {
        let mut out = Vec::new();
        for member in members {
            // With a quantile that changes from step to step, each value has a series of its own.
            let mut by_label: Vec<(Labels, Column)> = Vec::new();
            for (step, question) in questions.iter().enumerate() {
                let Some(value) = self.ask_one(member, *question, step, place) else { continue };
                let labels = match label {
                    None => member.labels.clone(),
                    Some((name, quantiles)) => {
                        let q = quantiles.get(step).copied().unwrap_or(f64::NAN);
                        member.labels.with(name, &open_metrics_float(q))
                    }
                };
                let idx = by_label.iter().position(|it| it.0 == labels).unwrap_or(by_label.len());
                if idx == by_label.len() {
                    by_label.push((labels.clone(), Column::empty(labels, questions.len())));
                }
                if let Some((_, column)) = by_label.get_mut(idx) {
                    column.set(step, Cell::Float(value));
                }
            }
            out.extend(by_label.into_iter().map(|it| it.1));
        }
        out
    }

    fn ask_one(&self, member: &Member<'_>, question: Question, step: usize, place: Place) -> Option<f64> {
        let native = member.natives.iter().find_map(|it| match it.cell(step) {
            Cell::Histogram(histogram) => Some(histogram),
            _ => None,
        });
        let buckets: Vec<ClassicBucket> = member
            .buckets
            .iter()
            .filter_map(|(upper, column)| match column.cell(step) {
                Cell::Float(count) => Some(ClassicBucket { upper: *upper, count }),
                _ => None,
            })
            .collect();
        let name = member.labels.name();
        match (native, buckets.is_empty()) {
            (None, true) => None,
            (Some(_), false) => {
                let text = format!("vector contains a mix of classic and native histograms{}", for_metric(name));
                self.warn(place, &text);
                None
            }
            (Some(histogram), true) => {
                let (value, note) = match question {
                    Question::Quantile(q) => quantile(q, &histogram),
                    Question::Fraction(lower, upper) => fraction(lower, upper, &histogram),
                };
                if let Some(note) = note {
                    self.info_nan(note, name, place);
                }
                Some(value)
            }
            (None, false) => Some(self.ask_classic(question, buckets, name, place)),
        }
    }

    fn ask_classic(&self, question: Question, buckets: Vec<ClassicBucket>, name: &str, place: Place) -> f64 {
        match question {
            Question::Fraction(lower, upper) => bucket_fraction(lower, upper, buckets),
            Question::Quantile(q) => {
                let (value, raised) = bucket_quantile(q, buckets);
                if let Some(raised) = raised {
                    let name = if self.limits.delays_name_removal { name } else { "" };
                    self.annotations.info_raised(place, name, &raised);
                }
                value
            }
        }
    }
}

/// Finds the series that make up each histogram.
fn members<'c>(evaluator: &Evaluator<'_>, columns: &'c [Column], place: Place) -> Vec<Member<'c>> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut members: Vec<Member<'c>> = Vec::new();
    let mut member = |labels: Labels| {
        let idx = *places.entry(labels.clone()).or_insert(members.len());
        if idx == members.len() {
            members.push(Member { labels, ..Member::default() });
        }
        idx
    };
    let mut found = Vec::new();
    for column in columns {
        if !column.is_plain() {
            found.push((member(column.labels.clone()), None, column));
        }
        if column.floats.iter().all(|it| crate::series::is_stale(*it)) {
            continue;
        }
        let bound = column.labels.get("le").unwrap_or("");
        let Some(upper) = float(bound) else {
            let name = column.labels.name();
            let text = format!(
                "bucket label \"le\" is missing or has a malformed value of {}{}",
                quoted(bound),
                for_metric(name)
            );
            evaluator.warn(place, &text);
            continue;
        };
        found.push((member(column.labels.with("le", "")), Some(upper), column));
    }
    for (idx, upper, column) in found {
        let Some(member) = members.get_mut(idx) else { continue };
        match upper {
            None => member.natives.push(column),
            Some(upper) => member.buckets.push((upper, column)),
        }
    }
    members
}

/// A bound as Go reads it.
fn float(text: &str) -> Option<f64> {
    let plain = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match plain.as_str() {
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}
