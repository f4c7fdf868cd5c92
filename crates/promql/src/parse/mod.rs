//! What does a query say? Text to expression, with the messages of Prometheus where it is wrong.

mod check;
mod duration;
pub(crate) mod escape;
mod expression;
mod selector;
mod token;

use signal::Labels;

use crate::ast::{Expr, Place};
use crate::matcher::MatchOp;

pub(crate) use token::{duration_millis, number};

/// What is wrong with a query, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub text: String,
}

impl ParseError {
    pub(crate) fn new(place: Place, text: impl Into<String>) -> Self {
        Self { place, text: text.into() }
    }

    /// As Prometheus prints it: line and column, then the text.
    pub fn describe(&self, query: &str) -> String {
        format!("{}: parse error: {}", position(query, self.place.start), self.text)
    }
}

/// `line:column` of a byte, both from 1.
pub fn position(query: &str, at: usize) -> String {
    let before = query.get(..at).unwrap_or(query);
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |it| it + 1) + 1;
    format!("{line}:{column}")
}

/// Parses and checks an expression.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(query)?;
    if matches!(parser.token(), token::Token::End) {
        return Err(ParseError::new(parser.place(), "no expression found in input"));
    }
    let expr = parser.expression()?;
    parser.end()?;
    check::check(&expr)?;
    Ok(expr)
}

/// The labels of a series as it is written: `name{label="value"}`.
pub fn metric(text: &str) -> Result<Labels, ParseError> {
    let mut parser = Parser::new(text)?;
    let place = parser.place();
    let name = match parser.token().clone() {
        token::Token::Word(name) => {
            parser.advance();
            Some(name)
        }
        _ => None,
    };
    let selector = parser.selector(name)?;
    parser.end()?;
    let mut pairs = Vec::new();
    for matcher in selector.matchers {
        if matcher.op != MatchOp::Equal {
            return Err(ParseError::new(place, "labels of a series are written with \"=\""));
        }
        pairs.push((matcher.name, matcher.value));
    }
    Ok(Labels::new(pairs))
}

/// The text in a quoted string.
pub(crate) fn string(text: &str) -> Result<String, ParseError> {
    let mut parser = Parser::new(text)?;
    let token::Token::Text(found) = parser.token().clone() else { return parser.unexpected("", "string") };
    parser.advance();
    parser.end()?;
    Ok(found)
}

/// How deep expressions may be nested; deeper ones would use up the stack.
const MAX_DEPTH: usize = 300;

/// The tokens with a place in them.
struct Parser {
    tokens: Vec<(token::Token, Place)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn new(query: &str) -> Result<Self, ParseError> {
        Ok(Self { tokens: token::tokens(query)?, at: 0, depth: 0 })
    }

    fn token(&self) -> &token::Token {
        self.tokens.get(self.at).map_or(&token::Token::End, |it| &it.0)
    }

    fn after(&self, count: usize) -> &token::Token {
        self.tokens.get(self.at + count).map_or(&token::Token::End, |it| &it.0)
    }

    fn place(&self) -> Place {
        self.tokens.get(self.at).or(self.tokens.last()).map(|it| it.1).unwrap_or_default()
    }

    /// The end of the token before this one.
    fn last_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|it| self.tokens.get(it)).map_or(0, |it| it.1.end)
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.token(), token::Token::Sign(it) if *it == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.token(), token::Token::Word(it) if it.eq_ignore_ascii_case(word))
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is = self.is_sign(sign);
        self.at += usize::from(is);
        is
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn expect_sign(&mut self, sign: &str, context: &str) -> Result<(), ParseError> {
        match self.take_sign(sign) {
            true => Ok(()),
            false => self.unexpected(context, &format!("{sign:?}")),
        }
    }

    fn unexpected<T>(&self, context: &str, expected: &str) -> Result<T, ParseError> {
        if matches!(self.token(), token::Token::End) && self.open_parens() > 0 {
            return Err(ParseError::new(self.place(), "unclosed left parenthesis"));
        }
        if self.is_sign(")") && self.open_parens() == 0 {
            return Err(ParseError::new(self.place(), "unexpected right parenthesis ')'"));
        }
        let mut text = format!("unexpected {}", self.token());
        if !context.is_empty() {
            text.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            text.push_str(&format!(", expected {expected}"));
        }
        Err(ParseError::new(self.place(), text))
    }

    /// Parentheses before this token that are not closed before it.
    fn open_parens(&self) -> usize {
        let before = self.tokens.iter().take(self.at).map(|it| &it.0);
        before.fold(0, |open: usize, it| match it {
            token::Token::Sign("(") => open + 1,
            token::Token::Sign(")") => open.saturating_sub(1),
            _ => open,
        })
    }

    fn end(&self) -> Result<(), ParseError> {
        match self.token() {
            token::Token::End => Ok(()),
            _ => self.unexpected("", ""),
        }
    }

    /// Fails if so many levels more are too many.
    fn check_depth(&self, more: usize) -> Result<(), ParseError> {
        match self.depth + more > MAX_DEPTH {
            true => Err(ParseError::new(self.place(), format!("expression is nested more than {MAX_DEPTH} deep"))),
            false => Ok(()),
        }
    }

    /// Goes one level deeper.
    fn nested<T>(&mut self, what: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        self.check_depth(1)?;
        self.depth += 1;
        let found = what(self);
        self.depth -= 1;
        found
    }
}
