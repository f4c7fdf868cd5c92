//! How do texts and labels that repeat take little room? Each different one is written once, and then named by number.

use std::collections::HashMap;
use std::hash::Hash;

use signal::Labels;

use crate::bytes::{Reader, put_labels, put_text, put_varint};

/// Numbers different values in the order of their first use.
#[derive(Debug)]
pub struct Dictionary<T> {
    numbers: HashMap<T, u64>,
    values: Vec<T>,
}

impl<T: Eq + Hash + Clone> Dictionary<T> {
    /// No value yet.
    pub fn new() -> Self {
        Self { numbers: HashMap::new(), values: vec![] }
    }

    /// The number of a value.
    pub fn number(&mut self, value: T) -> u64 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = self.values.len() as u64;
        self.numbers.insert(value.clone(), number);
        self.values.push(value);
        number
    }

    /// Adds the values and then the numbers.
    pub fn put(self, numbers: &[u64], out: &mut Vec<u8>, mut put: impl FnMut(&T, &mut Vec<u8>)) {
        put_varint(out, self.values.len() as u64);
        self.values.iter().for_each(|it| put(it, out));
        numbers.iter().for_each(|it| put_varint(out, *it));
    }
}

/// Adds one column of values that repeat.
pub fn put_repeated<T: Eq + Hash + Clone>(
    values: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    put: impl FnMut(&T, &mut Vec<u8>),
) {
    let mut dictionary = Dictionary::new();
    let numbers: Vec<u64> = values.map(|it| dictionary.number(it)).collect();
    dictionary.put(&numbers, out, put);
}

/// Reads a column of `count` values that repeat.
pub fn repeated<T: Clone>(
    reader: &mut Reader<'_>,
    count: usize,
    mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let n_values = reader.count()?;
    let values: Vec<T> = (0..n_values).map(|_| read(reader)).collect::<Option<_>>()?;
    (0..count).map(|_| values.get(usize::try_from(reader.varint()?).ok()?).cloned()).collect()
}

/// Adds a column of labels of which each row may have its own: the sets of names repeat, the values lie together.
pub fn put_attributes<'a>(rows: impl Iterator<Item = &'a Labels> + Clone, out: &mut Vec<u8>) {
    put_repeated(rows.clone().map(names), out, |names, out| {
        put_varint(out, names.len() as u64);
        names.iter().for_each(|it| put_text(out, it));
    });
    for (_, value) in rows.flat_map(Labels::iter) {
        put_text(out, value);
    }
}

/// Reads such a column.
pub fn attributes(reader: &mut Reader<'_>, count: usize) -> Option<Vec<Labels>> {
    let names = |reader: &mut Reader<'_>| {
        let n_names = reader.count()?;
        (0..n_names).map(|_| reader.text().map(str::to_owned)).collect::<Option<Vec<String>>>()
    };
    let shapes = repeated(reader, count, names)?;
    let row = |names: Vec<String>| {
        if names.is_empty() {
            return Some(Labels::default());
        }
        let pairs = names.into_iter().map(|it| Some((it, reader.text()?)));
        Some(Labels::new(pairs.collect::<Option<Vec<_>>>()?))
    };
    shapes.into_iter().map(row).collect()
}

/// Adds a column of labels of which whole sets repeat.
pub fn put_label_sets<'a>(rows: impl Iterator<Item = &'a Labels>, out: &mut Vec<u8>) {
    put_repeated(rows.cloned(), out, |it, out| put_labels(out, it));
}

/// Reads such a column.
pub fn label_sets(reader: &mut Reader<'_>, count: usize) -> Option<Vec<Labels>> {
    repeated(reader, count, |it| it.labels())
}

fn names(labels: &Labels) -> Vec<&str> {
    labels.iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back() {
        let rows = [
            Labels::new([("a", "1"), ("b", "2")]),
            Labels::default(),
            Labels::new([("a", "3"), ("b", "4")]),
            Labels::new([("a", "1"), ("b", "2")]),
        ];
        let mut out = vec![];
        put_attributes(rows.iter(), &mut out);
        put_label_sets(rows.iter(), &mut out);
        put_repeated(["x", "y", "x", "x"].into_iter(), &mut out, |it, out| put_text(out, it));
        let mut reader = Reader::new(&out);
        assert_eq!(attributes(&mut reader, 4).unwrap(), rows);
        assert_eq!(label_sets(&mut reader, 4).unwrap(), rows);
        let texts = repeated(&mut reader, 4, |it| it.text().map(str::to_owned));
        assert_eq!(texts.unwrap(), ["x", "y", "x", "x"]);
        assert!(reader.rest().is_empty());
        for end in 0..out.len() {
            let mut reader = Reader::new(&out[..end]);
            let both = attributes(&mut reader, 4).and_then(|_| label_sets(&mut reader, 4));
            assert!(both.is_none() || end > 20, "cut at {end}");
        }
    }
}
