//! How are the actions of a template understood? As blocks that end with `end`, and values between them.

use std::sync::Arc;

use super::expression::Words;
use super::lexer::{Piece, Token, Word, pieces};
use super::syntax::{Branch, Named, Node, Nodes, Pipeline};
use super::{Failure, MAX_DEPTH, PRELUDE};

/// What a template says, and the templates that it defines.
pub fn parse(text: &str) -> Result<(Nodes, Named), Failure> {
    let variables = ["$"].into_iter().chain(PRELUDE.map(|it| it.0)).map(str::to_owned).collect();
    let mut parser = Parser {
        pieces: pieces(text)?.into_iter(),
        named: Named::new(),
        asked: vec![],
        variables,
        n_loops: 0,
        n_dots: 0,
        depth: 0,
        end: text.len(),
    };
    let (nodes, end) = parser.nodes()?;
    if let Some(end) = end {
        return Err(Failure { at: end.at, text: "no block is open here".to_owned() });
    }
    for (name, at) in parser.asked {
        if !parser.named.contains_key(&name) {
            let known: Vec<String> = parser.named.keys().map(|it| format!("{it:?}")).collect();
            let text = format!("template {name:?} is not defined; known are: {}", known.join(", "));
            return Err(Failure { at, text });
        }
    }
    Ok((nodes, parser.named))
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    named: Named,
    /// Templates that are put in.
    asked: Vec<(String, usize)>,
    variables: Vec<String>,
    n_loops: usize,
    /// Blocks around this place that give another meaning to `.`.
    n_dots: usize,
    depth: usize,
    /// Bytes of the text.
    end: usize,
}

/// What has ended a block: `end`, or `else` with its words.
struct End {
    otherwise: Option<Vec<Token>>,
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    If,
    With,
    Range,
}

