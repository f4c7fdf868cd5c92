//! How are the words of an action understood? As pipelines of calls.

use super::functions::Function;
use super::lexer::{Token, Word};
use super::syntax::{Call, Operand, Pipeline, Root};
use super::value::Value;
use super::{Failure, MAX_DEPTH, PRELUDE};

/// Reads the words of one action.
pub struct Words<'a> {
    tokens: &'a [Token],
    /// Bytes before the action.
    at: usize,
    /// Variables that are known here.
    pub variables: &'a [String],
    /// True if `.` is what the template may speak of.
    pub is_outside: bool,
}

impl<'a> Words<'a> {
    pub fn new(tokens: &'a [Token], at: usize, variables: &'a [String]) -> Self {
        Self { tokens, at, variables, is_outside: false }
    }

    pub fn at(&self) -> usize {
        self.tokens.first().map_or(self.at, |it| it.at)
    }

    pub fn fail<T>(&self, text: impl Into<String>) -> Result<T, Failure> {
        Err(Failure { at: self.at(), text: text.into() })
    }

    pub fn peek(&self) -> Option<&'a Word> {
        self.tokens.first().map(|it| &it.word)
    }

    pub fn next(&mut self) -> Option<&'a Word> {
        let (first, rest) = self.tokens.split_first()?;
        (self.tokens, self.at) = (rest, first.at);
        Some(&first.word)
    }

    /// Takes a name if it is the next word.
    pub fn takes(&mut self, name: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Word::Name(it)) if it == name);
        if is_next {
            self.next();
        }
        is_next
    }

    /// A text, as the name of a template.
    pub fn text(&mut self) -> Result<String, Failure> {
        match self.peek() {
            Some(Word::Constant(Value::Text(it))) => {
                self.next();
                Ok(it.as_ref().to_owned())
            }
            _ => self.fail("the name of a template in quotes expected"),
        }
    }

    pub fn end(&self) -> Result<(), Failure> {
        if self.tokens.is_empty() { Ok(()) } else { self.fail("`}}` expected") }
    }

    /// The whole rest of the action; `range` may have two variables.
    pub fn pipeline(&mut self, max_variables: usize) -> Result<Pipeline, Failure> {
        let (variables, assigns) = self.declared(max_variables)?;
        let calls = self.calls(0)?;
        self.end()?;
        Ok(Pipeline { variables, assigns, calls })
    }

    /// `$x :=`, `$x =` or `$i, $x :=`.
    fn declared(&mut self, max: usize) -> Result<(Vec<String>, bool), Failure> {
        let words: Vec<&Word> = self.tokens.iter().map(|it| &it.word).take(4).collect();
        let (names, sign) = match words.as_slice() {
            [Word::Variable(a), sign @ (Word::Declare | Word::Assign), ..] => (vec![a], sign),
            [Word::Variable(a), Word::Comma, Word::Variable(b), sign @ (Word::Declare | Word::Assign)] => {
                (vec![a, b], sign)
            }
            _ => return Ok((vec![], false)),
        };
        if names.len() > max {
            return self.fail("only `range` has two variables");
        }
        let assigns = **sign == Word::Assign;
        for name in &names {
            if assigns {
                self.check_known(name)?;
            } else if name.len() < 2 {
                return self.fail("a name expected behind `$`");
            }
            self.next();
            self.next();
        }
        Ok((names.into_iter().cloned().collect(), assigns))
    }

    fn check_known(&self, name: &String) -> Result<(), Failure> {
        if self.variables.contains(name) {
            return Ok(());
        }
        let known: Vec<&str> = self.variables.iter().map(String::as_str).collect();
        self.fail(format!("{name} is not known here; {} are", known.join(", ")))
    }

    fn calls(&mut self, depth: usize) -> Result<Vec<Call>, Failure> {
        if depth > MAX_DEPTH {
            return self.fail(format!("more than {MAX_DEPTH} parentheses within one another"));
        }
        let mut calls = vec![];
        loop {
            let at = self.at();
            let call = self.call(depth)?;
            let is_piped = !calls.is_empty();
            match &call.callee.root {
                Root::Function(it) => {
                    it.check(call.arguments.len() + usize::from(is_piped)).map_err(|text| Failure { at, text })?
                }
                _ if is_piped => return Err(Failure { at, text: "a function expected behind `|`".to_owned() }),
                _ if !call.arguments.is_empty() && call.callee.fields.is_empty() => {
                    return Err(Failure { at, text: "only functions have arguments".to_owned() });
                }
                _ => {}
            }
            calls.push(call);
            if self.peek() != Some(&Word::Pipe) {
                return Ok(calls);
            }
            self.next();
        }
    }

    fn call(&mut self, depth: usize) -> Result<Call, Failure> {
        let callee = self.operand(depth)?;
        let mut arguments = vec![];
        while !matches!(self.peek(), None | Some(Word::Pipe | Word::Close)) {
            if !self.tokens.first().is_some_and(|it| it.is_apart) {
                return self.fail("a space expected before this");
            }
            arguments.push(self.operand(depth)?);
        }
        Ok(Call { callee, arguments })
    }

    fn operand(&mut self, depth: usize) -> Result<Operand, Failure> {
        let at = self.at();
        let mut fields = vec![];
        let root = match self.peek() {
            Some(Word::Dot) => Root::Dot,
            Some(Word::Field(name)) => {
                if self.is_outside && !PRELUDE.iter().any(|it| it.1 == name) {
                    let known = PRELUDE.map(|it| format!(".{}", it.1)).join(", ");
                    return self.fail(format!(".{name} is not known here; {known} are"));
                }
                fields.push(name.clone());
                Root::Dot
            }
            Some(Word::Variable(name)) => {
                self.check_known(name)?;
                Root::Variable(name.clone())
            }
            Some(Word::Constant(it)) => Root::Constant(it.clone()),
            Some(Word::Name(name)) => Root::Function(Function::named(name).or_else(|text| self.fail(text))?),
            Some(Word::Open) => {
                self.next();
                let calls = self.calls(depth + 1)?;
                if self.peek() != Some(&Word::Close) {
                    return self.fail("`)` expected");
                }
                Root::Nested(Box::new(Pipeline { variables: vec![], assigns: false, calls }))
            }
            _ => return self.fail("a value or a function expected"),
        };
        self.next();
        while let [Token { word: Word::Field(name), is_apart: false, .. }, ..] = self.tokens {
            fields.push(name.clone());
            self.next();
        }
        if matches!(root, Root::Constant(_)) && !fields.is_empty() {
            return Err(Failure { at, text: "only structs, maps and times have fields".to_owned() });
        }
        Ok(Operand { root, fields, at })
    }
}
