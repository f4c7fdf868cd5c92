//! Which series have these labels? An inverted index from names and values of labels to series.

use std::collections::{HashMap, HashSet};

use signal::{LabelTest, Labels, Matcher, SeriesId, SeriesMap};

/// Series by one value of one label.
type Values = HashMap<Box<str>, Vec<SeriesId>>;

/// All series that have points in memory or in blocks.
#[derive(Debug, Default)]
pub struct Index {
    labels: SeriesMap<Labels>,
    postings: HashMap<Box<str>, Values>,
}

impl Index {
    /// Adds a series; one that is there already stays.
    pub fn insert(&mut self, labels: &Labels) {
        if self.labels.contains_key(&labels.id()) {
            return;
        }
        for (name, value) in labels.iter() {
            // Texts are copied for the first series only.
            if !self.postings.contains_key(name) {
                self.postings.insert(name.into(), Values::new());
            }
            let Some(values) = self.postings.get_mut(name) else { continue };
            match values.get_mut(value) {
                Some(ids) => ids.push(labels.id()),
                None => _ = values.insert(value.into(), vec![labels.id()]),
            }
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

    /// Series for which all tests hold, in any order. The test that fewest series can pass says where to look; the
    /// others are asked once for each value of their label.
    pub fn select(&self, tests: &[LabelTest<'_>]) -> Vec<Labels> {
        let narrowing = tests.iter().filter(|it| !(it.holds)(""));
        let rarest = narrowing.map(|it| (it, self.reach(it))).min_by_key(|(_, reach)| *reach).map(|(it, _)| it);
        let mut others: Vec<Asked<'_>> =
            tests.iter().filter(|it| !rarest.is_some_and(|one| std::ptr::eq(one, *it))).map(Asked::new).collect();
        let mut holds = |labels: &&Labels| others.iter_mut().all(|it| it.holds(labels));
        match rarest {
            Some(test) => self.ids(test).filter_map(|it| self.labels.get(&it)).filter(&mut holds).cloned().collect(),
            None => self.labels.values().filter(&mut holds).cloned().collect(),
        }
    }

    /// Forgets all other series.
    pub fn retain(&mut self, keep: &HashSet<SeriesId>) {
        self.labels.retain(|id, _| keep.contains(id));
        self.postings.retain(|_, values| {
            values.retain(|_, ids| {
                ids.retain(|it| keep.contains(it));
                !ids.is_empty()
            });
            !values.is_empty()
        });
    }

    /// The series with this pair; None if the matcher does not name one.
    fn postings_of(&self, matcher: &Matcher) -> Option<&[SeriesId]> {
        match matcher {
            Matcher::Equal(name, value) if !value.is_empty() => Some(self.with(name, value)),
            _ => None,
        }
    }

    fn with(&self, name: &str, value: &str) -> &[SeriesId] {
        self.postings.get(name).and_then(|it| it.get(value)).map_or(&[][..], Vec::as_slice)
    }

    /// About how much it costs to look where this test leads.
    fn reach(&self, test: &LabelTest<'_>) -> usize {
        match test.values {
            Some(values) => values.iter().map(|it| self.with(test.label, it).len()).sum(),
            // Each value is asked, and what lies behind them is not known before.
            None => self.postings.get(test.label).map_or(0, |it| it.values().map(Vec::len).sum()),
        }
    }

    /// Series that pass a test which those without the label do not pass.
    fn ids<'a>(&'a self, test: &'a LabelTest<'a>) -> Box<dyn Iterator<Item = SeriesId> + 'a> {
        match test.values {
            // A value that is named twice leads to its series once.
            Some(values) => {
                let distinct: HashSet<&String> = values.iter().collect();
                let known = distinct.into_iter().filter(|it| (test.holds)(it));
                Box::new(known.flat_map(|it| self.with(test.label, it)).copied())
            }
            None => {
                let values = self.postings.get(test.label).into_iter().flatten();
                Box::new(values.filter(|(value, _)| (test.holds)(value)).flat_map(|(_, ids)| ids).copied())
            }
        }
    }
}

/// A test with the answers it has given.
struct Asked<'a> {
    test: &'a LabelTest<'a>,
    answers: HashMap<Box<str>, bool>,
}

impl<'a> Asked<'a> {
    fn new(test: &'a LabelTest<'a>) -> Self {
        Self { test, answers: HashMap::new() }
    }

    fn holds(&mut self, labels: &Labels) -> bool {
        let value = labels.get(self.test.label).unwrap_or("");
        if self.test.values.is_some() {
            return (self.test.holds)(value);
        }
        if let Some(answer) = self.answers.get(value) {
            return *answer;
        }
        let answer = (self.test.holds)(value);
        self.answers.insert(value.into(), answer);
        answer
    }
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

    #[test]
    fn tests_find_what_they_describe() {
        let texts = [r#"cpu{host="a1"}"#, r#"cpu{host="a2"}"#, r#"cpu{host="b"}"#, r#"memory{host="a1"}"#, "cpu"];
        let mut index = Index::default();
        texts.iter().for_each(|it| index.insert(&it.parse().unwrap()));
        let check = |tests: &[LabelTest<'_>], expected: &[&str]| {
            let mut found: Vec<String> = index.select(tests).iter().map(ToString::to_string).collect();
            found.sort();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected);
        };
        let cpu = ["cpu".to_owned()];
        let name = LabelTest { label: "__name__", values: Some(&cpu), holds: &|it| it == "cpu" };
        let host = |holds| LabelTest { label: "host", values: None, holds };
        check(&[name, host(&|it| it.starts_with('a'))], &[texts[0], texts[1]]);
        check(&[name, host(&|it| !it.starts_with('a'))], &[texts[2], "cpu"]);
        check(&[host(&|it| it.starts_with('a'))], &[texts[0], texts[1], texts[3]]);
        check(&[host(&str::is_empty)], &["cpu"]);
        check(&[name, host(&|it| it == "none")], &[]);
        check(&[], &texts);
        let two = ["a1".to_owned(), "b".to_owned(), "a1".to_owned()];
        let named = LabelTest { label: "host", values: Some(&two), holds: &|it| it == "a1" || it == "b" };
        check(&[named], &[texts[0], texts[2], texts[3]]);
    }
}
