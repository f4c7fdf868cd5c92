//! Which series of two sides belong together? The key of each series, computed once.

use std::collections::HashMap;

use signal::Labels;

use super::Evaluator;
use super::column::{Column, METADATA};
use crate::ast::{Cardinality, Matching, Operator};

/// The labels that were chosen, as one piece of bytes.
pub(crate) type Key = Vec<u8>;

/// A key of the labels that fit.
pub(crate) fn key_of(labels: &Labels, fits: impl Fn(&str) -> bool) -> Key {
    let mut key = Vec::with_capacity(64);
    for (name, value) in labels.iter().filter(|it| fits(it.0)) {
        // No label has the byte 0xff, for it is not UTF-8.
        key.extend_from_slice(name.as_bytes());
        key.push(0xff);
        key.extend_from_slice(value.as_bytes());
        key.push(0xff);
    }
    key
}

/// True if a label takes part in the matching.
pub(crate) fn is_matched(name: &str, matching: &Matching) -> bool {
    let is_listed = matching.labels.iter().any(|it| it == name);
    if matching.is_on { is_listed } else { !is_listed && name != "__name__" }
}

/// The labels by which a series is matched.
pub(crate) fn matched_labels(labels: &Labels, matching: &Matching) -> Labels {
    Labels::new(labels.iter().filter(|it| is_matched(it.0, matching)))
}

/// Series of both sides with the same key, as positions in their lists.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Of the left side.
    pub left: Vec<usize>,
    /// Of the right side.
    pub right: Vec<usize>,
}

impl Evaluator<'_> {
    /// Groups both sides by their keys, in order of appearance.
    pub(crate) fn matched_groups(&self, left: &[Column], right: &[Column], matching: &Matching) -> Vec<Group> {
        let mut places: HashMap<Key, usize> = HashMap::with_capacity(left.len());
        let mut groups: Vec<Group> = Vec::new();
        for (columns, is_left) in [(left, true), (right, false)] {
            for (idx, column) in columns.iter().enumerate() {
                let fits = |name: &str| is_matched(name, matching) && self.sees(column, name);
                let place = *places.entry(key_of(&column.labels, fits)).or_insert(groups.len());
                if place == groups.len() {
                    groups.push(Group::default());
                }
                let Some(group) = groups.get_mut(place) else { continue };
                if is_left { group.left.push(idx) } else { group.right.push(idx) }
            }
        }
        groups
    }
}

/// The labels of the result of two series, of which `many` gives the labels.
pub(crate) fn result_labels(many: &Labels, one: &Labels, operator: Operator, matching: &Matching) -> Labels {
    let keeps_name = operator.is_comparison() || matches!(operator, Operator::TrimLower | Operator::TrimUpper);
    let is_one_to_one = matching.cardinality == Cardinality::OneToOne;
    let is_kept = |name: &str| {
        let is_listed = matching.labels.iter().any(|it| it == name);
        let is_dropped = (!keeps_name && METADATA.contains(&name))
            || (is_one_to_one && is_listed != matching.is_on)
            || matching.include.iter().any(|it| it == name);
        !is_dropped
    };
    let included = matching.include.iter().filter_map(|it| one.get(it).map(|value| (it.as_str(), value)));
    Labels::new(many.iter().filter(|it| is_kept(it.0)).chain(included))
}
