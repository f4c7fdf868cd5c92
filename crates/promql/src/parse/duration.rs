//! How long is it? Lengths of time in brackets and behind `offset`, with their arithmetic.

use super::token::Token;
use super::{ParseError, Parser};
use crate::ast::{DurationExpr, Length, Operator};

impl Parser {
    /// What stands in brackets: a duration, a number of seconds, or arithmetic on them.
    pub(super) fn length(&mut self, context: &str) -> Result<Length, ParseError> {
        let place = self.place();
        let expr = self.duration_sum(0, context)?;
        self.fixed(expr, place)
    }

    /// What stands behind `offset`: arithmetic needs parentheses there.
    pub(super) fn offset_length(&mut self) -> Result<Length, ParseError> {
        let place = self.place();
        let expr = self.duration_signed(false, "offset")?;
        self.fixed(expr, place)
    }

    fn fixed(&self, expr: DurationExpr, place: crate::ast::Place) -> Result<Length, ParseError> {
        match plain(&expr) {
            Some(seconds) => match crate::length::millis(seconds) {
                Some(millis) => Ok(Length::Millis(millis)),
                None => Err(ParseError::new(place, "duration out of range")),
            },
            None => Ok(Length::Computed(Box::new(expr))),
        }
    }

    fn duration_sum(&mut self, least: u8, context: &str) -> Result<DurationExpr, ParseError> {
        let mut left = self.duration_signed(true, context)?;
        for chained in 1.. {
            self.check_depth(chained)?;
            let operator = match self.token() {
                Token::Sign("+") => Operator::Add,
                Token::Sign("-") => Operator::Sub,
                Token::Sign("*") => Operator::Mul,
                Token::Sign("/") => Operator::Div,
                Token::Sign("%") => Operator::Mod,
                Token::Sign("^") => Operator::Pow,
                _ => return Ok(left),
            };
            let precedence = operator.precedence();
            if precedence < least {
                return Ok(left);
            }
            self.advance();
            let next = if operator == Operator::Pow { precedence } else { precedence + 1 };
            let right = self.nested(|it| it.duration_sum(next, context))?;
            left = DurationExpr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// An operand with its signs, which bind less tightly than a power where a power may follow.
    fn duration_signed(&mut self, takes_power: bool, context: &str) -> Result<DurationExpr, ParseError> {
        let is_negative = self.is_sign("-");
        if !is_negative && !self.is_sign("+") {
            return self.duration_operand(context);
        }
        self.advance();
        let inner = self.nested(|it| match takes_power {
            true => it.duration_sum(Operator::Pow.precedence(), context),
            false => it.duration_signed(false, context),
        })?;
        Ok(match inner {
            DurationExpr::Number(it) if is_negative => DurationExpr::Number(-it),
            other if is_negative => DurationExpr::Negate(Box::new(other)),
            other => other,
        })
    }

    fn duration_operand(&mut self, context: &str) -> Result<DurationExpr, ParseError> {
        if self.take_sign("(") {
            let inner = self.nested(|it| it.duration_sum(0, context))?;
            self.expect_sign(")", context)?;
            return Ok(inner);
        }
        match self.token().clone() {
            Token::Number(value) | Token::Duration(value) => {
                self.advance();
                Ok(DurationExpr::Number(value))
            }
            Token::Word(word) => self.duration_call(&word, context),
            _ => self.unexpected(context, "number, duration, step(), or range()"),
        }
    }

    fn duration_call(&mut self, word: &str, context: &str) -> Result<DurationExpr, ParseError> {
        let name = word.to_ascii_lowercase();
        if !["step", "range", "min_of", "max_of"].contains(&name.as_str()) {
            return self.unexpected(context, "number, duration, step(), or range()");
        }
        self.advance();
        self.expect_sign("(", context)?;
        if name == "step" || name == "range" {
            self.expect_sign(")", context)?;
            return Ok(if name == "step" { DurationExpr::Step } else { DurationExpr::Range });
        }
        let left = Box::new(self.nested(|it| it.duration_sum(0, context))?);
        self.expect_sign(",", context)?;
        let right = Box::new(self.nested(|it| it.duration_sum(0, context))?);
        self.expect_sign(")", context)?;
        Ok(if name == "min_of" { DurationExpr::Least(left, right) } else { DurationExpr::Most(left, right) })
    }
}

fn plain(expr: &DurationExpr) -> Option<f64> {
    match expr {
        DurationExpr::Number(seconds) => Some(*seconds),
        _ => None,
    }
}
