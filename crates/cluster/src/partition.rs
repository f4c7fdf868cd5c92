//! Which partition does a signal belong to? The same answer in every gateway, and few other answers when the topic grows.

use signal::SeriesId;
use xxhash_rust::xxh3::xxh3_64;

/// The partition of a series' points.
pub const fn of_series(series: SeriesId, partitions: u32) -> u32 {
    jump(series.hash(), partitions)
}

/// The partition of the log lines of a service or host: what is usual in its lines is judged over all its streams.
pub fn of_owner(owner: &str, partitions: u32) -> u32 {
    jump(xxh3_64(owner.as_bytes()), partitions)
}

/// The partition of the spans of a trace.
pub fn of_trace(trace: [u8; 16], partitions: u32) -> u32 {
    jump(xxh3_64(&trace), partitions)
}

/// Jump consistent hash (Lamping and Veach 2014, <https://arxiv.org/abs/1406.2294>): from n to n + 1 partitions one key in
/// n + 1 moves, where a remainder moves nearly all.
const fn jump(mut key: u64, partitions: u32) -> u32 {
    let mut bucket: u32 = 0;
    let mut next: u64 = 0;
    while next < partitions as u64 {
        bucket = next as u32;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket as u64 + 1) << 31) / ((key >> 33) + 1);
    }
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_evenly_and_few_move_when_a_partition_is_added() {
        let keys: Vec<u64> = (0..10_000_u64).map(|it| xxh3_64(&it.to_le_bytes())).collect();
        let mut sizes = [0; 12];
        keys.iter().for_each(|it| sizes[jump(*it, 12) as usize] += 1);
        assert!(sizes.iter().all(|it| (700..970).contains(it)), "{sizes:?}");
        let moved = keys.iter().filter(|it| jump(**it, 12) != jump(**it, 13)).count();
        assert!((600..950).contains(&moved), "{moved} of 10000 moved; one in 13 is 769");
        assert!(keys.iter().all(|it| [jump(*it, 12), 12].contains(&jump(*it, 13))), "only to the new one");
    }

    #[test]
    fn the_partition_of_a_series_never_changes_between_releases() {
        let series = |idx: u64| of_series(SeriesId::from_hash(idx.wrapping_mul(0x9e37_79b9_7f4a_7c15)), 6);
        assert_eq!((0..12).map(series).collect::<Vec<_>>(), [0, 3, 5, 3, 2, 3, 2, 0, 5, 2, 3, 5]);
        assert_eq!((of_owner("shop", 6), of_owner("payments", 6), of_trace([7; 16], 6)), (2, 4, 1));
        assert_eq!((of_owner("shop", 1), of_owner("shop", 0)), (0, 0));
    }
}
