//! Which columns of lines can be one? Durations, identities and users of many templates are often of one kind, and one
//! large column takes less than many small ones, each with a head and frequencies of its own.
//!
//! What a column takes is estimated: numbers by the entropy of their sizes, or of their steps as long as the column is
//! alone, words by that of a list. Columns are gathered as long as that makes them smaller together. Those that are the
//! same as another one stay alone.

use std::collections::{BTreeMap, HashMap};

use crate::packs::form::Form;
use crate::rows;

/// Bits of a column for being one: its heads.
const COLUMN_BITS: f64 = 120.0;
/// About what an entry in a table of frequencies takes.
const ENTRY_BITS: f64 = 10.0;
/// About what a letter in a list takes.
const LETTER_BITS: f64 = 5.0;
/// Longer lists are no lists.
const MOST_LISTED: usize = 512;
/// What is so much smaller as steps counts up.
const COUNTS_UP: f64 = 0.8;
/// Gathered columns that one more column is compared with.
const MOST_COMPARED: usize = 24;

/// For each column the number of the one that it goes to. Numbers are in order of their first use.
pub fn gathered(columns: &[Vec<&str>]) -> Vec<usize> {
    let twins = twins(columns);
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|it| std::cmp::Reverse(columns.get(*it).map_or(0, Vec::len)));
    let mut groups: Vec<Sketch<'_>> = vec![];
    let mut group_of = vec![None; columns.len()];
    for idx in order {
        let sketch = columns.get(idx).filter(|_| twins.get(idx) == Some(&false)).and_then(|it| Sketch::of(it));
        let Some((sketch, slot)) = sketch.zip(group_of.get_mut(idx)) else { continue };
        *slot = Some(join(&mut groups, sketch));
    }
    let mut numbers: HashMap<(bool, usize), usize> = HashMap::new();
    let mut number = |(idx, group): (usize, Option<usize>)| {
        let fresh = numbers.len();
        *numbers.entry((group.is_some(), group.unwrap_or(idx))).or_insert(fresh)
    };
    group_of.into_iter().enumerate().map(&mut number).collect()
}

/// Joins the group with which it saves most, or begins one; returns the number of the group.
fn join<'a>(groups: &mut Vec<Sketch<'a>>, sketch: Sketch<'a>) -> usize {
    let alike = groups.iter().enumerate().filter(|(_, it)| it.is_like(&sketch)).take(MOST_COMPARED);
    let saved = alike.map(|(number, group)| (number, group.bits + sketch.bits - group.bits_with(&sketch)));
    let best = saved.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|it| it.1 > 0.0);
    match best.and_then(|(number, _)| groups.get_mut(number).map(|it| (number, it))) {
        Some((number, group)) => {
            group.add(sketch);
            number
        }
        None => {
            groups.push(sketch);
            groups.len() - 1
        }
    }
}

/// Which columns have the same words as another one.
fn twins(columns: &[Vec<&str>]) -> Vec<bool> {
    let mut counts: HashMap<&[&str], usize> = HashMap::new();
    columns.iter().for_each(|it| *counts.entry(it.as_slice()).or_default() += 1);
    columns.iter().map(|it| counts.get(it.as_slice()).is_some_and(|it| *it > 1)).collect()
}

/// What must be known of columns to say what they take.
#[derive(Debug)]
struct Sketch<'a> {
    /// How they are numbers, if they are.
    form: Option<Form<'a>>,
    has_zeros: bool,
    classes: Counts<u16>,
    plain_bits: f64,
    /// If there are few.
    words: Option<Counts<&'a str>>,
    bits: f64,
}

impl<'a> Sketch<'a> {
    /// None for a column that stays alone: words that are neither numbers nor few.
    fn of(words: &[&'a str]) -> Option<Self> {
        let few = few(words);
        let list = COLUMN_BITS + few.as_ref().map_or(f64::INFINITY, |it| list_bits(it, letters(it)));
        let Some(form) = Form::of(words) else {
            let (classes, plain_bits) = (Counts::default(), f64::INFINITY);
            return Some(Self { form: None, has_zeros: false, classes, plain_bits, words: Some(few?), bits: list });
        };
        let numbers: Vec<i64> = words.iter().map(|it| form.number(it)).collect();
        let (classes, plain_bits) = classes_of(numbers.iter().map(|it| *it as u64));
        let bits = list.min(COLUMN_BITS + plain_bits + classes.bits());
        let steps = numbers.iter().zip(numbers.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a).unsigned_abs());
        let (steps, plain_of_steps) = classes_of(steps);
        // Each step has a sign. Gathered columns do not count up.
        let stepwise = COLUMN_BITS + plain_of_steps + steps.bits() + words.len() as f64;
        let bits = if stepwise < COUNTS_UP * bits { stepwise } else { bits };
        let has_zeros = words.iter().any(|it| form.has_zeros(it));
        Some(Self { form: Some(form), has_zeros, classes, plain_bits, words: few, bits })
    }

