//! Which series does a selector mean, and when? Braces, ranges, `offset`, `@`, `anchored` and `smoothed`.

use super::token::Token;
use super::{ParseError, Parser};
use crate::ast::{At, Boundary, Expr, Kind, Length, Place, Selector, Subquery};
use crate::matcher::{MatchOp, Matcher};

/// The label that carries the name.
const NAME: &str = "__name__";

impl Parser {
    /// What is in braces, after the name in front of them if there is one.
    pub(super) fn selector(&mut self, name: Option<String>) -> Result<Selector, ParseError> {
        let start = if name.is_some() {
            self.tokens.get(self.at.saturating_sub(1)).map_or(0, |it| it.1.start)
        } else {
            self.place().start
        };
        let mut selector = Selector {
            name: name.clone(),
            matchers: Vec::new(),
            offset: Length::Millis(0),
            at: None,
            boundary: Boundary::Plain,
            place: Place { start, end: self.last_end() },
        };
        if self.take_sign("{") {
            self.matchers(&mut selector)?;
        }
        selector.place.end = self.last_end();
        if let Some(name) = &name {
            selector.matchers.push(Matcher::equal(NAME, name));
        }
        Ok(selector)
    }

    fn matchers(&mut self, selector: &mut Selector) -> Result<(), ParseError> {
        while !self.take_sign("}") {
            let matcher = self.matcher(selector)?;
            selector.matchers.push(matcher);
            if !self.take_sign(",") && !self.is_sign("}") {
                return self.unexpected("label matching", "\",\" or \"}\"");
            }
        }
        Ok(())
    }

    fn matcher(&mut self, selector: &mut Selector) -> Result<Matcher, ParseError> {
        let place = self.place();
        let (name, is_quoted) = match self.token().clone() {
            Token::Word(name) => (name, false),
            Token::Text(name) => (name, true),
            _ => return self.unexpected("label matching", "identifier or \"}\""),
        };
        self.advance();
        let op = match self.token() {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Regex,
            Token::Sign("!~") => MatchOp::NotRegex,
            _ if is_quoted => return quoted_name(selector, name, place),
            _ => return self.unexpected("label matching", "label matching operator"),
        };
        self.advance();
        let Token::Text(value) = self.token().clone() else {
            return self.unexpected("label matching", "string");
        };
        self.advance();
        Matcher::new(&name, op, &value).map_err(|problem| ParseError::new(place, problem))
    }

    /// What may stand behind an expression.
    pub(super) fn postfix(&mut self, mut expr: Expr) -> Result<Expr, ParseError> {
        loop {
            expr = match () {
                () if self.is_sign("[") => self.range(expr)?,
                () if self.is_word("offset") => self.offset(expr)?,
                () if self.is_sign("@") => self.at_time(expr)?,
                () if self.is_word("anchored") => self.boundary(expr, Boundary::Anchored)?,
                () if self.is_word("smoothed") => self.boundary(expr, Boundary::Smoothed)?,
                () => return Ok(expr),
            };
            expr.place.end = self.last_end();
        }
    }

    fn range(&mut self, expr: Expr) -> Result<Expr, ParseError> {
        let bracket = self.place();
        self.advance();
        let range = self.length("range or subquery selector")?;
        if let Length::Millis(..=0) = range {
            return Err(ParseError::new(bracket, "duration must be greater than 0"));
        }
        let place = expr.place;
        if self.take_sign(":") {
            let step = if self.is_sign("]") { None } else { Some(self.length("subquery selector")?) };
            if let Some(Length::Millis(..=0)) = step {
                return Err(ParseError::new(bracket, "duration must be greater than 0"));
            }
            self.expect_sign("]", "subquery selector")?;
            let subquery = Subquery { expr, range, step, offset: Length::Millis(0), at: None };
            return Ok(Expr { place, kind: Kind::Subquery(Box::new(subquery)) });
        }
        self.expect_sign("]", "range selector")?;
        let Kind::Vector(selector) = expr.kind else {
            return Err(ParseError::new(bracket, "ranges only allowed for vector selectors"));
        };
        if selector.offset != Length::Millis(0) {
            return Err(ParseError::new(bracket, "no offset modifiers allowed before range"));
        }
        if selector.at.is_some() {
            return Err(ParseError::new(bracket, "no @ modifiers allowed before range"));
        }
        Ok(Expr { place, kind: Kind::Matrix { selector, range } })
    }

