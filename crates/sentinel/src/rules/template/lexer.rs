//! Which pieces does the text of a template have? Text that stands for itself, and actions in words.

use super::Failure;
use super::literal::{number, quoted};
use super::value::Value;

/// Text, or what stands between `{{` and `}}`.
pub enum Piece {
    Text(String),
    Action(Vec<Token>, usize),
}

/// A word of an action.
#[derive(Clone, Debug)]
pub struct Token {
    pub word: Word,
    /// Bytes before it.
    pub at: usize,
    /// True if it does not touch the word before it.
    pub is_apart: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    Name(String),
    Field(String),
    Dot,
    Variable(String),
    Constant(Value),
    Open,
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// The pieces of a text.
pub fn pieces(text: &str) -> Result<Vec<Piece>, Failure> {
    let (mut pieces, mut at, mut is_trimmed) = (vec![], 0, false);
    loop {
        let rest = text.get(at..).unwrap_or("");
        let begin = rest.find("{{");
        let mut plain = rest.get(..begin.unwrap_or(rest.len())).unwrap_or("");
        let mut lexer = Lexer { text, at: at + plain.len() + 2, is_apart: true };
        if is_trimmed {
            plain = plain.trim_start_matches(SPACES);
        }
        if begin.is_some() && lexer.rest().strip_prefix('-').is_some_and(|it| it.starts_with(SPACES)) {
            plain = plain.trim_end_matches(SPACES);
            lexer.at += 1;
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.to_owned()));
        }
        if begin.is_none() {
            return Ok(pieces);
        }
        let from = lexer.at;
        let tokens = lexer.action(&mut is_trimmed)?;
        pieces.extend(tokens.map(|it| Piece::Action(it, from)));
        at = lexer.at;
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    is_apart: bool,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn fail<T>(&self, text: impl Into<String>) -> Result<T, Failure> {
        Err(Failure { at: self.at, text: text.into() })
    }

    /// The words up to `}}`; None for a comment.
    fn action(&mut self, is_trimmed: &mut bool) -> Result<Option<Vec<Token>>, Failure> {
        let from = self.at.saturating_sub(2);
        let open = |it: &Self| Failure { at: from.min(it.at), text: "`}}` expected behind `{{`".to_owned() };
        self.skip_spaces();
        if self.rest().starts_with("/*") {
            let len =
                self.rest().find("*/").ok_or(Failure { at: from, text: "`*/` expected behind `/*`".to_owned() })?;
            self.at += len + 2;
            self.is_apart = false;
            self.skip_spaces();
            return match self.end() {
                Some(trims) => {
                    *is_trimmed = trims;
                    Ok(None)
                }
                None => self.fail("`}}` expected behind a comment"),
            };
        }
        let mut tokens = vec![];
        loop {
            self.skip_spaces();
            if let Some(trims) = self.end() {
                *is_trimmed = trims;
                return Ok(Some(tokens));
            }
            if self.rest().is_empty() || self.rest().starts_with("{{") {
                return Err(open(self));
            }
            let (at, is_apart) = (self.at, self.is_apart);
            let word = self.word()?;
            self.is_apart = false;
            tokens.push(Token { word, at, is_apart });
        }
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        let n = rest.len() - rest.trim_start_matches(SPACES).len();
        (self.at, self.is_apart) = (self.at + n, self.is_apart || n > 0);
    }

    /// True if the action ends here with `-}}`, false if with `}}`.
    fn end(&mut self) -> Option<bool> {
        let trims = self.is_apart && self.rest().starts_with("-}}");
        let is_end = trims || self.rest().starts_with("}}");
        if is_end {
            self.at += if trims { 3 } else { 2 };
        }
        is_end.then_some(trims)
    }

    fn word(&mut self) -> Result<Word, Failure> {
        for (sign, word) in [
            (":=", Word::Declare),
            ("=", Word::Assign),
            ("|", Word::Pipe),
            (",", Word::Comma),
            ("(", Word::Open),
            (")", Word::Close),
        ] {
            if self.rest().starts_with(sign) {
                self.at += sign.len();
                return Ok(word);
            }
        }
        let mut letters = self.rest().chars();
        let (first, second) = (letters.next().unwrap_or(' '), letters.next().unwrap_or(' '));
        match first {
            '"' | '`' | '\'' => {
                let (value, len) = quoted(self.rest()).or_else(|text| self.fail(text))?;
                self.at += len;
                Ok(Word::Constant(value))
            }
            '$' => Ok(Word::Variable(self.name(1))),
            '.' if second.is_alphabetic() || second == '_' => Ok(Word::Field(self.name(1).split_off(1))),
            '.' if !second.is_ascii_digit() => {
                self.at += 1;
                Ok(Word::Dot)
            }
            '+' | '-' | '.' | '0'..='9' => {
                let len = number_len(self.rest());
                let word = self.rest().get(..len).unwrap_or("");
                let value = number(word).or_else(|text| self.fail(text))?;
                self.at += len;
                Ok(Word::Constant(value))
            }
            _ if first.is_alphabetic() || first == '_' => Ok(match self.name(0).as_str() {
                "true" => Word::Constant(Value::Bool(true)),
                "false" => Word::Constant(Value::Bool(false)),
                "nil" => Word::Constant(Value::Nil),
                name => Word::Name(name.to_owned()),
            }),
            _ => self.fail(format!("{first:?} is not expected here")),
        }
    }

    /// A name behind so many letters, and these.
    fn name(&mut self, n_before: usize) -> String {
        let rest = self.rest();
        let is_part = |it: char| it.is_alphanumeric() || it == '_';
        let len = rest.char_indices().skip(n_before).find(|(_, it)| !is_part(*it)).map_or(rest.len(), |it| it.0);
        let name = rest.get(..len).unwrap_or("").to_owned();
        self.at += len;
        name
    }
}

/// Bytes of the number that a text begins with; its sign may stand behind `e` too.
fn number_len(text: &str) -> usize {
    let mut before = 'e';
    for (at, letter) in text.char_indices() {
        let is_sign = matches!(letter, '+' | '-') && matches!(before, 'e' | 'E');
        if !is_sign && !letter.is_ascii_alphanumeric() && letter != '.' && letter != '_' {
            return at;
        }
        before = letter;
    }
    text.len()
}
