//! Since when does a feature drift? The row of the newest window at which its values change most.

use signal::Timestamp;

/// A value of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// When.
    pub time: Timestamp,
    /// The value; of a category 1 if it is the one that changed most, else 0.
    pub value: f64,
}

/// When the values, in order of time, changed from `usual` (the mean of the reference) to something else: the time of the
/// first row after which the mean differs most, by the cumulated distance from the middle between before and after. A
/// window that is other from its begin gives the time of its first row; none without rows.
///
/// Source: Page: Continuous inspection schemes, Biometrika 41 (1954), read backwards.
pub fn onset(values: &[Seen], usual: f64) -> Option<Timestamp> {
    let known: Vec<&Seen> = values.iter().filter(|it| it.value.is_finite()).collect();
    let first = known.first()?.time;
    let tail_len = (known.len() / 4).max(1);
    let tail = known.iter().rev().take(tail_len).map(|it| it.value).sum::<f64>() / tail_len as f64;
    let middle = (usual + tail) / 2.0;
    let side = (tail - usual).signum();
    // Rows before the change lie on the side of `usual`: the sum falls until the change and rises after it.
    let (mut sum, mut lowest, mut found) = (0.0, 0.0, first);
    for (idx, it) in known.iter().enumerate() {
        sum += side * (it.value - middle);
        if sum < lowest {
            lowest = sum;
            found = known.get(idx + 1).map_or(it.time, |next| next.time);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(n: i64, change: i64, before: f64, after: f64) -> Vec<Seen> {
        let mut random = learn::random::Random::new(5);
        let value = |it| if it < change { before } else { after };
        (0..n).map(|it| Seen { time: Timestamp::from_secs(it), value: value(it) + random.normal() }).collect()
    }

    #[test]
    fn the_change_is_found_to_a_few_rows() {
        for (change, before, after) in [(300, 0.0, 2.0), (700, 5.0, 3.0), (900, 0.0, 3.0)] {
            let found = onset(&seen(1000, change, before, after), before).unwrap();
            assert!((found.secs_since(Timestamp::from_secs(change))).abs() <= 12.0, "{change}: {found}");
        }
    }

    #[test]
    fn a_window_that_is_other_from_its_begin_begins_it() {
        let found = onset(&seen(500, 0, 0.0, 4.0), 0.0).unwrap();
        assert!(found <= Timestamp::from_secs(3), "{found}");
        assert_eq!(onset(&[], 0.0), None);
    }
}
