//! Which words does a question have? As they were written, in lower case, and whether something was read from them.

/// A word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// As it was written, without signs at its ends.
    pub text: String,
    /// The same in lower case.
    pub lower: String,
    /// True once a time, a service or the like was read from it.
    pub is_taken: bool,
}

/// Cuts a question into words; `14:32`, `INC-17`, `/api/v1` and `Europe/Berlin` stay whole.
pub fn tokens(text: &str) -> Vec<Token> {
    let text = text.replace(['\u{2019}', '\u{2018}'], "'").replace(['\u{2013}', '\u{2014}'], "-");
    text.split(|it: char| it.is_whitespace() || it.is_control()).filter_map(token).collect()
}

fn token(word: &str) -> Option<Token> {
    let is_sign = |it: char| {
        matches!(it, ',' | '.' | ';' | ':' | '!' | '?' | '"' | '\'' | '`' | '(' | ')' | '[' | ']' | '<' | '>' | '*')
    };
    let text = word.trim_matches(is_sign);
    (!text.is_empty()).then(|| Token { text: text.to_owned(), lower: text.to_lowercase(), is_taken: false })
}

/// Marks words as read.
pub fn take(tokens: &mut [Token], from: usize, count: usize) {
    tokens.iter_mut().skip(from).take(count).for_each(|it| it.is_taken = true);
}

/// The word at a place in lower case, "" beyond the end or where it was taken.
pub fn free(tokens: &[Token], idx: usize) -> &str {
    tokens.get(idx).filter(|it| !it.is_taken).map_or("", |it| &it.lower)
}

/// The word at a place in lower case, "" beyond the end.
pub fn any(tokens: &[Token], idx: usize) -> &str {
    tokens.get(idx).map_or("", |it| &it.lower)
}
