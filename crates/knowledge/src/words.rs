//! Which words does a text have? The same for `PoolExhausted`, `pool_exhausted` and `pools are exhausted`.

/// Words that say nothing by themselves.
const STOP: [&str; 58] = [
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "did", "do", "does", "for", "from", "had", "has",
    "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "so", "than",
    "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "we", "were", "what", "when",
    "where", "which", "who", "why", "will", "with", "would", "you", "your", "us",
];
/// Longer runs of letters and digits are identities, not words.
const MAX_LETTERS: usize = 40;
/// Numbers this long may be codes (503, 8080); longer ones are values.
const MAX_DIGITS: usize = 5;
/// A text is read up to so many words.
const MAX_WORDS: usize = 4_000;

/// The stemmed words of a text, in order.
pub fn terms(text: &str) -> Vec<String> {
    raw_words(text).into_iter().filter(|it| !STOP.contains(&it.as_str())).map(|it| stem(&it)).collect()
}

/// The words as they are written, in lower case; compounds are split.
fn raw_words(text: &str) -> Vec<String> {
    let mut words = vec![];
    for run in text.split(|it: char| !it.is_alphanumeric()) {
        if run.is_empty() || run.len() > 4 * MAX_LETTERS {
            continue;
        }
        if words.len() >= MAX_WORDS {
            break;
        }
        words.extend(parts(run).into_iter().filter(|it| is_word(it)).map(|it| it.to_lowercase()));
    }
    words
}

fn is_word(part: &str) -> bool {
    let n_letters = part.chars().count();
    match part.bytes().all(|it| it.is_ascii_digit()) {
        true => (2..=MAX_DIGITS).contains(&n_letters),
        false => (1..=MAX_LETTERS).contains(&n_letters) && !is_hexadecimal(part),
    }
}

/// Hashes and addresses of memory: they are of one occasion only.
fn is_hexadecimal(part: &str) -> bool {
    let digits = part.strip_prefix("0x").unwrap_or(part);
    let is_long = part.len() >= 6;
    is_long && digits.bytes().all(|it| it.is_ascii_hexdigit()) && digits.bytes().any(|it| it.is_ascii_digit())
}

/// `NameSystemError` is three words, `HTTPServer` two, `utf8` one.
fn parts(run: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = run.char_indices().collect();
    let mut cuts = vec![0];
    for window in chars.windows(3) {
        let [(_, before), (at, it), (_, after)] = window else { continue };
        let begins = before.is_lowercase() && it.is_uppercase();
        let ends_short_form = before.is_uppercase() && it.is_uppercase() && after.is_lowercase();
        if begins || ends_short_form {
            cuts.push(*at);
        }
    }
    cuts.push(run.len());
    cuts.windows(2).filter_map(|it| run.get(*it.first()?..*it.last()?)).filter(|it| !it.is_empty()).collect()
}

/// Cuts the endings of English words, so that `connections`, `connected` and `connection` are one; the same for all words,
/// so that it does not matter where a stem is no word.
pub fn stem(word: &str) -> String {
    if word.len() < 4 || !word.bytes().all(|it| it.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let word = singular(word);
    for (ending, least) in [
        ("ations", 4),
        ("ation", 4),
        ("ions", 4),
        ("ion", 4),
        ("ings", 3),
        ("ing", 3),
        ("ures", 4),
        ("ure", 4),
        ("ed", 3),
        ("er", 5),
        ("e", 3),
    ] {
        if let Some(rest) = word.strip_suffix(ending).filter(|it| it.len() >= least && has_vowel(it)) {
            return undoubled(rest).to_owned();
        }
    }
    word
}

fn singular(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ies").filter(|it| it.len() >= 2) {
        return format!("{rest}y");
    }
    for kept in ["ss", "us", "is"] {
        if word.ends_with(kept) {
            return word.to_owned();
        }
    }
    for es in ["sses", "shes", "ches", "xes"] {
        if word.ends_with(es) {
            return word.strip_suffix("es").unwrap_or(word).to_owned();
        }
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

fn has_vowel(word: &str) -> bool {
    word.bytes().any(|it| matches!(it, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'))
}

/// `stopp` is `stop`.
fn undoubled(word: &str) -> &str {
    let bytes = word.as_bytes();
    match bytes {
        [.., a, b] if a == b && !matches!(b, b'l' | b's' | b'z' | b'e' | b'o') => {
            word.get(..word.len() - 1).unwrap_or(word)
        }
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_code_and_of_people_are_the_same() {
        let expected = ["pool", "exhaust"];
        for text in ["PoolExhausted", "pool_exhausted", "the pools are exhausted", "POOL.EXHAUSTED!"] {
            assert_eq!(terms(text), expected, "{text}");
        }
        for text in ["connection", "connections", "connected", "connecting", "connect"] {
            assert_eq!(terms(text), ["connect"], "{text}");
        }
        for text in ["fail", "failed", "failure", "failures", "failing"] {
            assert_eq!(terms(text), ["fail"], "{text}");
        }
    }

    #[test]
    fn values_and_identities_are_no_words() {
        let text = "blk_1608999687919862906 0x7f3a21 status 503 port 50010";
        assert_eq!(terms(text), ["blk", "status", "503", "port", "50010"]);
        assert_eq!(terms("ABCDEF0123456789 7 <*> HTTPServer"), ["http", "server"]);
    }
}
