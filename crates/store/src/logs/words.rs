//! Which words does a search ask for? A person's text becomes words and phrases, so that no text can break the query.
//!
//! The same rule cuts lines and searches: a word is a run of letters and digits, in lower case (as in the
//! filters of packs). A quoted part is a phrase, and so is a part with signs in it: `db_pool` asks for `db` followed by `pool`.

use std::collections::HashMap;

use crate::packs::filter::Asked;

/// Phrases that must all occur; a single word is a phrase of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    phrases: Vec<Vec<String>>,
    is_blank: bool,
}

impl Words {
    /// Reads a person's text.
    pub fn parse(text: &str) -> Self {
        let mut phrases = vec![];
        // Parts with odd numbers lie between quotes; a quote that is not closed ends with the text.
        for (idx, part) in text.split('"').enumerate() {
            if idx % 2 == 1 {
                phrases.push(tokens(part).collect::<Vec<_>>());
            } else {
                phrases.extend(part.split_whitespace().map(|it| tokens(it).collect()));
            }
        }
        phrases.retain(|it| !it.is_empty());
        Self { phrases, is_blank: text.trim().is_empty() }
    }

    /// True if every line will do.
    pub const fn accept_all(&self) -> bool {
        self.is_blank
    }

    /// True if the text has signs only: such a search finds nothing.
    pub const fn accept_none(&self) -> bool {
        self.phrases.is_empty() && !self.is_blank
    }

    /// All words, to pass over packs that lack one.
    pub fn all(&self) -> Vec<Asked> {
        self.phrases.iter().flatten().map(|it| Asked::new(it)).collect()
    }

    /// The words of a text; none if it certainly lacks the first one, which is quicker to see.
    fn tokens_of(&self, text: &str) -> Vec<String> {
        let first = self.phrases.first().and_then(|it| it.first());
        if first.is_some_and(|it| text.is_ascii() && !holds(text.as_bytes(), it.as_bytes())) {
            return vec![];
        }
        tokens(text).collect()
    }

    /// How well each text fits: BM25 among these texts (k1 = 1.2, b = 0.75); None if a phrase is missing.
    pub fn relevance<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Option<f64>> {
        let texts: Vec<Vec<String>> = texts.iter().map(|it| self.tokens_of(it.as_ref())).collect();
        let counts: Vec<Vec<usize>> =
            texts.iter().map(|text| self.phrases.iter().map(|it| occurrences(text, it)).collect()).collect();
        let mean_length = texts.iter().map(Vec::len).sum::<usize>() as f64 / texts.len().max(1) as f64;
        let mut n_with: HashMap<usize, usize> = HashMap::new();
        for (phrase, _) in counts.iter().flat_map(|it| it.iter().enumerate().filter(|it| *it.1 > 0)) {
            *n_with.entry(phrase).or_default() += 1;
        }
        let weight = |phrase: usize| {
            let with = n_with.get(&phrase).copied().unwrap_or(0) as f64;
            ((texts.len() as f64 - with + 0.5) / (with + 0.5)).ln().max(1e-6)
        };
        let score = |counts: &Vec<usize>, length: usize| {
            let norm = 1.2 * (0.25 + 0.75 * length as f64 / mean_length.max(1.0));
            let part = |(phrase, count): (usize, &usize)| weight(phrase) * *count as f64 * 2.2 / (*count as f64 + norm);
            counts.iter().enumerate().map(part).sum()
        };
        let rows = counts.iter().zip(&texts);
        rows.map(|(counts, text)| counts.iter().all(|it| *it > 0).then(|| score(counts, text.len()))).collect()
    }
}

fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_lowercase)
}

/// True if the text holds the word, which is in lower case, anywhere.
fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len().max(1)).any(|it| it.eq_ignore_ascii_case(word))
}

fn occurrences(text: &[String], phrase: &[String]) -> usize {
    text.windows(phrase.len().max(1)).filter(|it| *it == phrase).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_words_and_phrases() {
        let phrases = |text: &str| Words::parse(text).phrases.iter().map(|it| it.join(" ")).collect::<Vec<_>>();
        assert_eq!(phrases("pool exhausted"), ["pool", "exhausted"]);
        assert_eq!(phrases(r#"db_pool "Connection refused" x"#), ["db pool", "connection refused", "x"]);
        assert_eq!(phrases(r#"a" OR line:* NEAR(b) -c ^d "#), ["a", "or line near b c d"]);
        assert_eq!(phrases("'; DROP TABLE lines; --"), ["drop", "table", "lines"]);
        assert!(phrases("\"\"\" () * ^ \0").is_empty());
        assert!(Words::parse(" ").accept_all());
        assert!(Words::parse("***").accept_none());
    }

    #[test]
    fn lines_in_memory_are_ranked() {
        let words = Words::parse("pool exhausted");
        let found = words.relevance(&["pool was exhausted", "Pool POOL exhausted", "pool", "all is well", "x", "y"]);
        assert!(found[1] > found[0] && found[0] > Some(0.0));
        assert_eq!(found[2..], [None, None, None, None]);
        assert_eq!(Words::parse("\"was pool\"").relevance(&["pool was exhausted"]), [None]);
    }
}
