//! What may a family of each type hold? Suffixes, labels and values, as a table of rules.

use super::line::Sample;
use super::value;

/// The types of OpenMetrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Unknown,
    Gauge,
    Counter,
    StateSet,
    Info,
    Histogram,
    GaugeHistogram,
    Summary,
}

impl Kind {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "unknown" => Self::Unknown,
            "gauge" => Self::Gauge,
            "counter" => Self::Counter,
            "stateset" => Self::StateSet,
            "info" => Self::Info,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            _ => return None,
        })
    }

    /// What is added to the family's name to name a sample.
    pub(super) const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Unknown | Self::Gauge | Self::StateSet => &[""],
            Self::Counter => &["_total", "_created"],
            Self::Info => &["_info"],
            Self::Histogram => &["_bucket", "_count", "_sum", "_created"],
            Self::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
            Self::Summary => &["", "_count", "_sum", "_created"],
        }
    }

    /// The label that tells samples of one metric apart.
    pub(super) fn inner_label(self, family: &str) -> Option<&str> {
        match self {
            Self::Histogram | Self::GaugeHistogram => Some("le"),
            Self::Summary => Some("quantile"),
            Self::StateSet => Some(family),
            _ => None,
        }
    }

    /// Checks one sample by itself.
    pub(super) fn check(self, family: &str, suffix: &str, sample: &Sample<'_>, number: f64) -> Result<(), String> {
        let label = |name: &str| sample.labels.iter().find(|(it, _)| it == name).map(|(_, value)| &**value);
        let is_counting = number >= 0.0;
        let is_valid = match (self, suffix) {
            (Self::Counter, "_total") | (Self::Histogram | Self::GaugeHistogram, "_bucket") => is_counting,
            (Self::Histogram | Self::Summary, "_count" | "_sum") | (Self::GaugeHistogram, "_gcount") => is_counting,
            (Self::Summary, "") => number.is_nan() || is_counting,
            (Self::GaugeHistogram, "_gsum") => !number.is_nan(),
            (Self::Info, _) => number == 1.0,
            (Self::StateSet, _) => number == 0.0 || number == 1.0,
            _ => true,
        };
        if !is_valid {
            return Err(format!("{number} is not allowed as value of {}", sample.name));
        }
        match (self, suffix) {
            (Self::Histogram | Self::GaugeHistogram, "_bucket") => {
                let bound = label("le").ok_or("label le expected")?;
                bound_of(bound).map(|_| ()).ok_or_else(|| format!("le {bound:?} is no bound"))?;
            }
            (Self::Summary, "") => {
                let quantile = label("quantile").and_then(value);
                quantile.filter(|it| (0.0..=1.0).contains(it)).ok_or("label quantile between 0 and 1 expected")?;
            }
            (Self::StateSet, _) => {
                label(family).ok_or_else(|| format!("label {family} expected"))?;
            }
            _ => {}
        }
        self.check_exemplar(suffix, sample)
    }

    fn check_exemplar(self, suffix: &str, sample: &Sample<'_>) -> Result<(), String> {
        let Some(exemplar) = &sample.exemplar else { return Ok(()) };
        let is_allowed =
            matches!((self, suffix), (Self::Counter, "_total") | (Self::Histogram | Self::GaugeHistogram, "_bucket"));
        if !is_allowed {
            return Err("no exemplar is allowed here".to_owned());
        }
        value(exemplar.value).ok_or_else(|| format!("exemplar value {:?} is no number", exemplar.value))?;
        let is_finite = |it: &str| value(it).is_some_and(f64::is_finite);
        if exemplar.timestamp.is_some_and(|it| !is_finite(it)) {
            return Err("an exemplar's timestamp must be finite".to_owned());
        }
        let n_chars: usize =
            exemplar.labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if n_chars > 128 { Err("an exemplar's labels have at most 128 characters".to_owned()) } else { Ok(()) }
    }
}

/// The upper bound of a bucket; infinity is written `+Inf` and not otherwise.
pub(super) fn bound_of(text: &str) -> Option<f64> {
    let bound = value(text)?;
    (bound.is_finite() || text == "+Inf").then_some(bound)
}
