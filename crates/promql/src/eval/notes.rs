//! What do functions say about their input? The texts of annotations.

use super::Evaluator;
use super::window::Window;
use crate::ast::Place;
use crate::histogram::NanNote;
use crate::print::{go_float, quoted};

impl Evaluator<'_> {
    pub(super) fn warn(&self, place: Place, text: &str) {
        self.annotations.warn(place, text);
    }

    pub(super) fn info(&self, place: Place, text: &str) {
        self.annotations.info(place, text);
    }

    pub(super) fn warn_mixed_types(&self, window: &Window<'_>) {
        self.warn_mixed_types_of(window.name(), window.place);
    }

    pub(super) fn warn_mixed_types_of(&self, name: &str, place: Place) {
        let text = format!("encountered a mix of histograms and floats for metric name {}", quoted(name));
        self.warn(place, &text);
    }

    pub(super) fn warn_mixed_buckets(&self, name: &str, place: Place) {
        let text = format!(
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
            quoted(name)
        );
        self.warn(place, &text);
    }

    pub(super) fn warn_not_counter(&self, window: &Window<'_>) {
        self.warn(window.place, &format!("this native histogram metric is not a counter: {}", quoted(window.name())));
    }

    pub(super) fn warn_not_gauge(&self, window: &Window<'_>) {
        self.warn(window.place, &format!("this native histogram metric is not a gauge: {}", quoted(window.name())));
    }

    pub(super) fn warn_quantile(&self, q: f64, place: Place) {
        if q.is_nan() || !(0.0..=1.0).contains(&q) {
            self.warn(place, &format!("quantile value should be between 0 and 1, got {}", go_float(q)));
        }
    }

    pub(super) fn warn_collision(&self, operation: &str, place: Place) {
        self.warn(place, &format!("conflicting counter resets during histogram {operation}"));
    }

    pub(super) fn info_reconciled(&self, operation: &str, place: Place) {
        self.info(place, &format!("mismatched custom buckets were reconciled during {operation}"));
    }

    pub(super) fn info_ignored_histograms(&self, window: &Window<'_>) {
        let text = format!(
            "ignored histograms in a range containing both floats and histograms for metric name {}",
            quoted(window.name())
        );
        self.info(window.place, &text);
    }

    pub(super) fn info_ignored_in(&self, aggregation: &str, place: Place) {
        self.info(place, &format!("ignored histogram in {aggregation} aggregation"));
    }

    pub(super) fn info_nan(&self, note: NanNote, name: &str, place: Place) {
        let text = match note {
            NanNote::Result => "input to histogram_quantile has NaN observations, result is NaN",
            NanNote::Skew => "input to histogram_quantile has NaN observations, result is skewed higher",
            NanNote::Excluded => {
                "input to histogram_fraction has NaN observations, which are excluded from all fractions"
            }
        };
        self.info(place, &format!("{text}{}", for_metric(name)));
    }
}

/// ` for metric name "x"`, or nothing if there is no name.
pub(super) fn for_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {}", quoted(name)) }
}
