//! How are words numbers? Decimal, hexadecimal, or of the letters that occur in a column, between the same text.
//!
//! ```text
//! form = base (0 decimal, 1 and 2 hexadecimal in small and large letters, 3 letters) | digits, 0 for no zeros before a
//!        number | text before | text behind | for letters: text of all of them
//! ```

use crate::bytes::{Reader, put_text};

/// Numbers of more digits may not fit into 64 bits; of letters they are counted by [`Letters::most_digits`].
const MOST_DIGITS: [usize; 4] = [19, 16, 16, 40];
/// The base of letters.
const LETTERS: u8 = 3;
/// Letters and digits of ASCII.
const MOST_LETTERS: usize = 62;

/// How the words of a column are numbers.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    base: u8,
    /// With zeros before a number; 0 if there are none.
    digits: usize,
    before: &'a str,
    behind: &'a str,
    letters: Letters,
}

impl<'a> Form<'a> {
    /// None if one of the words is no number.
    pub fn of(words: &[&'a str]) -> Option<Self> {
        let first = words.first()?;
        let whole = Form { base: 0, digits: 0, before: "", behind: "", letters: Letters::default() };
        // Letters may be digits, so what all have in common is looked at last.
        whole.fitting(words).or_else(|| {
            let is_first = |it: &&str, length: usize| it.as_bytes().get(..length) == first.as_bytes().get(..length);
            let is_last = |it: &&str, length: usize| {
                it.len() >= length
                    && it.as_bytes().get(it.len() - length..) == first.as_bytes().get(first.len() - length..)
            };
            let shortest = words.iter().map(|it| it.len()).min()?;
            let before = (0..=shortest).take_while(|n| words.iter().all(|it| is_first(it, *n))).last()?;
            let before = first.get(..before)?.trim_end_matches(|it: char| it.is_ascii_digit());
            let room = shortest - before.len();
            let behind = (0..=room).take_while(|n| words.iter().all(|it| is_last(it, *n))).last()?;
            let behind = first.get(first.len() - behind..)?.trim_start_matches(|it: char| it.is_ascii_digit());
            Form { before, behind, ..whole }.fitting(words).filter(|_| before.len() + behind.len() > 0)
        })
    }

    /// Of words that have equally many letters and digits; None if they are no such words or too long.
    pub fn of_letters(words: &[&'a str]) -> Option<Self> {
        let digits = words.first()?.len();
        let letters = Letters::of(words)?;
        let is_number = digits > 0 && digits <= letters.most_digits() && words.iter().all(|it| it.len() == digits);
        is_number.then_some(Form { base: LETTERS, digits, before: "", behind: "", letters })
    }

    /// The same with the base and the digits that fit the words.
    fn fitting(self, words: &[&'a str]) -> Option<Self> {
        let middles = || words.iter().map(|it| self.middle(it));
        let length = middles().next()?.len();
        let is_fixed = middles().all(|it| it.len() == length);
        let is_natural = || middles().all(is_natural);
        let digits = if is_fixed { length } else { 0 };
        if !is_fixed && !is_natural() {
            return None;
        }
        let fits = |base: &u8| {
            let most = MOST_DIGITS.get(usize::from(*base)).copied().unwrap_or(0);
            middles().all(|it| !it.is_empty() && it.len() <= most && it.bytes().all(|byte| is_digit(byte, *base)))
        };
        let base = (0..LETTERS).find(fits)?;
        Some(Self { base, digits, ..self })
    }

    fn middle(&self, word: &'a str) -> &'a str {
        word.get(self.before.len()..word.len() - self.behind.len()).unwrap_or_default()
    }

    /// The number that a word of the column is.
    pub fn number(&self, word: &'a str) -> i64 {
        let middle = self.middle(word);
        match self.base {
            LETTERS => self.letters.number(middle).unwrap_or(0) as i64,
            base => u64::from_str_radix(middle, radix(base)).unwrap_or(0) as i64,
        }
    }

    /// The number that a word in lower case would be; None if it is none of this form.
    pub fn number_of(&self, word: &str) -> Option<u64> {
        let end = word.len().checked_sub(self.behind.len())?;
        let is_between = word.get(..self.before.len())?.eq_ignore_ascii_case(self.before)
            && word.get(end..)?.eq_ignore_ascii_case(self.behind);
        let middle = word.get(self.before.len()..end).filter(|_| is_between)?;
        let fits = if self.digits == 0 { is_natural(middle) } else { middle.len() == self.digits };
        match self.base {
            _ if !fits => None,
            LETTERS => self.letters.number(middle),
            // A plus sign is no digit.
            base => u64::from_str_radix(middle, radix(base)).ok().filter(|_| !middle.starts_with('+')),
        }
    }

    /// True if its words are words of a search, of which upper and lower case are the same.
    pub fn is_word(&self) -> bool {
        let around = self.before.bytes().chain(self.behind.bytes());
        around.into_iter().all(|it| it.is_ascii_alphanumeric()) && self.letters.are_small()
    }

    /// True if numbers of both forms can be in one column.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.base, self.before, self.behind) == (other.base, other.before, other.behind) && self.base != LETTERS
    }

    /// How many each has; 0 if that differs.
    pub const fn digits(&self) -> usize {
        self.digits
    }

    /// True if a word of the column has zeros before its number.
    pub fn has_zeros(&self, word: &'a str) -> bool {
        !is_natural(self.middle(word))
    }

    /// The same for numbers of any length.
    pub const fn natural(self) -> Self {
        Self { digits: 0, ..self }
    }

    /// Adds what is needed to read it.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend([self.base, self.digits as u8]);
        put_text(out, self.before);
        put_text(out, self.behind);
        if self.base == LETTERS {
            put_text(out, std::str::from_utf8(self.letters.all()).unwrap_or_default());
        }
    }

    /// Of a layout in which there are letters.
    pub fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let base = reader.byte().filter(|it| *it <= LETTERS)?;
        let most_digits = MOST_DIGITS.get(usize::from(base))?;
        let digits = usize::from(reader.byte()?).min((*most_digits).max(MOST_DIGITS[0]));
        let (before, behind) = (reader.text()?, reader.text()?);
        let letters = if base == LETTERS { Letters::of(&[reader.text()?])? } else { Letters::default() };
        Some(Self { base, digits, before, behind, letters })
    }

    /// Adds the word that a number is.
    pub fn put_word(&self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
        match self.base {
            LETTERS => self.letters.put(number, self.digits, out),
            base => put_number(number, base, self.digits, out),
        }
        out.extend_from_slice(self.behind.as_bytes());
    }
}

/// No zero before it, or nothing else.
fn is_natural(digits: &str) -> bool {
    digits == "0" || !digits.starts_with('0')
}

const fn radix(base: u8) -> u32 {
    if base == 0 { 10 } else { 16 }
}

/// True if the byte is a digit of the base, which is not that of letters.
pub fn is_digit(byte: u8, base: u8) -> bool {
    byte.is_ascii_digit()
        || match base {
            0 => false,
            1 => (b'a'..=b'f').contains(&byte),
            _ => (b'A'..=b'F').contains(&byte),
        }
}

/// Adds a number with zeros before it if it is shorter.
pub fn put_number(mut number: u64, base: u8, digits: usize, out: &mut Vec<u8>) {
    let (radix, letter) = match base {
        0 => (10, 0),
        1 => (16, b'a' - 10),
        _ => (16, b'A' - 10),
    };
    let start = out.len();
    while number > 0 || out.len() == start {
        let digit = (number % radix) as u8;
        out.push(if digit < 10 { b'0' + digit } else { letter + digit });
        number /= radix;
    }
    while out.len() < start + digits {
        out.push(b'0');
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// The letters and digits of which words are made, in order.
#[derive(Clone, Copy, Debug)]
struct Letters {
    bytes: [u8; MOST_LETTERS],
    count: usize,
}

impl Default for Letters {
    fn default() -> Self {
        Self { bytes: [0; MOST_LETTERS], count: 0 }
    }
}

impl Letters {
    /// None if there are others than letters and digits of ASCII, or none.
    fn of(words: &[&str]) -> Option<Self> {
        let mut is_there = [false; 128];
        for byte in words.iter().flat_map(|it| it.bytes()) {
            *is_there.get_mut(usize::from(byte)).filter(|_| byte.is_ascii_alphanumeric())? = true;
        }
        let mut letters = Self::default();
        for (byte, _) in is_there.iter().enumerate().filter(|it| *it.1) {
            *letters.bytes.get_mut(letters.count)? = byte as u8;
            letters.count += 1;
        }
        (letters.count > 0).then_some(letters)
    }

    fn all(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }

    fn are_small(&self) -> bool {
        !self.all().iter().any(u8::is_ascii_uppercase)
    }

    /// Words of so many fit into 63 bits.
    fn most_digits(&self) -> usize {
        let most = MOST_DIGITS.get(usize::from(LETTERS)).copied().unwrap_or(0);
        let mut room = i64::MAX as u64;
        let mut digits = 0;
        while digits < most && room >= self.count as u64 {
            room /= (self.count as u64).max(1);
            digits += 1;
        }
        digits
    }

    fn number(&self, word: &str) -> Option<u64> {
        let place = |byte: u8| self.all().iter().position(|it| *it == byte);
        word.bytes().try_fold(0_u64, |all, byte| all.checked_mul(self.count as u64)?.checked_add(place(byte)? as u64))
    }

    fn put(&self, mut number: u64, digits: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let radix = (self.count as u64).max(1);
        for _ in 0..digits {
            out.push(self.bytes.get((number % radix) as usize).copied().unwrap_or(b'?'));
            number /= radix;
        }
        out.get_mut(start..).unwrap_or_default().reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbers_and_come_back() {
        let check = |words: &[&str], form: Form<'_>| {
            for word in words {
                let mut out = vec![];
                form.put_word(form.number(word) as u64, &mut out);
                assert_eq!(out, word.as_bytes());
                assert_eq!(form.number_of(&word.to_lowercase()), Some(form.number(word) as u64), "{word}");
            }
            let mut out = vec![];
            form.put(&mut out);
            let read = Form::read(&mut Reader::new(&out)).unwrap();
            assert_eq!(format!("{read:?}"), format!("{form:?}"));
        };
        for words in [&["7", "123"][..], &["07", "12"], &["00ff", "12ab"], &["00FF", "12AB"], &["R7x", "R12x"]] {
            check(words, Form::of(words).unwrap());
        }
        let words = ["abcdefghi", "qwertyuio"];
        let form = Form::of_letters(&words).unwrap();
        check(&words, form);
        assert!(form.is_word() && !Form::of_letters(&["Ab"]).unwrap().is_word());
        for other in ["abcdefgh", "abcdefghz", "+12345678", "\u{e9}bcdefgh", ""] {
            assert_eq!(form.number_of(other), None, "{other}");
        }
        let natural = Form::of(&["7", "123"]).unwrap();
        for other in ["07", "+7", "x", "", "99999999999999999999"] {
            assert_eq!(natural.number_of(other), None, "{other}");
        }
        assert!(Form::of_letters(&["a".repeat(41).as_str()]).is_none());
        assert!(Form::of_letters(&["a_b"]).is_none() && Form::of_letters(&["ab", "a"]).is_none());
    }
}
