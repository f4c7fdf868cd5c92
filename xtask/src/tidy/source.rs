//! What is code, what is a comment, what is a test? A file seen as the rules need it, without a full parser.

/// A text file, and for Rust files what a rule may look at.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// As it is stored.
    pub text: String,
    /// Rust only: the text with comments and the contents of literals blanked; same length, same lines.
    pub code: String,
    /// Rust only: `code` with modules under `#[cfg(test)]` blanked too; empty for files that are tests.
    pub shipped: String,
}

/// A function and where it stands.
#[derive(Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of its `fn`, from 0.
    pub first_line: usize,
    /// Line of its closing brace, from 0.
    pub last_line: usize,
    /// Lines with code between its braces, both included.
    pub n_code_lines: usize,
}

impl Source {
    /// Looks at a file.
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { blank_text(text) } else { String::new() };
        let is_test_folder = path.split('/').any(|it| ["tests", "benches", "fuzz"].contains(&it));
        let is_test = is_test_folder
            || ["/tests.rs", "_tests.rs"].iter().any(|it| path.ends_with(it))
            || path.contains("_tests/");
        let shipped = if is_test { String::new() } else { blank_test_modules(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, shipped }
    }

    /// True for Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines of shipped code: no comments, no empty lines, no tests.
    pub fn n_code_lines(&self) -> usize {
        count_lines(&self.shipped)
    }

    /// Functions with a body in shipped code.
    pub fn functions(&self) -> Vec<Function> {
        let code = &self.shipped;
        let starts = code.match_indices("fn ").map(|it| it.0).filter(|it| is_word_start(code, *it));
        starts.filter_map(|start| function_at(code, start)).collect()
    }
}

fn is_word_start(code: &str, start: usize) -> bool {
    let before = code.get(..start).and_then(|it| it.chars().next_back());
    before.is_none_or(|it| !it.is_alphanumeric() && it != '_')
}

fn function_at(code: &str, start: usize) -> Option<Function> {
    let rest = code.get(start..)?;
    let name: String = rest.chars().skip(3).take_while(|it| it.is_alphanumeric() || *it == '_').collect();
    let body = body_of(rest)?;
    if name.is_empty() {
        return None;
    }
    let end = body + closing(rest.get(body..)?)?;
    let line_of = |offset: usize| code.get(..offset).map_or(0, |it| it.matches('\n').count());
    Some(Function {
        name,
        first_line: line_of(start),
        last_line: line_of(start + end),
        n_code_lines: count_lines(rest.get(body..=end)?),
    })
}

/// Offset of the brace that opens a function's body; None for a declaration without one.
fn body_of(signature: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, it) in signature.char_indices() {
        match it {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '{' if depth == 0 => return Some(offset),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Offset of the bracket that closes the one at the start; blanked code has no brackets in literals.
pub fn closing(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, it) in code.char_indices() {
        match it {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(offset);
        }
    }
    None
}

fn count_lines(code: &str) -> usize {
    code.lines().filter(|it| !it.trim().is_empty()).count()
}

/// Replaces everything between two offsets by spaces, line ends stay.
fn blank(text: &str) -> String {
    text.chars().map(|it| if it == '\n' { '\n' } else { ' ' }).collect()
}

/// Blanks `mod` blocks under `#[cfg(test)]`.
fn blank_test_modules(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut result = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, after)) = rest.split_once(MARK) {
        let end = after.find(['{', ';']).and_then(|it| match after.as_bytes().get(it) {
            Some(b'{') => Some(it + closing(after.get(it..)?)? + 1),
            _ => Some(it + 1),
        });
        let (module, left) = after.split_at(end.unwrap_or(after.len()));
        result.push_str(before);
        result.push_str(&blank(MARK));
        result.push_str(&blank(module));
        rest = left;
    }
    result + rest
}

/// Blanks comments and the contents of literals, so that what is left can be searched and counted.
fn blank_text(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let n_bytes = literal_or_comment(rest, result.chars().next_back());
        let (part, left) = rest.split_at(n_bytes.max(first.len_utf8()));
        result.push_str(&if n_bytes > 0 { blank(part) } else { part.to_owned() });
        rest = left;
    }
    result
}

/// How many bytes a comment or literal at the start of the text takes; 0 if there is none.
fn literal_or_comment(text: &str, before: Option<char>) -> usize {
    let is_in_word = before.is_some_and(|it| it.is_alphanumeric() || it == '_');
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |it| it + 2);
    }
    if !is_in_word && let Some(n_bytes) = raw_string(text) {
        return n_bytes;
    }
    match text.strip_prefix('"') {
        Some(inside) => 1 + escaped_until(inside, '"'),
        None => character(text),
    }
}

/// `r"..."`, `r#"..."#`, `br"..."`.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let n_hashes = after.chars().take_while(|it| *it == '#').count();
    let inside = after.get(n_hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(n_hashes));
    let begin = text.len() - inside.len();
    Some(inside.find(&end).map_or(text.len(), |it| begin + it + end.len()))
}

/// Bytes up to and with the first `end` that is not escaped.
fn escaped_until(text: &str, end: char) -> usize {
    let mut is_escaped = false;
    for (offset, it) in text.char_indices() {
        if it == end && !is_escaped {
            return offset + it.len_utf8();
        }
        is_escaped = it == '\\' && !is_escaped;
    }
    text.len()
}

/// `'x'` and `'\n'`, but not the lifetime `'a`.
fn character(text: &str) -> usize {
    let Some(inside) = text.strip_prefix('\'') else {
        return 0;
    };
    let is_literal = inside.starts_with('\\') || inside.chars().nth(1) == Some('\'');
    if is_literal { 1 + escaped_until(inside, '\'') } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b\n */ c", "a     \n    c"),
            (r#"f("a\"{", x)"#, "f(      , x)"),
            (r##"f(r#"a"b"#, x)"##, "f(        , x)"),
            ("x == '{' && y", "x ==     && y"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            (r"c == '\'' || d", "c ==      || d"),
        ] {
            assert_eq!(blank_text(text), expected, "{text}");
        }
    }

    #[test]
    fn tests_do_not_count_as_code() {
        let text = "//! Doc.\nfn a() {\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
        let source = Source::new("crates/x/src/y.rs", text);
        assert_eq!(source.n_code_lines(), 3);
        for path in
            ["crates/x/tests/y.rs", "crates/x/src/y/tests.rs", "crates/x/src/y_tests.rs", "crates/x/src/y_tests/z.rs"]
        {
            assert_eq!(Source::new(path, text).n_code_lines(), 0, "{path}");
        }
    }

    #[test]
    fn functions_are_found_with_their_length() {
        let source = Source::new("a.rs", "trait T {\n    fn none();\n}\nfn one(x: [u8; 2]) {\n    // no\n    x;\n}\n");
        let found = source.functions();
        assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["one"]);
        assert_eq!((found[0].first_line, found[0].last_line, found[0].n_code_lines), (3, 6, 3));
    }
}
