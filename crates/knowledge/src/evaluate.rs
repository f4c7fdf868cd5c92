//! How good is a search? The published measures of known-item retrieval.

/// How often, and how high, the right document was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hits {
    /// Questions.
    pub n: usize,
    /// Share of questions whose first answer is right.
    pub at_1: f64,
    /// Share of those with a right one among the first five.
    pub at_5: f64,
    /// Share of those with a right one among the first ten.
    pub at_10: f64,
    /// Mean of one over the place of the first right answer; 0 where there is none among the first ten.
    pub mrr: f64,
}

/// Measures places (0 for the first) of right answers; `None` where none was found.
pub fn hits(places: &[Option<usize>]) -> Hits {
    let n = places.len().max(1) as f64;
    let within = |most: usize| places.iter().flatten().filter(|it| **it < most).count() as f64 / n;
    let mrr = places.iter().flatten().filter(|it| **it < 10).map(|it| 1.0 / (*it as f64 + 1.0)).sum::<f64>() / n;
    Hits { n: places.len(), at_1: within(1), at_5: within(5), at_10: within(10), mrr }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_by_hand() {
        let found = hits(&[Some(0), Some(1), Some(12), None]);
        assert_eq!((found.at_1, found.at_5, found.at_10, found.mrr), (0.25, 0.5, 0.5, 0.375));
        assert_eq!(hits(&[]).mrr, 0.0);
    }
}
