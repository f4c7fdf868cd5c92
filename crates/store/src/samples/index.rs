//! Which series have these labels? An inverted index from label pairs to series.

use std::collections::{HashMap, HashSet};

use signal::{Labels, Matcher, SeriesId};
use xxhash_rust::xxh3::xxh3_64;

use crate::hashed::SeriesMap;

/// All series that have points in memory or in blocks.
#[derive(Debug, Default)]
pub struct Index {
    labels: SeriesMap<Labels>,
    /// By the hash of a label pair: a collision costs a comparison, so the texts need not be kept here.
    postings: HashMap<u64, Vec<SeriesId>>,
}

impl Index {
    /// Adds a series; one that is there already stays.
    pub fn insert(&mut self, labels: &Labels) {
        if self.labels.contains_key(&labels.id()) {
            return;
        }
        for (name, value) in labels.iter() {
            self.postings.entry(pair_hash(name, value)).or_default().push(labels.id());
        }
        self.labels.insert(labels.id(), labels.clone());
    }

    /// The labels of a series.
    pub fn get(&self, id: SeriesId) -> Option<&Labels> {
        self.labels.get(&id)
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Series for which all matchers hold, in any order.
    pub fn find(&self, matchers: &[Matcher]) -> Vec<Labels> {
        let rarest = matchers.iter().filter_map(|it| self.postings_of(it)).min_by_key(|it| it.len());
        let holds = |labels: &&Labels| matchers.iter().all(|it| it.matches(labels));
        match rarest {
            Some(ids) => ids.iter().filter_map(|it| self.labels.get(it)).filter(holds).cloned().collect(),
            None => self.labels.values().filter(holds).cloned().collect(),
        }
    }

    /// Forgets all other series.
    pub fn retain(&mut self, keep: &HashSet<SeriesId>) {
        self.labels.retain(|id, _| keep.contains(id));
        self.postings.retain(|_, ids| {
            ids.retain(|it| keep.contains(it));
            !ids.is_empty()
        });
    }

    /// The series with this pair; None if the matcher does not name one.
    fn postings_of(&self, matcher: &Matcher) -> Option<&[SeriesId]> {
        match matcher {
            Matcher::Equal(name, value) if !value.is_empty() => {
                Some(self.postings.get(&pair_hash(name, value)).map_or(&[][..], Vec::as_slice))
            }
            _ => None,
        }
    }
}

fn pair_hash(name: &str, value: &str) -> u64 {
    xxh3_64(name.as_bytes()).rotate_left(1) ^ xxh3_64(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_find_what_they_describe() {
        let texts = [r#"cpu{host="a"}"#, r#"cpu{host="b"}"#, r#"memory{host="a"}"#, r#"cpu"#];
        let all: Vec<Labels> = texts.iter().map(|it| it.parse().unwrap()).collect();
        let mut index = Index::default();
        all.iter().chain(&all).for_each(|it| index.insert(it));
        let check = |matchers: &[Matcher], expected: &[&str]| {
            let mut found: Vec<String> = index.find(matchers).iter().map(ToString::to_string).collect();
            found.sort();
            assert_eq!(found, expected);
        };
        let equal = |name: &str, value: &str| Matcher::Equal(name.to_owned(), value.to_owned());
        check(&[], &["cpu", texts[0], texts[1], texts[2]]);
        check(&[Matcher::name("cpu"), equal("host", "a")], &[texts[0]]);
        check(&[Matcher::name("cpu"), equal("host", "")], &["cpu"]);
        check(&[Matcher::NotEqual("host".into(), "a".into())], &["cpu", texts[1]]);
        check(&[equal("host", "none")], &[]);
        index.retain(&HashSet::from([all[1].id()]));
        assert_eq!((index.len(), index.find(&[equal("host", "b")]).len(), index.postings.len()), (1, 1, 2));
    }
}
