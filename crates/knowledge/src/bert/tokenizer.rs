//! Which numbers does a model know words by? WordPiece: text is cleaned, cut at spaces and signs, and each piece is taken
//! apart into the longest parts that the vocabulary has.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::settings::json;
use crate::Error;

/// Longer words are unknown, as in the published tokenizers.
const MAX_WORD_CHARS: usize = 100;

/// A vocabulary with its marks.
pub struct Tokenizer {
    vocabulary: HashMap<String, u32>,
    unknown: u32,
    first: u32,
    last: u32,
    is_lower_case: bool,
}

#[derive(Deserialize)]
struct TokenizerFile {
    model: VocabularyModel,
}

#[derive(Deserialize)]
struct VocabularyModel {
    vocab: HashMap<String, u32>,
}

impl Tokenizer {
    /// Reads `vocab.txt`, or `tokenizer.json` where that is not there.
    ///
    /// # Errors
    /// If neither is there, or the marks `[UNK]`, `[CLS]`, `[SEP]` are missing.
    pub fn read(folder: &Path, is_lower_case: bool) -> Result<Self, Error> {
        let path = folder.join("vocab.txt");
        let vocabulary = match std::fs::read_to_string(&path) {
            Ok(text) => (0..).zip(text.lines()).map(|(number, word)| (word.to_owned(), number)).collect(),
            Err(_) => {
                let path = folder.join("tokenizer.json");
                let bad = || Error::Bad { path: path.clone(), problem: "neither it nor vocab.txt is there".to_owned() };
                json::<TokenizerFile>(&path)?.ok_or_else(bad)?.model.vocab
            }
        };
        Self::new(vocabulary, is_lower_case).map_err(|problem| Error::Bad { path, problem })
    }

    fn new(vocabulary: HashMap<String, u32>, is_lower_case: bool) -> Result<Self, String> {
        let mark = |name: &str| vocabulary.get(name).copied().ok_or_else(|| format!("the mark {name} is missing"));
        let (unknown, first, last) = (mark("[UNK]")?, mark("[CLS]")?, mark("[SEP]")?);
        Ok(Self { vocabulary, unknown, first, last, is_lower_case })
    }

    /// The numbers of a text with the marks at both ends, at most `most`.
    pub fn tokens(&self, text: &str, most: usize) -> Vec<u32> {
        let mut tokens = vec![self.first];
        for word in self.words(text) {
            self.split(&word, &mut tokens);
            if tokens.len() >= most {
                tokens.truncate(most - 1);
                break;
            }
        }
        tokens.push(self.last);
        tokens
    }

    /// Cuts at spaces and around signs.
    fn words(&self, text: &str) -> Vec<String> {
        let mut words = vec![];
        let mut word = String::new();
        for it in self.cleaned(text).chars() {
            if it.is_whitespace() || is_sign(it) || is_ideograph(it) {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if !it.is_whitespace() {
                    words.push(it.to_string());
                }
            } else {
                word.push(it);
            }
        }
        words.extend(Some(word).filter(|it| !it.is_empty()));
        words
    }

    fn cleaned(&self, text: &str) -> String {
        let keeps = |it: &char| !(matches!(*it, '\0' | '\u{fffd}') || it.is_control() && !it.is_whitespace());
        let kept = text.chars().filter(keeps);
        if !self.is_lower_case {
            return kept.collect();
        }
        kept.filter(|it| !is_combining(*it))
            .map(without_accent)
            .flat_map(char::to_lowercase)
            .filter(|it| !is_combining(*it))
            .collect()
    }

    /// Takes the longest part that is known, again and again; a word with an unknown part is unknown as a whole.
    fn split(&self, word: &str, tokens: &mut Vec<u32>) {
        let n_before = tokens.len();
        if word.chars().count() > MAX_WORD_CHARS {
            tokens.push(self.unknown);
            return;
        }
        let mut from = 0;
        while from < word.len() {
            let ends = word.char_indices().map(|(at, it)| at + it.len_utf8()).filter(|it| *it > from);
            let longest = ends.rev().find_map(|end| Some((end, self.part(word.get(from..end)?, from > 0)?)));
            let Some((end, number)) = longest else {
                tokens.truncate(n_before);
                tokens.push(self.unknown);
                return;
            };
            tokens.push(number);
            from = end;
        }
    }