    /// True if both can be in one column.
    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = match (&self.form, &other.form) {
            (Some(one), Some(two)) => (one, two),
            (one, two) => return one.is_none() && two.is_none(),
        };
        let are_natural = !self.has_zeros && !other.has_zeros;
        one.is_like(two) && (are_natural || (one.digits() == two.digits() && one.digits() > 0))
    }

    /// Of both in one column.
    fn bits_with(&self, other: &Self) -> f64 {
        let numbers = self.plain_bits + other.plain_bits + self.classes.bits_with(&other.classes);
        let list = self.words.as_ref().zip(other.words.as_ref()).map_or(f64::INFINITY, |(all, words)| {
            let fresh = || words.map.keys().filter(|it| !all.map.contains_key(*it));
            if all.map.len() + fresh().count() > MOST_LISTED {
                return f64::INFINITY;
            }
            let n_letters = letters(all) + fresh().map(|it| it.len() + 1).sum::<usize>();
            LETTER_BITS * n_letters as f64 + all.bits_with(words)
        });
        COLUMN_BITS + numbers.min(list)
    }

    fn add(&mut self, other: Self) {
        self.bits = self.bits_with(&other);
        self.plain_bits += other.plain_bits;
        self.classes.add(&other.classes);
        self.words = self.words.take().zip(other.words).and_then(|(mut all, words)| {
            all.add(&words);
            Some(all).filter(|it| it.map.len() <= MOST_LISTED)
        });
        // Numbers of other lengths have no zeros before them.
        self.form =
            self.form.zip(other.form).map(|(one, two)| if one.digits() == two.digits() { one } else { one.natural() });
        self.has_zeros |= other.has_zeros;
    }
}

/// How often each value is there; in order, so that sums are rounded in the same way each time.
#[derive(Debug)]
struct Counts<T> {
    map: BTreeMap<T, usize>,
    total: usize,
    /// The sum of `n * log2(n)` of all counts.
    sum: f64,
}

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self { map: BTreeMap::new(), total: 0, sum: 0.0 }
    }
}

impl<T: Ord + Copy> Counts<T> {
    fn put(&mut self, value: T, count: usize) {
        let known = self.map.entry(value).or_default();
        self.sum += weight(*known + count) - weight(*known);
        *known += count;
        self.total += count;
    }

    fn add(&mut self, other: &Self) {
        other.map.iter().for_each(|(value, count)| self.put(*value, *count));
    }

    /// Bits for all values, with the table that says how often each comes.
    fn bits(&self) -> f64 {
        ENTRY_BITS * self.map.len() as f64 + weight(self.total) - self.sum
    }

    /// The same for the values of both.
    fn bits_with(&self, other: &Self) -> f64 {
        let (mut n_values, mut sum) = (self.map.len(), self.sum);
        for (value, count) in &other.map {
            let known = self.map.get(value).copied().unwrap_or(0);
            n_values += usize::from(known == 0);
            sum += weight(known + count) - weight(known);
        }
        ENTRY_BITS * n_values as f64 + weight(self.total + other.total) - sum
    }
}

fn weight(count: usize) -> f64 {
    if count == 0 { 0.0 } else { count as f64 * (count as f64).log2() }
}

/// The words with how often each is there, if there are few.
fn few<'a>(words: &[&'a str]) -> Option<Counts<&'a str>> {
    let mut counts = Counts::default();
    for word in words {
        counts.put(*word, 1);
        if counts.map.len() > MOST_LISTED {
            return None;
        }
    }
    Some(counts)
}

fn letters(words: &Counts<&str>) -> usize {
    words.map.keys().map(|it| it.len() + 1).sum()
}

fn list_bits(words: &Counts<&str>, letters: usize) -> f64 {
    LETTER_BITS * letters as f64 + words.bits()
}

/// How often numbers of each class are there, and the bits that they have below.
fn classes_of(numbers: impl Iterator<Item = u64>) -> (Counts<u16>, f64) {
    let (mut classes, mut plain_bits) = (Counts::default(), 0.0);
    for number in numbers {
        let (class, bits) = rows::class(number);
        classes.put(class, 1);
        plain_bits += f64::from(bits);
    }
    (classes, plain_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_kind_are_gathered_and_others_are_not() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut column = |word: &mut dyn FnMut(&mut fastrand::Rng, usize) -> String| -> Vec<String> {
            (0..100).map(|it| word(&mut random, it)).collect()
        };
        let columns = [
            column(&mut |random, _| random.u32(..100_000).to_string()),
            column(&mut |random, _| format!("{:016x}", random.u64(..))),
            column(&mut |_, it| (1_000 + it).to_string()),
            column(&mut |random, _| random.u32(..100_000).to_string()),
            column(&mut |random, _| ["red", "green"][random.usize(..2)].to_owned()),
            column(&mut |random, _| format!("{:016x}", random.u64(..))),
            column(&mut |_, it| (1_000 + it).to_string()),
            column(&mut |random, _| ["red", "green"][random.usize(..2)].to_owned()),
        ];
        let columns: Vec<Vec<&str>> = columns.iter().map(|it| it.iter().map(String::as_str).collect()).collect();
        assert_eq!(gathered(&columns), [0, 1, 2, 0, 3, 1, 4, 3]);
        assert!(gathered(&[]).is_empty());
    }
}