impl Parser {
    /// Up to the end of the block, which is told, or of the text.
    fn nodes(&mut self) -> Result<(Nodes, Option<End>), Failure> {
        let mut nodes = vec![];
        while let Some(piece) = self.pieces.next() {
            let (tokens, at) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens, at) => (tokens, at),
            };
            let keyword = tokens.first().and_then(|it| match &it.word {
                Word::Name(name) => Some(name.as_str()),
                _ => None,
            });
            let rest = tokens.get(1..).unwrap_or(&[]);
            match keyword.unwrap_or("") {
                "end" => {
                    Words::new(rest, at, &[]).end()?;
                    return Ok((nodes, Some(End { otherwise: None, at })));
                }
                "else" => return Ok((nodes, Some(End { otherwise: Some(rest.to_vec()), at }))),
                "if" => nodes.push(self.branch(Kind::If, rest, at)?),
                "with" => nodes.push(self.branch(Kind::With, rest, at)?),
                "range" => nodes.push(self.branch(Kind::Range, rest, at)?),
                "define" => self.define(rest, at)?,
                "template" => nodes.push(self.template(rest, at)?),
                "block" => nodes.push(self.block(rest, at)?),
                word @ ("break" | "continue") => nodes.push(self.jump(word, rest, at)?),
                _ => nodes.push(Node::Value(self.pipeline(&tokens, at, 1)?)),
            }
        }
        Ok((nodes, None))
    }

    fn pipeline(&mut self, tokens: &[Token], at: usize, max_variables: usize) -> Result<Pipeline, Failure> {
        let pipeline = self.words(tokens, at).pipeline(max_variables)?;
        if !pipeline.assigns {
            self.variables.extend(pipeline.variables.iter().cloned());
        }
        Ok(pipeline)
    }

    fn words<'a>(&'a self, tokens: &'a [Token], at: usize) -> Words<'a> {
        let mut words = Words::new(tokens, at, &self.variables);
        words.is_outside = self.n_dots == 0;
        words
    }

    fn branch(&mut self, kind: Kind, tokens: &[Token], at: usize) -> Result<Node, Failure> {
        let n_variables = self.variables.len();
        let pipeline = self.pipeline(tokens, at, if kind == Kind::Range { 2 } else { 1 })?;
        let n_inner = self.variables.len();
        self.n_loops += usize::from(kind == Kind::Range);
        self.n_dots += usize::from(kind != Kind::If);
        let (then, end) = self.inner(at)?;
        self.n_dots -= usize::from(kind != Kind::If);
        self.n_loops -= usize::from(kind == Kind::Range);
        self.variables.truncate(n_inner);
        let otherwise = match end.otherwise {
            None => vec![],
            Some(tokens) => self.otherwise(kind, &tokens, end.at)?,
        };
        self.variables.truncate(n_variables);
        let branch = Branch { pipeline, then, otherwise };
        Ok(match kind {
            Kind::If => Node::If(branch),
            Kind::With => Node::With(branch),
            Kind::Range => Node::Range(branch),
        })
    }

    /// What stands behind `else`; `else if` shares the `end` of its `if`.
    fn otherwise(&mut self, kind: Kind, tokens: &[Token], at: usize) -> Result<Nodes, Failure> {
        let mut words = Words::new(tokens, at, &[]);
        let (word, rest) = if kind == Kind::With { ("with", tokens.get(1..)) } else { ("if", tokens.get(1..)) };
        if kind != Kind::Range && words.takes(word) {
            self.deeper(at)?;
            let inner = self.branch(kind, rest.unwrap_or(&[]), at)?;
            self.depth -= 1;
            return Ok(vec![inner]);
        }
        words.end()?;
        let (nodes, end) = self.inner(at)?;
        if end.otherwise.is_some() {
            return Err(Failure { at: end.at, text: "`end` expected: this block has an `else` already".to_owned() });
        }
        Ok(nodes)
    }

    /// A block up to its end.
    fn inner(&mut self, at: usize) -> Result<(Nodes, End), Failure> {
        self.deeper(at)?;
        let (nodes, end) = self.nodes()?;
        self.depth -= 1;
        let end =
            end.ok_or_else(|| Failure { at: self.end, text: "`{{ end }}` expected before the end".to_owned() })?;
        Ok((nodes, end))
    }

    fn deeper(&mut self, at: usize) -> Result<(), Failure> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Failure { at, text: format!("more than {MAX_DEPTH} blocks within one another") });
        }
        Ok(())
    }

    fn define(&mut self, tokens: &[Token], at: usize) -> Result<(), Failure> {
        if self.depth > 0 {
            return Err(Failure { at, text: "`define` must not stand within a block".to_owned() });
        }
        let mut words = Words::new(tokens, at, &[]);
        let name = words.text()?;
        words.end()?;
        self.body(name, at)
    }

    /// The body of a template that has a name; it knows only `$`, which is its data.
    fn body(&mut self, name: String, at: usize) -> Result<(), Failure> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let n_loops = std::mem::take(&mut self.n_loops);
        self.n_dots += 1;
        let (nodes, end) = self.inner(at)?;
        self.n_dots -= 1;
        (self.variables, self.n_loops) = (variables, n_loops);
        if end.otherwise.is_some() {
            return Err(Failure { at: end.at, text: "`end` expected: a template has no `else`".to_owned() });
        }
        if self.named.insert(name.clone(), Arc::new(nodes)).is_some() {
            return Err(Failure { at, text: format!("template {name:?} is defined already") });
        }
        Ok(())
    }

    fn template(&mut self, tokens: &[Token], at: usize) -> Result<Node, Failure> {
        let mut words = self.words(tokens, at);
        let name = words.text()?;
        let data = if words.peek().is_some() { Some(words.pipeline(0)?) } else { None };
        self.asked.push((name.clone(), at));
        Ok(Node::Template { name, data, at })
    }

    /// A template that is defined where it is put in.
    fn block(&mut self, tokens: &[Token], at: usize) -> Result<Node, Failure> {
        let mut words = self.words(tokens, at);
        let name = words.text()?;
        let data = Some(words.pipeline(0)?);
        self.body(name.clone(), at)?;
        Ok(Node::Template { name, data, at })
    }

    fn jump(&self, word: &str, rest: &[Token], at: usize) -> Result<Node, Failure> {
        Words::new(rest, at, &[]).end()?;
        if self.n_loops == 0 {
            return Err(Failure { at, text: format!("`{word}` outside `range`") });
        }
        Ok(if word == "break" { Node::Break } else { Node::Continue })
    }
}
