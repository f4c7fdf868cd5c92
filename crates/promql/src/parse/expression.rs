//! How do operators, calls and aggregations bind? Precedence climbing over the tokens.

use super::token::Token;
use super::{ParseError, Parser};
use crate::ast::{Aggregate, Aggregator, Binary, Cardinality, Expr, Kind, Matching, Operator, Place, Type};
use crate::functions::Function;

/// What binds tighter than any unary sign.
const TIGHTER_THAN_SIGN: u8 = 6;

impl Parser {
    /// A whole expression.
    pub(super) fn expression(&mut self) -> Result<Expr, ParseError> {
        self.binary(0)
    }

    /// Operators of at least this precedence.
    fn binary(&mut self, least: u8) -> Result<Expr, ParseError> {
        self.nested(|parser| {
            let mut left = parser.unary()?;
            let mut chained = 0;
            while let Some(operator) = parser.operator() {
                let precedence = operator.precedence();
                if precedence < least {
                    break;
                }
                // Each operator makes the tree one deeper to the left.
                chained += 1;
                parser.check_depth(chained)?;
                parser.advance();
                let (matching, returns_bool) = parser.modifiers(operator)?;
                // Only the power associates to the right.
                let next = if operator == Operator::Pow { precedence } else { precedence + 1 };
                let right = parser.binary(next)?;
                let place = Place { start: left.place.start, end: right.place.end };
                let binary = Binary { operator, left, right, matching, returns_bool };
                left = Expr { place, kind: Kind::Binary(Box::new(binary)) };
            }
            Ok(left)
        })
    }

    fn operator(&self) -> Option<Operator> {
        let found = match self.token() {
            Token::Sign("+") => Operator::Add,
            Token::Sign("-") => Operator::Sub,
            Token::Sign("*") => Operator::Mul,
            Token::Sign("/") => Operator::Div,
            Token::Sign("%") => Operator::Mod,
            Token::Sign("^") => Operator::Pow,
            Token::Sign("==") => Operator::Equal,
            Token::Sign("!=") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessEqual,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::GreaterEqual,
            Token::Sign("</") => Operator::TrimUpper,
            Token::Sign(">/") => Operator::TrimLower,
            Token::Word(_) if self.is_word("and") => Operator::And,
            Token::Word(_) if self.is_word("or") => Operator::Or,
            Token::Word(_) if self.is_word("unless") => Operator::Unless,
            Token::Word(_) if self.is_word("atan2") => Operator::Atan2,
            _ => return None,
        };
        Some(found)
    }

    /// `bool`, `on(..)`, `group_left(..)`, `fill(..)` behind an operator.
    fn modifiers(&mut self, operator: Operator) -> Result<(Matching, bool), ParseError> {
        let returns_bool = self.take_word("bool");
        let mut matching = Matching::default();
        if operator.is_set() {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let is_on = self.is_word("on");
        if (is_on || self.is_word("ignoring")) && *self.after(1) == Token::Sign("(") {
            self.advance();
            matching.is_on = is_on;
            matching.labels = self.label_names("grouping opts")?;
            self.group_side(&mut matching)?;
        }
        self.fills(&mut matching)?;
        Ok((matching, returns_bool))
    }

    fn group_side(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        let cardinality = match () {
            () if self.take_word("group_left") => Cardinality::ManyToOne,
            () if self.take_word("group_right") => Cardinality::OneToMany,
            () => return Ok(()),
        };
        if matching.cardinality == Cardinality::ManyToMany {
            return Err(ParseError::new(self.place(), "no grouping allowed for set operation"));
        }
        matching.cardinality = cardinality;
        // A parenthesis here is always the list of labels, as in Prometheus' grammar.
        if self.is_sign("(") {
            matching.include = self.label_names("grouping opts")?;
        }
        Ok(())
    }

    fn fills(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        loop {
            let (left, right) = match () {
                () if *self.after(1) != Token::Sign("(") => return Ok(()),
                () if self.is_word("fill") => (true, true),
                () if self.is_word("fill_left") => (true, false),
                () if self.is_word("fill_right") => (false, true),
                () => return Ok(()),
            };
            self.advance();
            self.expect_sign("(", "fill modifier")?;
            let value = self.signed_number("fill modifier")?;
            self.expect_sign(")", "fill modifier")?;
            let is_repeated = (left && matching.fill_left.is_some()) || (right && matching.fill_right.is_some());
            if is_repeated {
                return Err(ParseError::new(self.place(), "fill modifier given twice for the same side"));
            }
            matching.fill_left = if left { Some(value) } else { matching.fill_left };
            matching.fill_right = if right { Some(value) } else { matching.fill_right };
        }
    }

    /// A number with signs in front of it; durations are seconds.
    pub(super) fn signed_number(&mut self, context: &str) -> Result<f64, ParseError> {
        let is_negative = self.take_sign("-");
        if !is_negative {
            self.take_sign("+");
        }
        let (Token::Number(value) | Token::Duration(value)) = *self.token() else {
            return self.unexpected(context, "number");
        };
        self.advance();
        Ok(if is_negative { -value } else { value })
    }

    fn unary(&mut self) -> Result<Expr, ParseError> {
        let start = self.place().start;
        let is_negative = self.is_sign("-");
        if !is_negative && !self.is_sign("+") {
            let primary = self.primary()?;
            return self.postfix(primary);
        }
        self.advance();
        let inner = self.nested(|it| it.binary(TIGHTER_THAN_SIGN))?;
        let place = Place { start, end: inner.place.end };
        let kind = match (inner.kind, is_negative) {
            (Kind::Number(value), true) => Kind::Number(-value),
            (Kind::Number(value), false) => Kind::Number(value),
            (kind, true) => Kind::Negate(Box::new(Expr { place: inner.place, kind })),
            (kind, false) => Kind::Plus(Box::new(Expr { place: inner.place, kind })),
        };
        Ok(Expr { place, kind })
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        let place = self.place();
        let kind = match self.token().clone() {
            Token::Number(value) | Token::Duration(value) => {
                self.advance();
                Kind::Number(value)
            }
            Token::Text(text) => {
                self.advance();
                Kind::Text(text)
            }
            Token::Sign("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect_sign(")", "parenthesis expression")?;
                Kind::Paren(Box::new(inner))
            }
            Token::Sign("{") => Kind::Vector(self.selector(None)?),
            Token::Word(word) => self.word(&word)?,
            _ => return self.unexpected("", ""),
        };
        Ok(Expr { place: Place { start: place.start, end: self.last_end() }, kind })
    }

