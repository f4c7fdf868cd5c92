//! How do labels lie in columns? Sets that repeat as places in a list; sets of which each row has its own value by value,
//! a column for each name.

use std::collections::HashMap;

use signal::Labels;

use super::sections::{SectionReader, Sections};
use super::words::{self, Column, Writer};
use crate::bytes::{put_labels, put_text, put_varint};
use crate::rows::{self, Effort};

/// Adds a column of labels of which whole sets repeat.
pub fn put_label_sets<'a>(sets: impl Iterator<Item = &'a Labels>, out: &mut Sections, effort: Effort) {
    let mut distinct: HashMap<&Labels, i64> = HashMap::new();
    let mut in_order = vec![];
    let mut place = |labels: &'a Labels| {
        *distinct.entry(labels).or_insert_with(|| {
            in_order.push(labels);
            in_order.len() as i64 - 1
        })
    };
    let places: Vec<i64> = sets.map(&mut place).collect();
    put_varint(&mut out.heads, in_order.len() as u64);
    in_order.iter().for_each(|it| put_labels(&mut out.words, it));
    rows::encode(&places, effort, &mut out.rows);
}

/// Reads such a column.
pub fn read_label_sets(reader: &mut SectionReader<'_>, count: usize) -> Option<Vec<Labels>> {
    reader.claim(count)?;
    let n_distinct = usize::try_from(reader.heads.varint()?).ok().filter(|it| *it <= count)?;
    let distinct: Vec<Labels> = (0..n_distinct).map(|_| reader.words.labels()).collect::<Option<_>>()?;
    let places = rows::decode(&mut reader.rows, count)?.into_iter();
    places.map(|it| distinct.get(usize::try_from(it).ok()?).cloned()).collect()
}

/// Adds a column of labels of which each row may have its own.
pub fn put_label_columns<'a>(all: impl Iterator<Item = &'a Labels>, out: &mut Sections, effort: Effort) {
    let mut numbers: HashMap<Vec<&str>, usize> = HashMap::new();
    let mut builds: Vec<(Vec<&str>, Vec<Vec<&str>>)> = vec![];
    let mut of_rows = vec![];
    for labels in all {
        let names: Vec<&str> = labels.iter().map(|it| it.0).collect();
        let number = *numbers.entry(names).or_insert_with_key(|names| {
            builds.push((names.clone(), vec![vec![]; names.len()]));
            builds.len() - 1
        });
        of_rows.push(number as i64);
        let columns = builds.get_mut(number).into_iter().flat_map(|it| &mut it.1);
        columns.zip(labels.iter()).for_each(|(column, (_, value))| column.push(value));
    }
    put_varint(&mut out.heads, builds.len() as u64);
    for (names, _) in &builds {
        put_varint(&mut out.heads, names.len() as u64);
        names.iter().for_each(|it| put_text(&mut out.heads, it));
    }
    rows::encode(&of_rows, effort, &mut out.rows);
    let mut writer = Writer::new(effort);
    builds.iter().flat_map(|it| &it.1).for_each(|it| writer.put(it, out));
}

/// Reads such a column.
pub fn label_columns(reader: &mut SectionReader<'_>, count: usize) -> Option<Vec<Labels>> {
    reader.claim(count)?;
    let mut builds: Vec<Vec<&str>> = vec![];
    for _ in 0..reader.heads.count()? {
        let n_names = reader.heads.count()?;
        builds.push((0..n_names).map(|_| reader.heads.text()).collect::<Option<_>>()?);
    }
    let of_rows: Vec<usize> =
        rows::decode(&mut reader.rows, count)?.into_iter().map(|it| usize::try_from(it).ok()).collect::<Option<_>>()?;
    let mut n_rows = vec![0; builds.len()];
    for build in &of_rows {
        *n_rows.get_mut(*build)? += 1;
    }
    let (mut columns, mut firsts): (Vec<Column<'_>>, Vec<usize>) = (vec![], vec![]);
    for (names, n_rows) in builds.iter().zip(n_rows) {
        firsts.push(columns.len());
        for _ in names {
            columns.push(words::read(reader, n_rows, columns.len())?);
        }
    }
    let mut next = vec![0; builds.len()];
    let row = |build: usize| {
        let (names, first, next) = (builds.get(build)?, firsts.get(build)?, next.get_mut(build)?);
        let mut pairs = vec![];
        for (name, column) in names.iter().zip(columns.iter().skip(*first)) {
            let mut value = vec![];
            column.put_word(*next, &columns, &mut value)?;
            pairs.push((*name, String::from_utf8(value).ok()?));
        }
        *next += 1;
        Some(Labels::new(pairs))
    };
    of_rows.into_iter().map(row).collect()
}