    fn part(&self, part: &str, continues: bool) -> Option<u32> {
        if continues { self.vocabulary.get(&format!("##{part}")) } else { self.vocabulary.get(part) }.copied()
    }
}

/// Punctuation: what BERT cuts around, as far as it occurs in texts of operation.
fn is_sign(it: char) -> bool {
    it.is_ascii_punctuation()
        || matches!(it, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}')
        || matches!(it, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2308}'..='\u{230b}')
            && !matches!(it, '\u{2044}' | '\u{2052}')
        || matches!(it, '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{ff01}'..='\u{ff0f}')
}

/// Chinese characters are words of their own.
fn is_ideograph(it: char) -> bool {
    matches!(it, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ceaf}')
}

fn is_combining(it: char) -> bool {
    matches!(it, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}' | '\u{1ab0}'..='\u{1aff}')
}

/// Latin letters with an accent, as letters without; those of other scripts stay as they are.
fn without_accent(it: char) -> char {
    const LATIN: &str = "AAAAAA\u{c6}CEEEEIIII\u{d0}NOOOOO\u{d7}\u{d8}UUUUY\u{de}\u{df}aaaaaa\u{e6}ceeeeiiii\u{f0}nooooo\u{f7}\u{f8}uuuuy\u{fe}y";
    const EXTENDED: &str = "AaAaAaCcCcCcCcDd\u{110}\u{111}EeEeEeEeEeGgGgGgGgHh\u{126}\u{127}IiIiIiIiI\u{131}\u{132}\u{133}JjKk\u{138}LlLlLl\u{13f}\u{140}\u{141}\u{142}NnNnNn\u{149}\u{14a}\u{14b}OoOoOo\u{152}\u{153}RrRrRrSsSsSsSsTtTt\u{166}\u{167}UuUuUuUuUuUuWwYyYZzZzZz";
    let nth = |text: &str, from: char| text.chars().nth((it as usize).checked_sub(from as usize)?);
    match it {
        '\u{c0}'..='\u{ff}' => nth(LATIN, '\u{c0}').unwrap_or(it),
        '\u{100}'..='\u{17e}' => nth(EXTENDED, '\u{100}').unwrap_or(it),
        _ => it,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let words = ["[UNK]", "[CLS]", "[SEP]", "pool", "##s", "time", "##out", "!", "cafe", "a"];
        Tokenizer::new((0..).zip(words).map(|(number, word)| (word.to_owned(), number)).collect(), true).unwrap()
    }

    #[test]
    fn words_are_taken_apart_by_the_longest_part() {
        let tokens = |text: &str| tokenizer().tokens(text, 100);
        assert_eq!(tokens("Pools timeout!"), [1, 3, 4, 5, 6, 7, 2]);
        assert_eq!(tokens("poolx a"), [1, 0, 9, 2], "one unknown part makes the word unknown");
        assert_eq!(tokens("Caf\u{e9} CAFE\u{301}"), [1, 8, 8, 2]);
        assert_eq!(tokens(""), [1, 2]);
        assert_eq!(tokens(&"a".repeat(101)), [1, 0, 2]);
    }

    #[test]
    fn long_texts_are_cut_and_keep_their_last_mark() {
        assert_eq!(tokenizer().tokens("a a a a a", 4), [1, 9, 9, 2]);
    }

    #[test]
    fn each_accent_has_its_letter() {
        assert_eq!(
            "\u{c9}\u{f1}\u{fc}\u{17e}\u{159}\u{142}\u{df}".chars().map(without_accent).collect::<String>(),
            "Enuzr\u{142}\u{df}"
        );
    }
}
