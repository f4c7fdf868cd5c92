//! What are the columns of a masked line? Its words as hashes with a few properties, and the frame they stand in.
//!
//! The frame is what is no word: punctuation, and keys before `=`. Words are values of one variable only if they stand
//! in the same frame, so that `user=root` is never compared with `port=ssh`.

use super::hash::{hash, mix};
use super::mask::{WILD, WILD_TEXT};
use super::words::Class;

/// Words of a line beyond this number are one variable.
pub(super) const MAX_WORDS: usize = 96;
/// A word with more parts than this is a structure (compact JSON, say) and never a variable as a whole.
const MAX_PARTS: usize = 2;
/// Nouns after which a name stands.
const NOUNS: [&[u8]; 6] = [b"user", b"username", b"host", b"hostname", b"file", b"program"];

/// A word: its hash, with properties in the lowest bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token(u64);

impl Token {
    const HAS_WILD: u64 = 1;
    const HAS_LETTER: u64 = 2;
    const IS_NOUN: u64 = 4;
    const IS_STRUCTURE: u64 = 8;
    const PROPERTIES: u64 = 15;
    /// A column that became a variable.
    pub(super) const WILD: Self = Self(!Self::PROPERTIES | Self::HAS_WILD);

    pub(super) fn number(self) -> u64 {
        self.0
    }

    pub(super) fn has_wild(self) -> bool {
        self.0 & Self::HAS_WILD != 0
    }

    pub(super) fn has_letter(self) -> bool {
        self.0 & Self::HAS_LETTER != 0
    }

    pub(super) fn is_noun(self) -> bool {
        self.0 & Self::IS_NOUN != 0
    }

    pub(super) fn is_structure(self) -> bool {
        self.0 & Self::IS_STRUCTURE != 0
    }
}

/// Reads the columns of a masked line and gives the hash of their frame.
pub(super) fn read(masked: &[u8], tokens: &mut Vec<Token>) -> u64 {
    tokens.clear();
    let mut frame = 1;
    for text in masked.split(|it| *it == b' ') {
        if tokens.len() == MAX_WORDS {
            tokens.push(Token::WILD);
            break;
        }
        let (token, its_frame) = one(text);
        tokens.push(token);
        frame = mix(frame, its_frame);
    }
    mix(frame, tokens.len() as u64)
}

fn one(text: &[u8]) -> (Token, u64) {
    let mut seen = 0;
    let mut parts = 0;
    let (key, value) = split_key(text);
    let mut frame = if key.is_empty() { 1 } else { hash(key) };
    for part in Parts(value) {
        match part {
            Part::Mark(mark) => frame = mix(frame, u64::from(mark)),
            Part::Wild => {
                seen |= Token::HAS_WILD;
                frame = mix(frame, 0);
            }
            Part::Word(word) => {
                parts += 1;
                seen |=
                    if word.iter().any(|it| it.is_ascii_alphabetic() || *it >= 0x80) { Token::HAS_LETTER } else { 0 };
                frame = mix(frame, 0);
            }
        }
    }
    seen |= if key.is_empty() { 0 } else { Token::HAS_LETTER };
    seen |= if NOUNS.iter().any(|it| it.eq_ignore_ascii_case(text)) { Token::IS_NOUN } else { 0 };
    seen |= if parts > MAX_PARTS { Token::IS_STRUCTURE } else { 0 };
    (Token(hash(text) & !Token::PROPERTIES | seen), frame)
}

/// Writes a word as the variable it became: the frame stays.
pub(super) fn put_as_variable(text: &str, out: &mut String) {
    let (key, value) = split_key(text.as_bytes());
    out.push_str(text.get(..key.len()).unwrap_or_default());
    for part in Parts(value) {
        match part {
            Part::Mark(mark) => out.push(char::from(mark)),
            Part::Wild | Part::Word(_) => out.push_str(WILD_TEXT),
        }
    }
}

/// Up to the last `=`, and what follows.
fn split_key(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().rposition(|it| *it == b'=').map_or(0, |it| it + 1);
    text.split_at_checked(end).unwrap_or((text, b""))
}

enum Part<'a> {
    Mark(u8),
    Wild,
    Word(&'a [u8]),
}

/// Words, placeholders and punctuation in order. Placeholders and words that touch are one.
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let first = *self.0.first()?;
        let mut has_wild = false;
        let mut length = 0;
        while let Some(rest) = self.0.get(length..).filter(|it| !it.is_empty()) {
            if rest.starts_with(WILD) {
                (has_wild, length) = (true, length + WILD.len());
            } else if rest.first().is_some_and(|it| Class::of(*it).is_word() || *it == b'$') {
                length += 1;
            } else {
                break;
            }
        }
        let (part, rest) = self.0.split_at_checked(length.max(1))?;
        self.0 = rest;
        Some(if length == 0 {
            Part::Mark(first)
        } else if has_wild {
            Part::Wild
        } else {
            Part::Word(part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> u64 {
        read(text.as_bytes(), &mut vec![])
    }

    #[test]
    fn the_frame_is_what_is_no_word() {
        assert_eq!(frame("user=root, (db)"), frame("user=<*>, (<*>)"));
        assert_eq!(frame("loaded A$B"), frame("found <*>"));
        for other in ["port=root, (db)", "user=root (db)", "user=root, (db) x", "user=root, [db]"] {
            assert_ne!(frame("user=root, (db)"), frame(other), "{other}");
        }
    }

    #[test]
    fn a_variable_keeps_its_frame() {
        for (text, expected) in [("user=root,", "user=<*>,"), ("(a:b)", "(<*>:<*>)"), ("x<*>y", "<*>"), ("w", "<*>")] {
            let mut out = String::new();
            put_as_variable(text, &mut out);
            assert_eq!(out, expected);
            assert_eq!(frame(text), frame(&out), "{text}");
        }
    }
}
