//! Which series of two sides belong together? The key of each series, computed once.

use signal::Labels;

use crate::ast::Matching;

/// The labels by which a series is matched.
pub(crate) fn key(labels: &Labels, matching: &Matching) -> Labels {
    let is_listed = |name: &str| matching.labels.iter().any(|it| it == name);
    if matching.is_on {
        return Labels::new(labels.iter().filter(|(name, _)| is_listed(name)));
    }
    Labels::new(labels.iter().filter(|(name, _)| *name != "__name__" && !is_listed(name)))
}
