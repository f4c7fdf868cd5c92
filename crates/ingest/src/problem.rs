//! What was left out of a body that could otherwise be read? Counts per reason, and the first case in words.

use crate::error::brief;

/// Why a signal was left out; a closed set, used as a label of our own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The instant is before 1970 or after 2200.
    Timestamp,
    /// More labels than the limit.
    LabelCount,
    /// A label name is empty, too long or occurs twice.
    LabelName,
    /// A label value is too long.
    LabelValue,
    /// A series has no name, or a stream has no label.
    Unnamed,
    /// A data point has no value, or its parts do not fit together.
    Shape,
    /// A metric tells neither increases nor totals.
    Temporality,
    /// An increase is older than the one before it.
    OutOfOrder,
    /// A span has no id, or its trace has none.
    SpanId,
    /// Of a native histogram only count and sum are stored: its buckets contradict each other, or cannot be kept here.
    NativeHistogram,
    /// An exemplar without a usable time or series, or one that the sink does not keep.
    Exemplar,
    /// Type, help and unit of a metric that has no usable name.
    MetricMetadata,
    /// A field that is not known here.
    UnknownField,
    /// Metadata of a line or span beyond the limits.
    Metadata,
    /// A text where only numbers are stored.
    Text,
    /// A line or message that is not of its protocol.
    Malformed,
    /// The sink kept it out: duplicate, too old or in the future.
    Store,
    /// Its tenant has too many series or streams already.
    OverLimit,
    /// The sink stayed busy for too long, or refused the batch.
    Refused,
}

impl Reason {
    pub(crate) const ALL: [Self; 19] = [
        Self::Timestamp,
        Self::LabelCount,
        Self::LabelName,
        Self::LabelValue,
        Self::Unnamed,
        Self::Shape,
        Self::Temporality,
        Self::OutOfOrder,
        Self::SpanId,
        Self::NativeHistogram,
        Self::Exemplar,
        Self::MetricMetadata,
        Self::UnknownField,
        Self::Metadata,
        Self::Text,
        Self::Malformed,
        Self::Store,
        Self::OverLimit,
        Self::Refused,
    ];

    /// Snake-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::LabelCount => "label_count",
            Self::LabelName => "label_name",
            Self::LabelValue => "label_value",
            Self::Unnamed => "unnamed",
            Self::Shape => "shape",
            Self::Temporality => "temporality",
            Self::OutOfOrder => "out_of_order",
            Self::SpanId => "span_id",
            Self::NativeHistogram => "native_histogram",
            Self::Exemplar => "exemplar",
            Self::MetricMetadata => "metric_metadata",
            Self::UnknownField => "unknown_field",
            Self::Metadata => "metadata",
            Self::Text => "text",
            Self::Malformed => "malformed",
            Self::Store => "store",
            Self::OverLimit => "over_limit",
            Self::Refused => "refused",
        }
    }

    /// True if the sender made a mistake that it must hear of; false for what we merely do not keep.
    const fn is_mistake(self) -> bool {
        matches!(
            self,
            Self::Timestamp
                | Self::LabelCount
                | Self::LabelName
                | Self::LabelValue
                | Self::Unnamed
                | Self::Shape
                | Self::Temporality
                | Self::OutOfOrder
                | Self::SpanId
                | Self::Malformed
        )
    }
}

/// What a decoder left out or changed. Bounded: a hostile body cannot make it grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    counts: [u64; Reason::ALL.len()],
    first_mistake: Option<String>,
    /// Lines cut at the limit.
    pub lines_cut: u64,
    /// Lines whose invalid UTF-8 was replaced.
    pub lines_repaired: u64,
    /// Lines whose time could not be read; that of the message they came in was taken.
    pub times_replaced: u64,
}

impl Problems {
    /// Notes `count` signals left out; `detail` says where and what to do, and is made only if it is needed.
    pub fn add(&mut self, reason: Reason, count: u64, detail: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        if let Some(it) = self.counts.get_mut(reason as usize) {
            *it += count;
        }
        if reason.is_mistake() && self.first_mistake.is_none() {
            // It quotes what was sent.
            self.first_mistake = Some(brief(detail()));
        }
    }

    /// Adds what another decoder left out or changed.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        if self.first_mistake.is_none() {
            self.first_mistake.clone_from(&other.first_mistake);
        }
        self.lines_cut += other.lines_cut;
        self.lines_repaired += other.lines_repaired;
        self.times_replaced += other.times_replaced;
    }

    /// How many were left out for this reason.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts.get(reason as usize).copied().unwrap_or(0)
    }

    /// The answer that the sender must see, if it made a mistake.
    pub fn mistake(&self) -> Option<String> {
        let (first, total) = (self.first_mistake()?, self.n_mistakes());
        Some(format!("{first} ({total} left out; the rest is stored, do not send it again)"))
    }

    /// Where the first mistake of the sender is, and what to do.
    pub fn first_mistake(&self) -> Option<&str> {
        self.first_mistake.as_deref()
    }

    /// How many were left out because of mistakes of the sender.
    pub fn n_mistakes(&self) -> u64 {
        Reason::ALL.iter().filter(|it| it.is_mistake()).map(|it| self.count(*it)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mistakes_are_told_to_the_sender() {
        let mut problems = Problems::default();
        problems.add(Reason::LabelName, 0, || "nothing".to_owned());
        problems.add(Reason::Exemplar, 4, || "exemplar".to_owned());
        assert_eq!(problems.mistake(), None);
        problems.add(Reason::Timestamp, 1, || "first".to_owned());
        problems.add(Reason::Timestamp, 1, || "second".to_owned());
        assert!(problems.mistake().unwrap().starts_with("first (2 left out"));
        assert_eq!(problems.count(Reason::Exemplar), 4);
    }
}
