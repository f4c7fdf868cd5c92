//! A column that is being read: its cells go to the whole and to the part to which the row belongs.

use drift::{Budget, ColumnBuilder, ColumnProfile, Kind};

use super::groups::Place;

/// Numbers of a part that are kept as they are.
const EXACT_IN_PART: usize = 100_000;

/// Profiles of a column that are being made.
pub struct Fed {
    name: String,
    pub kind: Kind,
    part_budget: Budget,
    pub whole: ColumnBuilder,
    segments: Vec<ColumnBuilder>,
    spans: Vec<ColumnBuilder>,
}

/// Profiles of a column.
#[derive(Clone, Debug, Default)]
pub struct FedProfile {
    pub whole: ColumnProfile,
    pub segments: Vec<ColumnProfile>,
    pub spans: Vec<ColumnProfile>,
}

impl Fed {
    pub fn new(name: &str, kind: Kind, budget: Budget) -> Self {
        let part_budget = Budget { exact_values: budget.exact_values.min(EXACT_IN_PART), ..budget };
        let whole = ColumnBuilder::new(name, kind, budget);
        Self { name: name.to_owned(), kind, part_budget, whole, segments: Vec::new(), spans: Vec::new() }
    }

    /// Does the same to all builders that a row belongs to.
    #[inline]
    pub fn each(&mut self, place: Place, act: impl Fn(&mut ColumnBuilder)) {
        act(&mut self.whole);
        if let Some(id) = place.segment {
            act(part(&mut self.segments, id, &self.name, self.kind, self.part_budget));
        }
        if let Some(id) = place.span {
            act(part(&mut self.spans, id, &self.name, self.kind, self.part_budget));
        }
    }

    pub fn finish(self) -> FedProfile {
        let all = |parts: Vec<ColumnBuilder>| parts.into_iter().map(ColumnBuilder::finish).collect();
        FedProfile { whole: self.whole.finish(), segments: all(self.segments), spans: all(self.spans) }
    }
}

fn part<'a>(
    parts: &'a mut Vec<ColumnBuilder>,
    id: usize,
    name: &str,
    kind: Kind,
    budget: Budget,
) -> &'a mut ColumnBuilder {
    while parts.len() <= id {
        parts.push(ColumnBuilder::new(name, kind, budget));
    }
    // The loop above made it.
    parts.get_mut(id).expect("a part of this number")
}
