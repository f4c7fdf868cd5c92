//! What is a quantile of a classic histogram? Cumulative counts up to bounds, as series with a label `le`.

/// Observations up to a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ClassicBucket {
    /// The bound.
    pub upper: f64,
    /// Observations up to it, those of lower buckets included.
    pub count: f64,
}

/// Relative differences up to this come from rounding.
const ROUNDING: f64 = 1e-12;

/// How counts had to be raised so that they do not fall towards higher bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Raised {
    /// The lowest bound whose count was raised.
    pub first: f64,
    /// The highest one.
    pub last: f64,
    /// The largest difference.
    pub most: f64,
}

/// The value below which a share `q` of the observations lies.
pub(crate) fn bucket_quantile(q: f64, buckets: Vec<ClassicBucket>) -> (f64, Option<Raised>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if !(0.0..=1.0).contains(&q) {
        return (if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, None);
    }
    let Some(mut buckets) = ordered(buckets) else { return (f64::NAN, None) };
    let raised = raise(&mut buckets);
    let [.., before_last, last] = buckets.as_slice() else { return (f64::NAN, None) };
    if last.count == 0.0 || last.count.is_nan() {
        return (f64::NAN, None);
    }
    let rank = q * last.count;
    let finite = buckets.get(..buckets.len() - 1).unwrap_or(&[]);
    let idx = finite.partition_point(|it| it.count < rank);
    let Some(bucket) = finite.get(idx) else { return (before_last.upper, raised) };
    let before = idx.checked_sub(1).and_then(|it| finite.get(it));
    let value = match before {
        None if bucket.upper <= 0.0 => bucket.upper,
        None => bucket.upper * (rank / bucket.count),
        Some(it) => it.upper + (bucket.upper - it.upper) * ((rank - it.count) / (bucket.count - it.count)),
    };
    (value, raised)
}

/// The share of observations between two values.
pub(crate) fn bucket_fraction(lower: f64, upper: f64, buckets: Vec<ClassicBucket>) -> f64 {
    let Some(mut buckets) = ordered(buckets) else { return f64::NAN };
    raise(&mut buckets);
    let total = buckets.last().map_or(0.0, |it| it.count);
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, &buckets, total) - rank_of(lower, &buckets, total)) / total
}

fn rank_of(value: f64, buckets: &[ClassicBucket], total: f64) -> f64 {
    let mut before: Option<ClassicBucket> = None;
    for bucket in buckets {
        let rank = before.map_or(0.0, |it| it.count);
        let start = match before {
            Some(it) => it.upper,
            None if bucket.upper > 0.0 => 0.0,
            None => f64::NEG_INFINITY,
        };
        if start >= value {
            return rank;
        }
        if bucket.upper > value {
            let share = if start == f64::NEG_INFINITY { 1.0 } else { (value - start) / (bucket.upper - start) };
            return rank + (bucket.count - rank) * share;
        }
        before = Some(*bucket);
    }
    total
}

/// In order of bounds, equal ones joined; none if there is no bucket up to infinity.
fn ordered(mut buckets: Vec<ClassicBucket>) -> Option<Vec<ClassicBucket>> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last()?.upper != f64::INFINITY {
        return None;
    }
    buckets.dedup_by(|later, first| {
        let is_same = later.upper == first.upper;
        if is_same {
            first.count += later.count;
        }
        is_same
    });
    Some(buckets)
}

/// Evens out differences that come from rounding, and raises counts that fall.
fn raise(buckets: &mut [ClassicBucket]) -> Option<Raised> {
    let mut highest = buckets.first()?.count;
    let mut raised: Option<Raised> = None;
    for bucket in buckets.iter_mut().skip(1) {
        let difference = (bucket.count - highest).abs();
        let scale = bucket.count.abs() + highest.abs();
        if difference != 0.0 && (difference / scale.min(f64::MAX) < ROUNDING || bucket.count < highest) {
            if difference / scale.min(f64::MAX) >= ROUNDING {
                let first = raised.map_or(bucket.upper, |it| it.first);
                let most = raised.map_or(difference, |it| it.most.max(difference));
                raised = Some(Raised { first, last: bucket.upper, most });
            }
            bucket.count = highest;
        } else {
            highest = bucket.count;
        }
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(buckets: &[(f64, f64)]) -> Vec<ClassicBucket> {
        buckets.iter().map(|&(upper, count)| ClassicBucket { upper, count }).collect()
    }

    #[test]
    fn quantiles_are_interpolated_within_the_bucket() {
        let buckets = of(&[(1.0, 2.0), (2.0, 6.0), (f64::INFINITY, 8.0)]);
        assert_eq!(bucket_quantile(0.5, buckets.clone()), (1.5, None));
        assert_eq!(bucket_quantile(0.125, buckets.clone()), (0.5, None));
        assert_eq!(bucket_quantile(1.0, buckets.clone()), (2.0, None));
        assert_eq!(bucket_fraction(0.0, 1.5, buckets), 0.5);
    }

    #[test]
    fn counts_that_fall_are_raised_and_told() {
        let (_, raised) = bucket_quantile(0.5, of(&[(1.0, 2.0), (2.0, 1.0), (f64::INFINITY, 8.0)]));
        assert_eq!(raised, Some(Raised { first: 2.0, last: 2.0, most: 1.0 }));
        assert!(bucket_quantile(0.5, of(&[(1.0, 2.0)])).0.is_nan());
    }
}
