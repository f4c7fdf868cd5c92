//! What can no code save? Of samples the digits that nothing foretells, of log lines the random identities: what is printed
//! beside a size, so that a reader sees which sets cannot become smaller.
//!
//! Both are measured on the very data, and both leave out what takes room for other reasons (leading digits, words,
//! labels, filters), so that a set can never reach them.

use std::collections::{BTreeMap, HashMap, HashSet};

use signal::{SeriesId, SeriesPoints};

/// Values that are looked at together, as in a chunk of a merged block.
const CHUNK: usize = 4096;
/// Values this many floats away from a decimal are near it.
const NEAR: i64 = 8;
/// Shorter words may be counted, or come again by chance.
const MIN_ID: usize = 9;
/// Fewer of a kind tell nothing, and if so many of them begin alike they are counted and not random.
const MIN_IDS: usize = 64;
const MOST_ALIKE: f64 = 0.2;

/// The noise in samples.
#[derive(Debug, Default)]
pub(super) struct SampleNoise {
    values: HashMap<SeriesId, Vec<f64>>,
}

impl SampleNoise {
    /// More points.
    pub fn add(&mut self, batch: &[SeriesPoints]) {
        for one in batch {
            self.values.entry(one.labels.id()).or_default().extend(one.points.iter().map(|it| it.value));
        }
    }

    /// Bytes of it in all of them.
    pub fn bytes(&self) -> f64 {
        self.values.values().flat_map(|it| it.chunks(CHUNK)).map(noise_bits).sum::<u64>() as f64 / 8.0
    }
}

/// The bits behind the first one of what each value is away from what was foretold: by the usual value, by the one before
/// or by the slope; with values as decimals, as places in the list of those that occur, or as places among all floats,
/// whichever leaves least.
fn noise_bits(values: &[f64]) -> u64 {
    let places: Vec<i64> = values.iter().map(|it| place_of(*it)).collect();
    let mut distinct = places.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let ranks: Vec<i64> = places.iter().map(|it| distinct.binary_search(it).unwrap_or(0) as i64).collect();
    // Whoever writes places in a list must write the list, too: how far each entry is from the one before.
    let gaps = distinct.iter().zip(distinct.iter().skip(1)).map(|(a, b)| bits(b.wrapping_sub(*a).unsigned_abs()));
    let listed = foretold(ranks) + gaps.sum::<u64>();
    let decimals = (0..=15).find_map(|exponent| decimals(values, 10_f64.powi(exponent)));
    [Some(places), decimals].into_iter().flatten().map(foretold).chain([listed]).min().unwrap_or(0)
}

/// The bits of a number behind the first one.
fn bits(number: u64) -> u64 {
    u64::from(number.checked_ilog2().unwrap_or(0))
}

fn foretold(mut row: Vec<i64>) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..3 {
        let mut sorted = row.clone();
        sorted.sort_unstable();
        let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        let away = row.iter().map(|it| it.wrapping_sub(usual).unsigned_abs());
        least = least.min(away.map(bits).sum());
        row = row.iter().zip(row.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a)).collect();
    }
    least
}

/// The integers of which the values are this part, if all of them are, or nearly.
fn decimals(values: &[f64], ten: f64) -> Option<Vec<i64>> {
    let one = |value: &f64| {
        let integer = (value * ten).round() as i64;
        let away = place_of(*value).wrapping_sub(place_of(integer as f64 / ten));
        (-NEAR..=NEAR).contains(&away).then_some(integer)
    };
    values.iter().map(one).collect()
}

/// Neighbors among all floats differ by 1.
fn place_of(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The random identities in lines.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// By what they are made of and how long they are.
    words: BTreeMap<(Sign, usize), HashSet<String>>,
}

/// Signs of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Digit,
    Hex,
    Letter,
}

impl Ids {
    /// One more line.
    pub fn add(&mut self, line: &str) {
        let words = line.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| (MIN_ID..=32).contains(&it.len()));
        for word in words {
            let is_hex = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
            let sign = match () {
                () if word.bytes().all(|it| it.is_ascii_digit()) => Sign::Digit,
                () if word.bytes().all(is_hex) => Sign::Hex,
                () if word.bytes().all(|it| it.is_ascii_lowercase()) => Sign::Letter,
                () => continue,
            };
            let known = self.words.entry((sign, word.len())).or_default();
            if !known.contains(word) {
                known.insert(word.to_owned());
            }
        }
    }

    /// Bytes of all different ones, each once.
    pub fn bytes(&self) -> f64 {
        self.words.iter().map(|((sign, length), words)| random_bits(*sign, *length, words)).sum::<f64>() / 8.0
    }
}

/// 0 if they do not look random.
fn random_bits(sign: Sign, length: usize, words: &HashSet<String>) -> f64 {
    let mut beginnings: HashMap<&str, usize> = HashMap::new();
    words.iter().for_each(|it| *beginnings.entry(it.get(..2).unwrap_or_default()).or_default() += 1);
    let most = beginnings.values().max().copied().unwrap_or(0) as f64;
    if words.len() < MIN_IDS || most > MOST_ALIKE * words.len() as f64 {
        return 0.0;
    }
    let numbers = || words.iter().filter_map(|it| it.parse::<u128>().ok());
    let each = match sign {
        Sign::Digit => ((numbers().max().unwrap_or(0) - numbers().min().unwrap_or(0) + 1) as f64).log2(),
        Sign::Hex => 4.0 * length as f64,
        Sign::Letter => 26_f64.log2() * length as f64,
    };
    each * words.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_what_nothing_foretells() {
        let mut random = fastrand::Rng::with_seed(1);
        let bits = |values: Vec<f64>| noise_bits(&values) as f64 / values.len() as f64;
        assert!(bits((0..4096).map(f64::from).collect()) < 0.01);
        assert!(bits((0..4096).map(|it| f64::from(it % 7) * 0.1 + 0.2).collect()) < 2.0);
        let digits = bits((0..4096).map(|_| f64::from(random.u32(..1000)) / 1000.0).collect());
        assert!((6.5..7.5).contains(&digits), "{digits}");
        let all = bits((0..4096).map(|_| 1.0 + random.f64()).collect());
        assert!((46.0..50.0).contains(&all), "{all}");
    }

    #[test]
    fn identities_are_told_from_what_is_counted() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut ids = Ids::default();
        (0..100).for_each(|_| ids.add(&format!("a {:016x} b", random.u64(..))));
        // A word of digits only is none of the others.
        assert!((780.0..=800.0).contains(&ids.bytes()), "{}", ids.bytes());
        let before = ids.bytes();
        (0..1000).for_each(|it| ids.add(&format!("order {} of user-{it}", 1_700_000_000 + it)));
        assert!((ids.bytes() - before).abs() < 1e-9);
    }
}
