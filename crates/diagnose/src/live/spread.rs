//! What is looked at of a stretch of time that holds more than can be? As much of each part of it, not only the end: what
//! an incident begins with tells more than what it ends with.

use std::time::Duration;

use signal::{TimeRange, Timestamp};

/// Parts of a stretch of time; each costs a search.
const N_PARTS: u32 = 5;

/// At most `most` of what a search finds, which gives the newest first. `time` tells when each was.
///
/// # Errors
/// Of the search.
pub(crate) fn over<T, E>(
    range: TimeRange,
    most: usize,
    time: impl Fn(&T) -> Timestamp,
    mut search: impl FnMut(TimeRange, usize) -> Result<Vec<T>, E>,
) -> Result<Vec<T>, E> {
    let mut found = search(range, most)?;
    let parts = parts(range);
    if found.len() < most || parts.len() < 2 {
        return Ok(found);
    }
    let share = most / parts.len();
    let (newest, earlier) = parts.split_first().map_or((range, [].as_slice()), |(first, rest)| (*first, rest));
    // The first search has seen all of the last part, or more of it than its share.
    let spare = found.iter().position(|it| !newest.contains(time(it))).unwrap_or(found.len());
    let rest = found.split_off(spare.min(share));
    for part in earlier {
        found.extend(search(*part, share)?);
    }
    // Quiet parts leave room for what the first search found besides.
    let is_new = |it: &T| newest.contains(time(it));
    let room = most.saturating_sub(found.len());
    found.extend(rest.into_iter().filter(is_new).take(room));
    Ok(found)
}

/// Equal parts without a common instant, the newest first.
fn parts(range: TimeRange) -> Vec<TimeRange> {
    let length = range.to.since(range.from) / N_PARTS;
    if length < Duration::from_secs(1) {
        return vec![range];
    }
    let mut parts = vec![];
    let mut to = range.to;
    for left in (0..N_PARTS).rev() {
        let from = range.from.plus(length * left);
        parts.push(TimeRange::new(from, to));
        to = from.minus(Duration::from_millis(1));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One event each 10 ms; the newest first, as a store gives them.
    fn found(range: TimeRange, most: usize) -> Result<Vec<i64>, ()> {
        let all = (0..=6000).rev().map(|it| it * 10);
        Ok(all.filter(|it| range.contains(Timestamp::from_millis(*it))).take(most).collect())
    }

    /// Guarantees: MUST 845 of docs/specs/diagnosis.md.
    #[test]
    fn each_part_of_a_busy_time_is_looked_at() {
        let range = TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(60_000));
        let time = |it: &i64| Timestamp::from_millis(*it);
        let mut seen = over(range, 100, time, found).unwrap();
        assert_eq!(seen.len(), 100);
        let in_part = |nth: i64| seen.iter().filter(|it| (nth * 12_000..(nth + 1) * 12_000).contains(*it)).count();
        assert!((0..5).all(|it| in_part(it) >= 19), "{seen:?}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 100, "nothing is looked at twice");
        assert_eq!(over(range, 10_000, time, found).unwrap().len(), 6001, "what is few is looked at whole");
        let short = TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(2_000));
        assert_eq!(over(short, 100, time, found).unwrap().len(), 100);
    }
}
