//! Is a word a variable? Judged by its characters alone.

/// What a byte is to the masker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    pub(super) const SPACE: Self = Self(1);
    pub(super) const MARK: Self = Self(2);
    const WORD: u8 = 4;
    const DIGIT: u8 = 8;
    /// Not a part of a hexadecimal number.
    const OTHER: u8 = 16;
    const DOT: u8 = 32;
    const SLASH: u8 = 64;

    pub(super) fn of(byte: u8) -> Self {
        TABLE.get(usize::from(byte)).copied().unwrap_or(Self::MARK)
    }

    pub(super) fn is_word(self) -> bool {
        self.0 & Self::WORD != 0
    }
}

const TABLE: [Class; 256] = classes();

#[allow(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index does not compile")]
const fn classes() -> [Class; 256] {
    let mut table = [Class::MARK; 256];
    let mut idx = 0;
    while idx < 256 {
        table[idx] = match idx as u8 {
            0..=b' ' => Class::SPACE,
            b'0'..=b'9' => Class(Class::WORD | Class::DIGIT),
            b'a'..=b'f' | b'A'..=b'F' | b'-' => Class(Class::WORD),
            b'.' => Class(Class::WORD | Class::OTHER | Class::DOT),
            b'/' => Class(Class::WORD | Class::OTHER | Class::SLASH),
            b'g'..=b'z' | b'G'..=b'Z' | b'_' | b'%' | b'~' | 0x80.. => Class(Class::WORD | Class::OTHER),
            _ => Class::MARK,
        };
        idx += 1;
    }
    table
}

/// A word at the beginning of a text.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    /// Without the punctuation that follows.
    pub(super) text: &'a [u8],
    seen: u8,
    digits: usize,
}

impl<'a> Word<'a> {
    /// The word that `rest` begins with. A full stop at its end and a row of them are punctuation: `took 12.` and
    /// `took 13.` must not differ, and `depth....8` is two words.
    pub(super) fn begin(rest: &'a [u8]) -> Self {
        let (mut seen, mut digits, mut length) = (0, 0, 0);
        for byte in rest {
            let class = Class::of(*byte);
            if !class.is_word() || class.0 & Class::DOT != 0 && ends_word(rest.get(length + 1)) {
                break;
            }
            seen |= class.0;
            digits += usize::from(class.0 & Class::DIGIT != 0);
            length += 1;
        }
        Self { text: rest.get(..length).unwrap_or(rest), seen, digits }
    }

    /// True if the word differs from line to line by the looks of it.
    pub(super) fn is_variable(&self) -> bool {
        let (Some(first), Some(last)) = (self.text.first(), self.text.last()) else { return false };
        if self.digits == 0 {
            return match self.seen & (Class::SLASH | Class::DOT) {
                0 => self.is_hex() && self.text.len() >= 8 && *first != b'-',
                Class::DOT => is_host(self.text),
                _ => *first == b'/' && self.text.len() > 1,
            };
        }
        // `mod_jk2_init` is a name, `a1f-x93b2-k` is not; `deadbeef` is an id, shorter ones may be words such as `face`.
        let is_negative = *first == b'-' && self.text.get(1).is_some_and(u8::is_ascii_digit);
        let is_id = self.digits > 2 || self.text.len() >= 24 || self.is_hex() && self.text.len() >= 4;
        let is_path = *first == b'/';
        first.is_ascii_digit() || last.is_ascii_digit() || is_path || is_negative || is_id || is_host(self.text)
    }

    /// True for hexadecimal digits and hyphens only.
    pub(super) fn is_hex(&self) -> bool {
        self.seen & Class::OTHER == 0
    }

    /// True for a decimal number such as `12` or `5.25`.
    pub(super) fn is_number(&self) -> bool {
        let dots = self.text.iter().filter(|it| **it == b'.').count();
        self.digits > 0 && self.digits + dots == self.text.len() && dots <= 1
    }

    /// True if there is a dot inside.
    pub(super) fn has_dot(&self) -> bool {
        self.seen & Class::DOT != 0
    }
}

fn ends_word(next: Option<&u8>) -> bool {
    next.is_none_or(|it| *it == b'.' || !Class::of(*it).is_word())
}

/// Top-level domains that are no common endings of file names or identifiers.
const DOMAINS: [&[u8]; 9] = [b"com", b"net", b"org", b"edu", b"gov", b"mil", b"info", b"local", b"internal"];

/// True for `mail.example.com`, not for `java.io.tmpdir`, `com.example.Shop` and `libc.so`.
fn is_host(word: &[u8]) -> bool {
    let mut labels = word.rsplit(|it| *it == b'.');
    let Some(top) = labels.next() else { return false };
    let (mut others, mut first, mut is_plain) = (0, top, true);
    for label in labels {
        (others, first) = (others + 1, label);
        is_plain &= label.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'-') && !label.is_empty();
    }
    // Countries have two letters, and so have `libc.so` and `deploy.sh`: these need one label more.
    let is_country = others >= 2 && top.len() == 2 && top.iter().all(u8::is_ascii_lowercase);
    // Packages are domains written backward.
    is_plain && (is_country || others >= 1 && DOMAINS.contains(&top)) && !DOMAINS.contains(&first) && first != b"java"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], expected: bool) {
        for word in words {
            assert_eq!(Word::begin(word.as_bytes()).is_variable(), expected, "{word}");
        }
    }

    #[test]
    fn ids_numbers_paths_and_hosts_are_variables() {
        check(
            &["7", "-5", "12.5ms", "0xbeef", "eth0", "3rd", "00c0ffee", "deadbeef", "a1f-x93b2-k", "/var/lib/x"],
            true,
        );
        check(&["mail.example.com", "db-1.eu.example.co.uk", "a.b.de", "KB2928120~31bf~amd64", "v1.2.3"], true);
    }

    #[test]
    fn names_are_not() {
        check(&["face", "mod_jk2_init", "java.io.tmpdir", "com.example.net", "libc.so", "and/or", "/", "-", ""], false);
        check(&["PriceRules.apply", "main.go", "------------", "\u{fc}ber", "e-mail"], false);
    }

    #[test]
    fn punctuation_at_the_end_is_not_of_the_word() {
        let length = |text: &str| Word::begin(text.as_bytes()).text.len();
        assert_eq!(["took.", "depth....8", "a.b. c", "v1.2", "..", "x"].map(length), [4, 5, 3, 4, 0, 1]);
    }
}