    fn word(&mut self, word: &str) -> Result<Kind, ParseError> {
        let next_is_paren = *self.after(1) == Token::Sign("(");
        let is_grouped = matches!(self.after(1), Token::Word(it)
            if it.eq_ignore_ascii_case("by") || it.eq_ignore_ascii_case("without"));
        if let Some(operator) = Aggregator::by_name(word)
            && (next_is_paren || (is_grouped && *self.after(2) == Token::Sign("(")))
        {
            return self.aggregate(operator);
        }
        if next_is_paren {
            return self.call(word);
        }
        self.advance();
        Ok(Kind::Vector(self.selector(Some(word.to_owned()))?))
    }

    fn call(&mut self, name: &str) -> Result<Kind, ParseError> {
        let place = self.place();
        let Some(function) = Function::by_name(name).or_else(|| special(name)) else {
            return Err(ParseError::new(place, format!("unknown function with name {name:?}")));
        };
        self.advance();
        Ok(Kind::Call { function, args: self.arguments()? })
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.expect_sign("(", "function call")?;
        let mut args = Vec::new();
        if self.take_sign(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if self.take_sign(")") {
                return Ok(args);
            }
            self.expect_sign(",", "function call")?;
        }
    }

    fn aggregate(&mut self, operator: Aggregator) -> Result<Kind, ParseError> {
        let place = self.place();
        self.advance();
        let mut grouping = self.grouping()?;
        let mut args = self.arguments()?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let place = Place { start: place.start, end: self.last_end() };
        let wanted = 1 + usize::from(operator.has_parameter());
        if args.is_empty() {
            return Err(ParseError::new(place, "no arguments for aggregate expression provided"));
        }
        if args.len() != wanted {
            let text = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                args.len()
            );
            return Err(ParseError::new(place, text));
        }
        let expr =
            args.pop().ok_or_else(|| ParseError::new(place, "no arguments for aggregate expression provided"))?;
        let parameter = args.pop();
        let (is_without, grouping) = grouping.unwrap_or_default();
        Ok(Kind::Aggregate(Box::new(Aggregate { operator, expr, parameter, grouping, is_without })))
    }

    fn grouping(&mut self) -> Result<Option<(bool, Vec<String>)>, ParseError> {
        let is_without = match () {
            () if self.is_word("by") => false,
            () if self.is_word("without") => true,
            () => return Ok(None),
        };
        self.advance();
        Ok(Some((is_without, self.label_names("grouping opts")?)))
    }

    /// `(a, b, "c d")`.
    fn label_names(&mut self, context: &str) -> Result<Vec<String>, ParseError> {
        self.expect_sign("(", context)?;
        let mut names = Vec::new();
        while !self.take_sign(")") {
            let place = self.place();
            let name = match self.token().clone() {
                Token::Word(name) if !name.contains(':') => name,
                Token::Number(value) if value.is_nan() => "nan".to_owned(),
                Token::Number(value) if value.is_infinite() => "inf".to_owned(),
                Token::Text(name) if super::escape::is_label_name(&name) => name,
                Token::Text(name) => return Err(ParseError::new(place, format!("invalid label name: {name:?}"))),
                _ => return self.unexpected(context, "label"),
            };
            self.advance();
            names.push(name);
            if !self.take_sign(",") && !self.is_sign(")") {
                return self.unexpected(context, "\",\" or \")\"");
            }
        }
        Ok(names)
    }
}

/// Names in another case than that of the function, which Prometheus accepts for words that are keywords.
fn special(name: &str) -> Option<&'static Function> {
    let lower = name.to_ascii_lowercase();
    ["start", "end", "step", "range"].contains(&lower.as_str()).then(|| Function::by_name(&lower)).flatten()
}

/// The types that sides of a binary operator may have.
pub(super) fn is_operand(value_type: Type) -> bool {
    matches!(value_type, Type::Scalar | Type::Vector)
}