    fn offset(&mut self, mut expr: Expr) -> Result<Expr, ParseError> {
        let place = self.place();
        self.advance();
        let length = self.offset_length()?;
        let offset = match &mut expr.kind {
            Kind::Vector(selector) | Kind::Matrix { selector, .. } => &mut selector.offset,
            Kind::Subquery(subquery) => &mut subquery.offset,
            _ => {
                let text = "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
                return Err(ParseError::new(place, text));
            }
        };
        if *offset != Length::Millis(0) {
            return Err(ParseError::new(place, "offset may not be set multiple times"));
        }
        *offset = length;
        Ok(expr)
    }

    fn at_time(&mut self, mut expr: Expr) -> Result<Expr, ParseError> {
        let place = self.place();
        self.advance();
        let time = self.time()?;
        let at = match &mut expr.kind {
            Kind::Vector(selector) | Kind::Matrix { selector, .. } => &mut selector.at,
            Kind::Subquery(subquery) => &mut subquery.at,
            _ => {
                let text =
                    "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
                return Err(ParseError::new(place, text));
            }
        };
        if at.is_some() {
            return Err(ParseError::new(place, "@ <timestamp> may not be set multiple times"));
        }
        *at = Some(time);
        Ok(expr)
    }

    fn time(&mut self) -> Result<At, ParseError> {
        let is_call = *self.after(1) == Token::Sign("(");
        if is_call && (self.is_word("start") || self.is_word("end")) {
            let at = if self.is_word("start") { At::Start } else { At::End };
            self.advance();
            self.expect_sign("(", "@")?;
            self.expect_sign(")", "@")?;
            return Ok(at);
        }
        let place = self.place();
        let seconds = self.signed_number("@")?;
        let millis = (seconds * 1000.0).round();
        // 2^63 is not a number of milliseconds, and neither is what lies beyond.
        if !millis.is_finite() || millis.abs() >= i64::MAX as f64 {
            return Err(ParseError::new(place, format!("timestamp out of bounds for @ modifier: {seconds}")));
        }
        Ok(At::Millis(millis as i64))
    }

    fn boundary(&mut self, mut expr: Expr, boundary: Boundary) -> Result<Expr, ParseError> {
        let place = self.place();
        self.advance();
        let selector = match &mut expr.kind {
            Kind::Vector(selector) if boundary == Boundary::Smoothed => selector,
            Kind::Matrix { selector, .. } => selector,
            Kind::Subquery(_) => {
                let text = "anchored and smoothed modifiers are not supported for subqueries";
                return Err(ParseError::new(place, text));
            }
            _ => {
                let text = match boundary {
                    Boundary::Anchored => "anchored modifier must be preceded by a range selector",
                    _ => "smoothed modifier must be preceded by an instant vector selector or range vector selector",
                };
                return Err(ParseError::new(place, text));
            }
        };
        if selector.boundary != Boundary::Plain {
            return Err(ParseError::new(place, "anchored and smoothed modifiers cannot be used together"));
        }
        selector.boundary = boundary;
        Ok(expr)
    }
}

/// A quoted string without operator in braces is the metric's name.
fn quoted_name(selector: &mut Selector, name: String, place: Place) -> Result<Matcher, ParseError> {
    if let Some(first) = &selector.name {
        let text = format!("metric name must not be set twice: {first:?} or {name:?}");
        return Err(ParseError::new(place, text));
    }
    let matcher = Matcher::equal(NAME, &name);
    selector.name = Some(name);
    Ok(matcher)
}
