//! How are points of one series made small? Times as integers, values by whatever takes least; see `values`.

use signal::{Point, Timestamp};

use super::values;
use crate::bytes::{Reader, put_varint};
use crate::rows::{self, Effort};

/// Points in order of time to bytes, while somebody waits.
pub fn encode(points: &[Point]) -> Vec<u8> {
    encode_with(points, Effort::Quick)
}

/// Points in order of time, at most 65,535, to bytes.
pub fn encode_with(points: &[Point], effort: Effort) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    put_varint(&mut out, points.len() as u64);
    let times: Vec<i64> = points.iter().map(|it| it.time.millis()).collect();
    rows::encode(&times, effort, &mut out);
    let values: Vec<f64> = points.iter().map(|it| it.value).collect();
    values::encode(&values, effort, &mut out);
    out
}

/// Bytes to points; None if the bytes are not what `encode` wrote.
pub fn decode(bytes: &[u8]) -> Option<Vec<Point>> {
    let mut reader = Reader::new(bytes);
    let count = usize::try_from(reader.varint()?).ok().filter(|it| *it <= u16::MAX.into())?;
    let times = rows::decode(&mut reader, count)?;
    let values = values::decode(&mut reader, count)?;
    let points = times.into_iter().zip(values);
    Some(points.map(|(time, value)| Point { time: Timestamp::from_millis(time), value }).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_per_point(values: impl Iterator<Item = f64>) -> f64 {
        let time = |idx: usize| Timestamp::from_millis(1_700_000_000_000 + idx as i64 * 1000);
        let points: Vec<Point> =
            values.take(240).enumerate().map(|(idx, value)| Point { time: time(idx), value }).collect();
        size_after_round_trip(&points) as f64 / points.len() as f64
    }

    /// Quickly written.
    fn size_after_round_trip(points: &[Point]) -> usize {
        let (quick, dense) = (encode(points), encode_with(points, Effort::Dense));
        assert_same(points, &decode(&quick).unwrap());
        assert_same(points, &decode(&dense).unwrap());
        assert!(dense.len() <= quick.len() + quick.len() / 8, "{} and {}", dense.len(), quick.len());
        quick.len()
    }

    fn assert_same(expected: &[Point], found: &[Point]) {
        let bits = |it: &Point| (it.time, it.value.to_bits());
        assert_eq!(expected.iter().map(bits).collect::<Vec<_>>(), found.iter().map(bits).collect::<Vec<_>>());
    }

    #[test]
    fn typical_gauges_are_small() {
        let mut random = fastrand::Rng::with_seed(1);
        assert!(bytes_per_point(std::iter::repeat(0.1)) < 0.2);
        assert!(bytes_per_point((0..).map(|it| f64::from(it) * 17.0)) < 0.2);
        let mut noise = || f64::from(random.i32(-100..=100));
        assert!(bytes_per_point((0..).map(|_| 40.0 + noise().round() / 10.0)) < 1.5);
        assert!(bytes_per_point((0..).map(|it| if it % 60 == 59 { f64::NAN } else { f64::from(it % 7) })) < 0.8);
    }

    #[test]
    fn cut_and_changed_bytes_do_not_panic() {
        let points: Vec<Point> = (0..100)
            .map(|it| Point {
                time: Timestamp::from_secs(it * it),
                value: (it as f64).sqrt() * if it % 2 == 0 { 1.0 } else { 1e9 },
            })
            .collect();
        for bytes in [encode(&points), encode_with(&points, Effort::Dense)] {
            for idx in 0..bytes.len() {
                assert!(decode(&bytes[..idx]).is_none_or(|it| it.len() <= points.len()));
                let mut changed = bytes.clone();
                changed[idx] ^= 0x55;
                let _ = decode(&changed);
            }
        }
    }

    fn bytes_per_value(effort: Effort, values: impl Iterator<Item = f64>) -> f64 {
        let time = |idx: usize| Timestamp::from_millis(1_700_000_000_000 + idx as i64 * 60_000);
        let points = values.take(4096).enumerate().map(|(idx, value)| Point { time: time(idx), value });
        let points: Vec<Point> = points.collect();
        size_after_round_trip(&points);
        encode_with(&points, effort).len() as f64 / points.len() as f64
    }

    /// Guarantees: sums of decimals, which are a last bit away from decimals, and values of a small set of any floats
    /// take little when there is time.
    #[test]
    fn values_near_decimals_and_values_that_repeat_are_small() {
        let mut random = fastrand::Rng::with_seed(1);
        let sums = |random: &mut fastrand::Rng| (0..5).map(|_| f64::from(random.u8(..100)) / 10.0).sum::<f64>() * 0.2;
        let near: Vec<f64> = (0..4096).map(|_| 40.0 + sums(&mut random)).collect();
        let (quick, dense) = (
            bytes_per_value(Effort::Quick, near.iter().copied()),
            bytes_per_value(Effort::Dense, near.iter().copied()),
        );
        assert!(dense < 1.2 && dense < 0.7 * quick, "{quick} {dense}");
        let few: Vec<f64> = (0..50).map(|it| f64::from(it * it).sqrt() / 13.0 + f64::from(it)).collect();
        let repeated: Vec<f64> = (0..4096).map(|_| few[random.usize(..50)]).collect();
        let dense = bytes_per_value(Effort::Dense, repeated.into_iter());
        assert!(dense < 1.0, "{dense}");
    }

    proptest! {
        #[test]
        fn any_points_come_back(raw in prop::collection::vec((any::<i64>(), any::<u64>()), 0..300)) {
            let points: Vec<Point> = raw
                .iter()
                .map(|(time, bits)| Point { time: Timestamp::from_millis(*time), value: f64::from_bits(*bits) })
                .collect();
            size_after_round_trip(&points);
        }

        #[test]
        fn decimals_with_exceptions_come_back(
            raw in prop::collection::vec((-1_000_000_i64..1_000_000, 0_u8..40), 1..300),
            exponent in 0_i32..10,
        ) {
            let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::from_bits(u64::MAX)];
            let value = |mantissa: i64, kind: u8| {
                special.get(usize::from(kind)).copied().unwrap_or(mantissa as f64 / 10_f64.powi(exponent))
            };
            let points: Vec<Point> = raw
                .iter()
                .enumerate()
                .map(|(idx, (mantissa, kind))| Point { time: Timestamp::from_secs(idx as i64), value: value(*mantissa, *kind) })
                .collect();
            size_after_round_trip(&points);
        }
    }
}
